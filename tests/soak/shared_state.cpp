#include "tests/soak/shared_state.hpp"

#include <sys/mman.h>

#include <iomanip>
#include <new>

#include "tests/mount/files.hpp"

namespace zstdfs::soak {

const char* name_of(Call call) {
  constexpr std::array<const char*, kCalls> kNames = {
      "open",          "create",       "close",           "read",           "read directly",
      "read by mmap",  "read by pipe", "write",           "write O_SYNC",   "write O_DIRECT",
      "pwritev",       "append",       "write far away",  "sendfile",       "splice",
      "write by mmap", "fsync",        "fdatasync",       "truncate",       "fallocate",
      "punch hole",    "zero range",   "copy_file_range", "seek data/hole", "stat",
      "chmod/chown",   "utimens",      "setxattr",        "removexattr",    "rename",
      "link",          "symlink",      "unlink",          "mkdir",          "rmdir",
      "readdir",       "O_TMPFILE",    "shared block",    "shared append",  "shared replace",
      "shared read"};
  return kNames[static_cast<std::size_t>(call)];
}

SharedState& make_shared_state() {
  void* memory = ::mmap(nullptr, sizeof(SharedState), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) mounttest::check(-1, "mmap");
  auto* shared = new (memory) SharedState;
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutex_init(&shared->replace_lock, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  return *shared;
}

void print_counts(std::ostream& out, const SharedState& shared) {
  out << std::left << std::setw(18) << "call" << std::right << std::setw(10) << "done"
      << std::setw(10) << "no space" << std::setw(12) << "unsupported" << std::setw(8) << "gone"
      << "\n";
  for (std::size_t call = 0; call < kCalls; ++call) {
    const auto& row = shared.counts[call];
    out << std::left << std::setw(18) << name_of(static_cast<Call>(call)) << std::right
        << std::setw(10) << row[0] << std::setw(10) << row[1] << std::setw(12) << row[2]
        << std::setw(8) << row[3] << "\n";
  }
}

}  // namespace zstdfs::soak
