#include "fs/fuse/limits.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace zstdfs::fuse {
namespace {

// Chunks of 16 MiB and the like. Without a bound of ours glibc moves its own up to them, and then
// what was freed of them stays.
constexpr int kOwnMappingBytes = 4 << 20;
// So much that was freed is kept at the heap's end, for the next requests.
constexpr int kKeptFreeBytes = 8 << 20;

constexpr rlim_t kFallbackFiles = 1024;
// More would only hold the lower filesystem's inodes in memory.
constexpr rlim_t kMostFiles = 1u << 20;

}  // namespace

std::size_t raise_limits() {
  // The programs' own limits are kept by the kernel at the mount.
  rlimit size;
  if (::getrlimit(RLIMIT_FSIZE, &size) == 0) {
    size.rlim_cur = size.rlim_max;
    ::setrlimit(RLIMIT_FSIZE, &size);
  }
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return kFallbackFiles;
  rlim_t most = 0;
  std::ifstream("/proc/sys/fs/nr_open") >> most;
  rlimit raised = {.rlim_cur = std::min(most, kMostFiles), .rlim_max = std::min(most, kMostFiles)};
  if (most > files.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  files.rlim_cur = std::min(files.rlim_max, kMostFiles);
  ::setrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_cur;
}

void keep_heap_small() {
#ifdef M_ARENA_MAX  // glibc
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
  ::mallopt(M_TRIM_THRESHOLD, kKeptFreeBytes);
#endif
}

}  // namespace zstdfs::fuse
