#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "tools/usage_count.hpp"

namespace zstdfs::tools {

enum class GroupBy { kDirectory, kExtension, kOwner };

struct UsageGroup {
  std::string name;
  Totals totals;
};

/// Sums up files by what they have in common.
///
/// Memory: in proportion to the number of groups.
class UsageGroups {
 public:
  /// `depth`: how many names of a directory's path, from the root, make a group; at least 1.
  UsageGroups(GroupBy by, std::size_t depth) : by_(by), depth_(depth) {}

  void add(const CountedFile& file);
  /// The groups that save most on disk first, those that cost something last.
  std::vector<UsageGroup> sorted() const;

 private:
  std::string name_of(const WalkEntry& entry);

  const GroupBy by_;
  const std::size_t depth_;
  std::unordered_map<std::string, Totals> groups_;
  std::unordered_map<uid_t, std::string> owners_;  // names that were looked up
};

/// "dir/sub" of "dir/sub/more/file" with depth 2; "." for what lies in the root.
std::string directory_group(const std::string& path, std::size_t depth);

/// ".log" of "x.LOG": in lower case, at most 16 letters and digits; otherwise "(none)".
std::string extension_group(const std::string& name);

}  // namespace zstdfs::tools
