#pragma once

#include <cstdint>

namespace zstdfs::os {

/// While it lives, the calling thread of a process that root runs takes up to `bytes` of space on
/// the disk in the name of the owner of the open file `fd`: so blocks that a filesystem reserves
/// for root stay root's, whoever's content it is that we write. Nothing else changes, in particular
/// not what the thread may do. Without effect for root's own files, in an ordinary user's process,
/// and as long as the filesystem has more to give than what it reserves.
class TakingSpaceFor {
 public:
  TakingSpaceFor(int fd, std::uint64_t bytes);
  ~TakingSpaceFor();
  TakingSpaceFor(const TakingSpaceFor&) = delete;
  TakingSpaceFor& operator=(const TakingSpaceFor&) = delete;

 private:
  bool switched_ = false;
};

}  // namespace zstdfs::os
