#pragma once

#include "fs/fuse/command_line.hpp"

namespace zstdfs::fuse {

/// Makes the mount that is asked for and serves it: in this process when it stays in the
/// foreground, in a daemon otherwise. Returns the command's exit code; throws MountError,
/// std::system_error for what goes wrong before the daemon is split off.
ExitCode run_mount(const MountRequest& request);

}  // namespace zstdfs::fuse
