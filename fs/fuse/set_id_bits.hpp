#pragma once

#include <sys/types.h>

#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/libfuse.hpp"

// Set-id bits are taken away from a file whose content or owner somebody without privilege changes,
// before that is done. The kernel knows who has privilege, and mostly says so (raw_request.hpp);
// before Linux 5.11 it takes away what it can itself, by a setattr. The lower filesystem would see
// us in the caller's place and leave the bits.
//
// All of these throw std::system_error, and have changed nothing then.

namespace zstdfs::fuse {

/// For a write or a change of size. Returns true when the kernel did not say so, and the
/// set-group-id bit is gone all the same.
bool drop_for_write(fuse_req_t req, Filesystem& fs, Inode& inode);

/// For an open that truncates, of which older kernels say nothing.
void drop_for_open(fuse_req_t req, Filesystem& fs, Inode& inode);

/// For other changes of content, of which no kernel says anything.
void drop_for_other_change(fuse_req_t req, Filesystem& fs, Inode& inode);

/// For a setattr that sets nothing.
void drop_for_empty_setattr(fuse_req_t req, Filesystem& fs, Inode& inode);

/// The set-group-id bit, if the caller is not in the file's group; returns whether it was there.
/// For a change of the access list any; for a change of the owner that of a file which its group
/// cannot execute, as the lower filesystem takes the others.
enum class GroupIdBit { kAny, kNotExecutable };
bool drop_group_id_bit(fuse_req_t req, Filesystem& fs, Inode& inode, GroupIdBit which);

}  // namespace zstdfs::fuse
