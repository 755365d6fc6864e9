#pragma once

#include <cstddef>

namespace zstdfs::fuse {

/// Raises the process's limits of open files (as root up to what the kernel allows) and of file
/// sizes as far as possible. Returns how many files may be open.
std::size_t raise_limits();

/// Has all threads share one heap, and large blocks given back to the system: otherwise memory that
/// was freed stays with the thread that had it, or between what is in use, several times the bounds
/// that the options set. Called before there are threads.
void keep_heap_small();

}  // namespace zstdfs::fuse
