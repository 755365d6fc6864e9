#pragma once

#include "fs/fuse/command_line.hpp"

namespace zstdfs::fuse {

/// Changes a mount there is, as "mount -o remount" asks: to read-only or back, and the flags
/// nosuid, nodev, noexec, sync and dirsync. All else holds until the mount is made anew; options
/// that are given for it are said to have no effect, since mount(8) adds those of fstab by itself.
///
/// The kernel does it, and refuses to make a mount read-only while files are open for writing. Then
/// what was written is brought to the disk. A mount whose daemon was started read-only stays so.
/// Throws MountError.
void remount(const MountRequest& request);

}  // namespace zstdfs::fuse
