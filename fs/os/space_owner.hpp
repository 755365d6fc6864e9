#pragma once

#include <sys/types.h>

namespace zstdfs::os {

/// While it lives, the calling thread of a process that root runs takes space on the disk in the
/// name of `owner`: so blocks that a filesystem reserves for root stay root's, whoever's content it
/// is that we write. Nothing else changes, in particular not what the thread may do. Without effect
/// for root's own files, and in an ordinary user's process.
class TakingSpaceFor {
 public:
  explicit TakingSpaceFor(uid_t owner);
  ~TakingSpaceFor();
  TakingSpaceFor(const TakingSpaceFor&) = delete;
  TakingSpaceFor& operator=(const TakingSpaceFor&) = delete;

 private:
  bool switched_ = false;
};

}  // namespace zstdfs::os
