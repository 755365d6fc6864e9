#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "fs/os/posix.hpp"

namespace zstdfs::tools {

enum class FollowLinks { kNo, kYes };

/// Opens a regular file for reading. Never waits for a named pipe and never opens a device, whose
/// mere opening can have effects: the type is looked at first, through a descriptor that gives no
/// access. The access time stays as it is where the system allows. `directory_fd` as openat(2).
/// Throws std::system_error; os::not_regular() when that is what it is.
std::unique_ptr<os::File> open_regular(int directory_fd, const std::string& name,
                                       FollowLinks follow);

/// Opens for reading what a descriptor with O_PATH stands for, as open_regular does. Throws the
/// same.
os::UniqueFd open_regular_again(const os::UniqueFd& path_fd);

/// Status of what a descriptor stands for, also one with O_PATH. Throws std::system_error.
struct stat status_of(const os::UniqueFd& fd);

/// A path that leads to what a descriptor stands for, also one with O_PATH, be it a link.
std::string path_of(const os::UniqueFd& fd);

/// Opens a directory for listing and for openat(2). Throws std::system_error.
os::UniqueFd open_directory(int directory_fd, const std::string& name, FollowLinks follow);

/// Bytes that a file takes on disk.
inline std::uint64_t disk_bytes(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_blocks) * 512;  // the unit that stat(2) gives
}

}  // namespace zstdfs::tools
