#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/usage_count.hpp"
#include "tools/usage_groups.hpp"
#include "tools/usage_losers.hpp"

namespace zstdfs::tools {

/// Everything that `zstdfs usage` was asked for.
struct UsageReport {
  std::string path;         ///< as it was given
  std::string stored_path;  ///< in the backing directory
  Usage usage;
  struct Groups {
    GroupBy by = GroupBy::kDirectory;
    std::size_t depth = 1;
    std::vector<UsageGroup> groups;
  };
  std::optional<Groups> groups;
  struct Losers {
    std::vector<UsageLoser> largest;
    std::map<LossReason, Totals> by_reason;
  };
  std::optional<Losers> losers;
};

/// Tables for people; on a terminal with bars.
void print_usage_tables(const UsageReport& report);
/// A JSON object: docs/json.md, "usage".
void print_usage_json(const UsageReport& report);
/// One CSV table with a heading: of the groups, of the losers, or else of the forms. Precondition:
/// not both groups and losers.
void print_usage_csv(const UsageReport& report);

/// "directory", "extension", "owner".
std::string group_by_name(GroupBy by);

}  // namespace zstdfs::tools
