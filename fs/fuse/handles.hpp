#pragma once

#include "fs/fuse/filesystem.hpp"

namespace zstdfs::fuse {

/// The regular file that a file handle of the kernel stands for.
inline OpenFile& open_file(const fuse_file_info* fi) {
  return *reinterpret_cast<OpenFile*>(fi->fh);
}

}  // namespace zstdfs::fuse
