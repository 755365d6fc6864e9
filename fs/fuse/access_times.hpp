#pragma once

#include "fs/fuse/filesystem.hpp"

// The kernel leaves access times of a FUSE filesystem's files to its daemon, but does not ask the
// daemon for what it has in its page cache. We read backing files with O_NOATIME, because our
// reading is not the application's.

namespace zstdfs::fuse {

/// A program opened a handle (`flags` are those of open(2)): one that is only for reading counts as
/// read, since most of what is read from it the kernel may have already.
void note_opened(Filesystem& fs, OpenFile& handle, int flags) noexcept;

/// A program reads from a handle: the first time, the access time moves if it is due.
void note_read(Filesystem& fs, OpenFile& handle) noexcept;

}  // namespace zstdfs::fuse
