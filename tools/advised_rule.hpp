#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/advice.hpp"
#include "tools/file_filter.hpp"

namespace zstdfs::tools {

/// Where files that were sampled lie: the directory and what of it was looked at.
struct AdvisedFiles {
  std::string directory;
  FileFilter filter;
};

struct RulePaths {
  /// Patterns of a policy's rule (docs/policy.md); none when the rule is for everything.
  std::vector<std::string> patterns;
  /// Whether the directory is in a store. Otherwise its path there is not known, and the patterns
  /// are as if it were the root.
  bool in_store = false;
};

/// The paths of a rule for these files. Throws std::system_error.
RulePaths rule_paths(const AdvisedFiles& files);

/// A rule for a policy that brings files to what is advised. A dictionary is not part of it,
/// because it has no id before it is installed.
nlohmann::ordered_json advised_rule(const Advice& advice, const std::vector<std::string>& paths);

}  // namespace zstdfs::tools
