#include "zstdfs/source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace zstdfs {
namespace {

std::uint64_t size_of_regular_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) throw std::system_error(errno, std::generic_category(), "fstat");
  if (!S_ISREG(status.st_mode)) {
    throw std::system_error(ESPIPE, std::generic_category(), "not a regular file");
  }
  return static_cast<std::uint64_t>(status.st_size);
}

/// The part of `out` that bytes from `offset` can fill in a source of `size` bytes.
MutableByteSpan within(std::uint64_t size, std::uint64_t offset, MutableByteSpan out) {
  if (offset >= size) return {};
  return out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size - offset)));
}

/// Fills `out` by calls that may read less than they were asked for, until one reads nothing.
template <typename ReadSome>
std::size_t read_fully(std::uint64_t offset, MutableByteSpan out, ReadSome read_some) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::size_t n = read_some(offset + filled, out.subspan(filled));
    if (n == 0) break;
    filled += n;
  }
  return filled;
}

}  // namespace

RandomAccessFile::RandomAccessFile(int fd, FileOwnership ownership)
    : size_(size_of_regular_file(fd)), file_(fd, ownership) {}

std::size_t RandomAccessFile::read_at(std::uint64_t offset, MutableByteSpan out) const {
  return read_fully(offset, within(size_, offset, out), [&](std::uint64_t at, MutableByteSpan to) {
    for (;;) {
      const ssize_t n = ::pread(file_.fd(), to.data(), to.size(), static_cast<off_t>(at));
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "pread");
    }
  });
}

RandomAccessCallback::RandomAccessCallback(std::uint64_t size, ReadAt read)
    : size_(size), read_(std::move(read)) {
  if (!read_) throw std::invalid_argument("there is no function to read with");
}

std::size_t RandomAccessCallback::read_at(std::uint64_t offset, MutableByteSpan out) const {
  return read_fully(offset, within(size_, offset, out), [&](std::uint64_t at, MutableByteSpan to) {
    const std::size_t n = read_(at, to);
    if (n > to.size()) {
      throw std::system_error(
          EIO, std::generic_category(),
          "a function read " + std::to_string(n) + " of " + std::to_string(to.size()) + " bytes");
    }
    return n;
  });
}

}  // namespace zstdfs
