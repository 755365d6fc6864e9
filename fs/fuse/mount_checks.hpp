#pragma once

#include <string>

#include "fs/os/posix.hpp"

namespace zstdfs::fuse {

/// The two directories of a mount, as they were found to be fit for it.
struct MountPaths {
  std::string backing;     ///< absolute, without symbolic links
  std::string mountpoint;  ///< absolute, without symbolic links
  os::UniqueFd root;       ///< the backing directory, open for reading
};

/// Checks all that can be checked before the store is touched, and opens the backing directory.
/// A mount of ours at the mountpoint whose daemon is dead is taken away first. Throws MountError
/// with a sentence that says what is wrong and what to do.
MountPaths check_mount(const std::string& backing, const std::string& mountpoint);

/// Takes a mount of ours at the mountpoint away whose daemon was still about to end when
/// check_mount() looked: to be called once the store was given back. Throws MountError.
void detach_former_mount(const MountPaths& paths);

}  // namespace zstdfs::fuse
