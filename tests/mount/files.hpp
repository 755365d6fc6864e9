#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "zstdfs/bytes.hpp"

namespace zstdfs::mounttest {

/// Throws std::system_error with the present errno when a system call returned a negative value;
/// otherwise gives it back.
long check(long result, const std::string& what);

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  /// Closes now, and tells what close(2) said.
  int close();

 private:
  int fd_ = -1;
};

/// A directory of its own below $TMPDIR, removed with all that is in it. Everybody may enter.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Opens; throws std::system_error.
Fd open_file(const std::string& path, int flags, mode_t mode = 0644);

/// Writes all of it, in one piece or, where `piece_bytes` is given, in pieces of that size.
void write_all(int fd, ByteSpan content, std::size_t piece_bytes = 0);
void pwrite_all(int fd, ByteSpan content, std::uint64_t offset);

/// Makes or empties the file, writes and closes it; all errors throw.
void write_file(const std::string& path, ByteSpan content, std::size_t piece_bytes = 0);
void append_file(const std::string& path, ByteSpan content);

/// Everything from the start; throws std::system_error.
Bytes read_file(const std::string& path);
Bytes read_all(int fd);

/// What lstat and fstat give; throw std::system_error.
struct stat status_of(const std::string& path);
struct stat status_of(int fd);

bool exists(const std::string& path);

/// Names in a directory without . and .., sorted.
std::vector<std::string> names_in(const std::string& directory);

/// Paths of all regular files below a directory, sorted, `.zstdfs` left out.
std::vector<std::string> regular_files(const std::string& directory);

/// Whether the backing file is a container (docs/format.md, "Signature").
bool is_stored_as_container(const std::string& backing_path);

/// A short text that differs where contents differ, for messages: length and a hash.
std::string digest(ByteSpan content);

/// Where two contents first differ, in words; empty when they are equal.
std::string difference(ByteSpan got, ByteSpan wanted);

}  // namespace zstdfs::mounttest
