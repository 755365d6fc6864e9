#include "tools/safe_open.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "fs/os/not_regular.hpp"

namespace zstdfs::tools {
namespace {

[[noreturn]] void fail(int error) {
  throw std::system_error(error, std::generic_category());
}

int link_flag(FollowLinks follow) {
  return follow == FollowLinks::kNo ? O_NOFOLLOW : 0;
}

/// Opens for reading what an O_PATH descriptor stands for. Only a file's owner may keep its access
/// time from changing.
os::UniqueFd reopen(const os::UniqueFd& path_fd, int flags) {
  const std::string path = path_of(path_fd);
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOATIME | flags);
  if (fd < 0 && errno == EPERM) fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) fail(errno);
  return os::UniqueFd(fd);
}

}  // namespace

std::unique_ptr<os::File> open_regular(int directory_fd, const std::string& name,
                                       FollowLinks follow) {
  const os::UniqueFd path_fd(
      ::openat(directory_fd, name.c_str(), O_PATH | O_CLOEXEC | link_flag(follow)));
  if (!path_fd) fail(errno);
  return os::make_posix_file(open_regular_again(path_fd));
}

os::UniqueFd open_regular_again(const os::UniqueFd& path_fd) {
  const struct stat status = status_of(path_fd);
  if (S_ISDIR(status.st_mode)) fail(EISDIR);
  if (!S_ISREG(status.st_mode)) throw std::system_error(os::not_regular());
  return reopen(path_fd, O_NONBLOCK);
}

struct stat status_of(const os::UniqueFd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(errno);
  return status;
}

std::string path_of(const os::UniqueFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

os::UniqueFd open_directory(int directory_fd, const std::string& name, FollowLinks follow) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | link_flag(follow);
  os::UniqueFd fd(::openat(directory_fd, name.c_str(), flags));
  if (!fd) fail(errno);
  return fd;
}

}  // namespace zstdfs::tools
