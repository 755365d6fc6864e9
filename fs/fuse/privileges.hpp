#pragma once

namespace zstdfs::fuse {

/// Gives up for good what root may do and a mount does not need: of the capabilities only those
/// stay that mount.zstdfs(8) lists under PRIVILEGES, and no program that is started gets more.
/// Without effect for an ordinary user, who has none.
///
/// Called before there are threads, since each has its own. Throws std::system_error.
void give_up_privileges();

}  // namespace zstdfs::fuse
