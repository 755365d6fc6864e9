#pragma once

#include <cstdint>

#include "fs/fuse/libfuse.hpp"

namespace zstdfs::fuse {

/// The kernel's first request, in which it offers what it can do. libfuse answers it, and what
/// libfuse does not know is added to the answer.
class FirstRequest {
 public:
  /// The request outlives it.
  explicit FirstRequest(const fuse_buf& request) : request_(request) {}

  /// Whether this is offered: a bit of `flags`, or, shifted left by 32, of `flags2` (linux/fuse.h).
  bool offers(std::uint64_t flag) const;

  /// Lets the session answer, and takes these offers, too. Throws std::system_error.
  void answer(fuse_session* session, std::uint64_t taken) const;

 private:
  const fuse_buf& request_;
};

}  // namespace zstdfs::fuse
