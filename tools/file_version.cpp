#include "tools/file_version.hpp"

namespace zstdfs::tools {

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool same_object(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT);
}

bool same_version(const struct stat& a, const struct stat& b) {
  return same_object(a, b) && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim);
}

}  // namespace zstdfs::tools
