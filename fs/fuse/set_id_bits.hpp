#pragma once

#include <sys/types.h>

#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/libfuse.hpp"

// Set-id bits are taken away from a file whose content or owner somebody without privilege changes.
// Where the kernel does not do so itself by a setattr, it is done here. The lower filesystem would
// see us in the caller's place and leave the bits.

namespace zstdfs::fuse {

/// As an open does that truncates: the set-user-id bit, and the set-group-id bit where the file can
/// be executed by its group or the caller is not in it. Throws std::system_error.
void drop_set_id_bits(fuse_req_t req, Filesystem& fs, Inode& inode);

/// The set-group-id bit, if the caller is not in the file's group; returns whether it was there.
/// Throws std::system_error.
bool drop_group_id_bit(fuse_req_t req, Filesystem& fs, Inode& inode);

/// As every change of content and owner does, before it is made: the kernel takes away what it can,
/// but for the set-group-id bit of a file that its group cannot execute it does not know the
/// caller's groups. Returns whether that bit was taken away. Throws std::system_error.
inline bool drop_what_the_kernel_leaves(fuse_req_t req, Filesystem& fs, Inode& inode) {
  return inode.lone_group_id_bit && drop_group_id_bit(req, fs, inode);
}

}  // namespace zstdfs::fuse
