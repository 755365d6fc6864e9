#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <system_error>

#include "fs/os/posix.hpp"

namespace zstdfs::tools {

/// Something found in a tree. The references hold during the call only.
struct WalkEntry {
  int directory_fd = -1;    ///< of the directory that holds it
  const std::string& name;  ///< in that directory
  const std::string& path;  ///< below the tree's root, without a leading '/'
  const struct stat& status;
};

enum class Descend { kNo, kYes };

struct TreeVisitor {
  /// Called for everything in the tree; for a directory before what is in it, and the result says
  /// whether to go in.
  std::function<Descend(const WalkEntry&)> visit;
  /// Called for what could not be examined; the walk goes on. `path` is "" for the root itself.
  std::function<void(const std::string& path, const std::error_code&)> failed;
};

/// Walks the tree below an open directory, names in byte order. Follows no symbolic link and opens
/// nothing but directories, one descriptor for each level. Other filesystems mounted inside are
/// part of the tree, as they are for the daemon.
void walk_tree(os::UniqueFd root, const TreeVisitor& visitor);

}  // namespace zstdfs::tools
