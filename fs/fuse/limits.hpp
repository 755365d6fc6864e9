#pragma once

#include <cstddef>

namespace zstdfs::fuse {

/// Raises the process's limits of open files (as root up to what the kernel allows) and of file
/// sizes as far as possible. Returns how many files may be open.
std::size_t raise_limits();

/// Has all threads share one heap: with one for each, memory that was given back stays with the
/// thread that had it, several times the bounds that the options set. Called before there are
/// threads.
void share_heap();

}  // namespace zstdfs::fuse
