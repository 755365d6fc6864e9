#include "fs/fuse/raw_request.hpp"

namespace zstdfs::fuse {
namespace {

thread_local bool takes_set_id_bits = false;

bool asks_to_take_set_id_bits(const fuse_buf& request) {
  switch (header_of(request).opcode) {
    case FUSE_WRITE:
      return (body_of<fuse_write_in>(request).write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    case FUSE_SETATTR:
      return (body_of<fuse_setattr_in>(request).valid & FATTR_KILL_SUIDGID) != 0;
    case FUSE_OPEN:
      return (body_of<fuse_open_in>(request).open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    case FUSE_CREATE:
      return (body_of<fuse_create_in>(request).open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    default:
      return false;
  }
}

}  // namespace

void process_request(fuse_session* session, const fuse_buf& request) {
  takes_set_id_bits = asks_to_take_set_id_bits(request);
  fuse_session_process_buf(session, &request);
}

bool kernel_takes_set_id_bits() {
  return takes_set_id_bits;
}

}  // namespace zstdfs::fuse
