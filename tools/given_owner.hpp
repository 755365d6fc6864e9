#pragma once

#include <sys/stat.h>

namespace zstdfs::tools {

/// The attribute that holds an access control list.
inline constexpr const char* kAccessList = "system.posix_acl_access";

/// What a new object could be given of its original.
struct GivenOwner {
  bool user = true;
  bool group = true;
  int error = 0;  ///< an errno: why not both

  bool both() const { return user && group; }
};

/// Gives what a descriptor stands for (O_PATH will do), which is ours, to user and group of its
/// original; where we may not do that, to the group.
GivenOwner give_owner(int fd, const struct stat& original);

/// Of an original's type and permissions those permissions that it may have then: what runs as
/// somebody runs as the same one as before, and another group may do only what everybody may.
mode_t allowed_mode(mode_t mode, const GivenOwner& given);

}  // namespace zstdfs::tools
