#pragma once

#include <string>
#include <string_view>

#include "fs/fuse/filesystem.hpp"

namespace zstdfs::fuse {

// How a regular file is stored, as extended attributes that can only be read: `user.zstdfs.stored.`
// and then form, bytes, ratio, and for a container level, chunk_size, dictionary and frames. They
// are not listed unless the mount's options say so, because programs that copy attributes would
// copy them: docs/decisions/0007.

bool is_stored_fact(std::string_view attribute);

/// The value of one. Throws ENODATA when there is none such, or not of this object.
std::string stored_fact(Filesystem& fs, fuse_ino_t number, std::string_view attribute);

/// The names of those that the object has, each ended by a zero; none unless they are listed.
std::string listed_stored_facts(Filesystem& fs, fuse_ino_t number);

}  // namespace zstdfs::fuse
