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
  const mode_t all = mode & 07777;
  if (given.both()) return all;
  // In a directory it is the group of what is made there, and nobody's power.
  const mode_t set_id_bits = S_ISDIR(mode) && given.group ? S_ISUID : S_ISUID | S_ISGID;
  const mode_t left = all & ~set_id_bits;
  if (given.group) return left;
  const mode_t everybody = (left >> 3) & left & S_IRWXO;
  return (left & (S_ISVTX | S_IRWXU)) | (everybody << 3) | everybody;
}

}  // namespace zstdfs::tools
