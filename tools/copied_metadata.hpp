#pragma once

#include <sys/stat.h>

#include <string>

#include "fs/os/extended_attributes.hpp"
#include "fs/os/posix.hpp"

namespace zstdfs::tools {

/// Everything about an object but its content and its names.
struct CopiedMetadata {
  struct stat status {};      ///< type, mode, owner, times, device
  os::Attributes attributes;  ///< access control lists among them
};

/// Those attributes that are copied: not what a mount of zstdfs only shows.
os::Attributes copied_attributes(os::Attributes attributes);

/// The metadata of what `name` in a directory is, not following a link. Throws std::system_error.
CopiedMetadata metadata_of(int directory_fd, const std::string& name);

// The object that is given metadata is named by a descriptor, which may be one with O_PATH: at its
// name there may be something else by now. Errors: std::system_error, std::runtime_error.

/// What decides how content is stored, which therefore has to be there before: attributes of users,
/// and of a file the owner. A directory stays ours, so that nobody changes what is in it.
void begin_metadata(const os::UniqueFd& object, const CopiedMetadata& metadata);
/// All, times last. Returns whether it has got its owner and group; only root may always.
bool complete_metadata(const os::UniqueFd& object, const CopiedMetadata& metadata);

}  // namespace zstdfs::tools
