#include "tools/tree_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

std::error_code last_error() {
  return {errno, std::generic_category()};
}

/// A tree may be deeper than the usual 1024 descriptors; the hard limit is ours to use.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // where it fails, the deepest directories are reported
}

class Walk {
 public:
  explicit Walk(const TreeVisitor& visitor) : visitor_(visitor) {}

  void directory(os::UniqueFd fd, const std::string& path) {
    const DirectoryStream stream(::fdopendir(fd.get()));
    if (!stream) return visitor_.failed(path, last_error());
    fd.release();  // the stream owns it now
    const int directory_fd = ::dirfd(stream.get());
    for (const std::string& name : names(stream.get(), path)) {
      entry(directory_fd, name, path.empty() ? name : path + "/" + name);
    }
  }

 private:
  std::vector<std::string> names(DIR* stream, const std::string& path) {
    std::vector<std::string> result;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") result.emplace_back(name);
    }
    if (errno != 0) visitor_.failed(path, last_error());
    std::sort(result.begin(), result.end());
    return result;
  }

  void entry(int directory_fd, const std::string& name, const std::string& path) {
    struct stat status {};
    if (::fstatat(directory_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) visitor_.failed(path, last_error());  // removed meanwhile: no matter
      return;
    }
    const Descend descend = visitor_.visit(WalkEntry{directory_fd, name, path, status});
    if (!S_ISDIR(status.st_mode) || descend == Descend::kNo) return;
    try {
      directory(open_directory(directory_fd, name, FollowLinks::kNo), path);
    } catch (const std::system_error& error) {
      visitor_.failed(path, error.code());
    }
  }

  const TreeVisitor& visitor_;
};

}  // namespace

void walk_tree(os::UniqueFd root, const TreeVisitor& visitor) {
  allow_many_descriptors();
  Walk(visitor).directory(std::move(root), "");
}

}  // namespace zstdfs::tools
