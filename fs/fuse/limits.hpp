#pragma once

#include <cstddef>

namespace zstdfs::fuse {

/// Raises the process's limits of open files (as root up to what the kernel allows) and of file
/// sizes as far as possible. Returns how many files may be open.
std::size_t raise_limits();

}  // namespace zstdfs::fuse
