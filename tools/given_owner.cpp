#include "tools/given_owner.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace zstdfs::tools {

GivenOwner give_owner(int fd, const struct stat& original) {
  if (::fchownat(fd, "", original.st_uid, original.st_gid, AT_EMPTY_PATH) == 0) return {};
  const int error = errno;
  // The group may still be one of ours.
  const auto unchanged = static_cast<uid_t>(-1);
  const bool group = ::fchownat(fd, "", unchanged, original.st_gid, AT_EMPTY_PATH) == 0;
  return {::geteuid() == original.st_uid, group, error};
}

mode_t allowed_mode(mode_t mode, const GivenOwner& given) {
  if (given.both()) return mode;
  mode &= S_IRWXU | S_IRWXG | S_IRWXO;
  if (given.group) return mode;
  const mode_t everybody = (mode >> 3) & mode & S_IRWXO;
  return (mode & S_IRWXU) | (everybody << 3) | everybody;
}

}  // namespace zstdfs::tools
