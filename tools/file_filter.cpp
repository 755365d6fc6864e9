#include "tools/file_filter.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace zstdfs::tools {
namespace {

bool matches(const std::string& pattern, const std::string& path) {
  if (pattern.find('/') == std::string::npos) {
    const std::string name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  }
  const std::string below_root = pattern.starts_with('/') ? pattern.substr(1) : pattern;
  return ::fnmatch(below_root.c_str(), path.c_str(), FNM_PATHNAME) == 0;
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches(pattern, path); });
}

}  // namespace

bool FileFilter::takes_file(const std::string& path) const {
  return (include.empty() || matches_any(include, path)) && !matches_any(exclude, path);
}

bool FileFilter::enters_directory(const std::string& path) const {
  return !matches_any(exclude, path);
}

}  // namespace zstdfs::tools
