#pragma once

#include <string>

#include "fs/os/volume.hpp"

namespace zstdfs::store {

/// Gives a file of the store's own directory (mode 0600) new content, or makes it, by way of
/// unfinished_path(path). Wherever the power goes, it has the old content or the new one; when this
/// returns, the new one is durable. Throws std::system_error: then it is as before and nothing else
/// is left, unless the last step failed, a sync, after which it may be either. Precondition: nobody
/// else replaces the file meanwhile; one that is at that path was left by a crash, and is removed.
void replace_file(os::Volume& volume, const std::string& path, const std::string& text);

}  // namespace zstdfs::store
