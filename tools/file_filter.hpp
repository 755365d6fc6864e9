#pragma once

#include <string>
#include <vector>

namespace zstdfs::tools {

/// Which files of a tree a command takes, by shell patterns. A pattern with a '/' is matched
/// against the whole path below the tree's root, where '*' and '?' match no '/'; one without
/// against the name alone.
struct FileFilter {
  std::vector<std::string> include;  ///< a file has to match one of them; all do when there is none
  std::vector<std::string> exclude;  ///< neither files nor whole directories that match one

  /// Whether a file is taken. `path` is relative to the tree's root.
  bool takes_file(const std::string& path) const;
  /// Whether what is in a directory is looked at.
  bool enters_directory(const std::string& path) const;
};

}  // namespace zstdfs::tools
