#pragma once

#include <sys/types.h>

#include <string>

#include "fs/os/posix.hpp"

namespace zstdfs::os {

/// How a path is walked without following links: by the kernel in one call (openat2, Linux 5.6), or
/// one component after the other where that call is missing or forbidden.
enum class PathWalk { kInKernel, kByComponent };

/// What works for the directory `root`.
PathWalk probe_path_walk(int root);

/// A path's last name and the directory that it lies in.
struct ParentAndName {
  std::string parent;
  std::string name;
};

/// Splits `path`. Throws EINVAL when it names no entry (the root itself).
ParentAndName split_path(const std::string& path);

/// Opens `path` below the directory `root`, as openat(2) does with `flags` and `mode`, but follows
/// no symbolic link in any component and does not leave the root. O_CLOEXEC is added. A link as the
/// last component can be opened only with O_PATH | O_NOFOLLOW. Returns an empty descriptor on
/// failure, with errno set: ELOOP for a link, EXDEV for an absolute path or one with "..".
UniqueFd open_beneath(int root, const std::string& path, int flags, mode_t mode, PathWalk walk);

}  // namespace zstdfs::os
