#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "fs/os/volume.hpp"

namespace zstdfs::os {

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// To be called first by a program: a file that it opens must not become its standard output, or be
/// closed as such. What was closed when it started leads to nothing afterwards, and writing there
/// fails as before.
void occupy_standard_descriptors();

/// Another descriptor of the same open file. Throws std::system_error.
UniqueFd duplicate(int fd);

class DescriptorPool;

/// What is known of a descriptor that was opened, and need not be asked.
struct OpenedAs {
  int flags = 0;     ///< those of open(2)
  dev_t device = 0;  ///< where the object lies
};

/// A File over a descriptor of a regular file. `root_fd`, when not negative, is a descriptor of the
/// volume's root that outlives the file; path_hint() is relative to it.
std::unique_ptr<File> make_posix_file(UniqueFd fd, int root_fd = -1);
/// As above; the descriptor may be given up while it is not used. The pool outlives the file.
std::unique_ptr<File> make_posix_file(UniqueFd fd, OpenedAs how, int root_fd, DescriptorPool& pool);

/// The volume below an open directory. The descriptor may be opened with O_PATH.
std::unique_ptr<Volume> make_posix_volume(UniqueFd root);

/// Opens the directory `path` as a volume. Throws std::system_error.
std::unique_ptr<Volume> open_posix_volume(const std::string& path);

}  // namespace zstdfs::os
