#pragma once

#include <sys/stat.h>

#include <set>
#include <utility>

namespace zstdfs::tools {

/// Tells files with several names that a walk meets again, so that each is taken once.
class FirstNames {
 public:
  /// Whether a file was not met before under another name.
  bool add(const struct stat& status) {
    return status.st_nlink < 2 || met_.emplace(status.st_dev, status.st_ino).second;
  }

 private:
  std::set<std::pair<dev_t, ino_t>> met_;  // those that have several names
};

}  // namespace zstdfs::tools
