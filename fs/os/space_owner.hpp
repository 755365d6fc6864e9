#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace zstdfs::os {

/// Remembers of a file that what its filesystem reserves was far: nobody writes in a few
/// milliseconds what lies between, and a look takes as long as half of a small write.
///
/// Thread safety: all methods may run concurrently.
class ReserveDistance {
 public:
  bool is_far() const;
  void saw_far();

 private:
  std::atomic<std::chrono::nanoseconds> far_until_{std::chrono::nanoseconds(0)};
};

/// While it lives, the calling thread of a process that root runs takes up to `bytes` of space on
/// the disk in the name of the owner of the open file `fd`: so blocks that a filesystem reserves
/// for root stay root's, whoever's content it is that we write. Nothing else changes, in particular
/// not what the thread may do. Without effect for root's own files, in an ordinary user's process,
/// and as long as the filesystem has more to give than what it reserves.
class TakingSpaceFor {
 public:
  /// `distance` is that of the file.
  TakingSpaceFor(int fd, std::uint64_t bytes, ReserveDistance& distance);
  ~TakingSpaceFor();
  TakingSpaceFor(const TakingSpaceFor&) = delete;
  TakingSpaceFor& operator=(const TakingSpaceFor&) = delete;

 private:
  bool switched_ = false;
};

}  // namespace zstdfs::os
