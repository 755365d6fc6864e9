#pragma once

#include <linux/fuse.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "fs/fuse/libfuse.hpp"

// Requests as the kernel sends them, for what libfuse does not tell.

namespace zstdfs::fuse {

/// The part of a request that begins at `offset`: what older kernels do not send of it is zeros.
template <typename Part>
Part part_of(const fuse_buf& request, std::size_t offset) {
  Part part{};
  const std::size_t bytes = std::min(sizeof(part), request.size - std::min(offset, request.size));
  if (bytes > 0) std::memcpy(&part, static_cast<const char*>(request.mem) + offset, bytes);
  return part;
}

inline fuse_in_header header_of(const fuse_buf& request) {
  return part_of<fuse_in_header>(request, 0);
}

/// What follows the header: `Body` is the one of its operation.
template <typename Body>
Body body_of(const fuse_buf& request) {
  return part_of<Body>(request, sizeof(fuse_in_header));
}

/// Lets libfuse call the operation that a request asks for, on this thread.
void process_request(fuse_session* session, const fuse_buf& request);

/// Whether the kernel wants the operation that this thread is in to take set-id bits away. It says
/// so of writes, of truncation, also by open, and of changes of owner, if it was told that we do it
/// (FUSE_HANDLE_KILLPRIV_V2).
bool kernel_takes_set_id_bits();

}  // namespace zstdfs::fuse
