#include "zstdfs/stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace zstdfs {
namespace {

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

/// Closes an owned descriptor once. Returns what close(2) returned.
int close_once(int& fd, FileOwnership ownership) {
  const int closing = std::exchange(fd, -1);
  if (closing < 0 || ownership == FileOwnership::kBorrowed) return 0;
  // Linux has closed the descriptor also when it says EINTR.
  return ::close(closing) < 0 && errno != EINTR ? -1 : 0;
}

constexpr mode_t kNewFileMode = 0666;  // less what the umask takes

int open_file(const std::filesystem::path& filename, int flags) {
  for (;;) {
    const int fd = ::open(filename.c_str(), flags | O_CLOEXEC, kNewFileMode);
    if (fd >= 0) return fd;
    if (errno != EINTR) fail(("open " + filename.string()).c_str());
  }
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kAppend:
      return O_WRONLY | O_CREAT | O_APPEND;
    case OpenMode::kExclusive:
      return O_WRONLY | O_CREAT | O_EXCL;
    case OpenMode::kTruncate:
      break;
  }
  return O_WRONLY | O_CREAT | O_TRUNC;
}

}  // namespace

void write_all(Sink& sink, ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t taken = sink.write(bytes);
    if (taken == 0 || taken > bytes.size()) {
      throw std::system_error(EIO, std::generic_category(),
                              "a sink took " + std::to_string(taken) + " of " +
                                  std::to_string(bytes.size()) + " bytes");
    }
    bytes = bytes.subspan(taken);
  }
}

std::size_t SpanSource::read(MutableByteSpan out) {
  const std::size_t n = std::min(rest_.size(), out.size());
  std::copy_n(rest_.begin(), n, out.begin());
  rest_ = rest_.subspan(n);
  return n;
}

std::size_t BytesSink::write(ByteSpan bytes) {
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  return bytes.size();
}

FileSource::FileSource(const std::filesystem::path& filename)
    : FileSource(open_file(filename, O_RDONLY), FileOwnership::kOwned) {}

FileSource::~FileSource() {
  close_once(fd_, ownership_);
}

std::size_t FileSource::read(MutableByteSpan out) {
  for (;;) {
    const ssize_t n = ::read(fd_, out.data(), out.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) fail("read");
  }
}

std::optional<std::uint64_t> FileSource::remaining_bytes() const {
  struct stat status {};
  if (::fstat(fd_, &status) < 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const off_t at = ::lseek(fd_, 0, SEEK_CUR);
  if (at < 0) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<off_t>(status.st_size - at, 0));
}

void FileSource::close() {
  if (close_once(fd_, ownership_) < 0) fail("close");
}

FileSink::FileSink(const std::filesystem::path& filename, OpenMode mode)
    : FileSink(open_file(filename, flags_of(mode)), FileOwnership::kOwned) {}

FileSink::~FileSink() {
  close_once(fd_, ownership_);
}

std::size_t FileSink::write(ByteSpan bytes) {
  for (;;) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) fail("write");
  }
}

void FileSink::close() {
  if (close_once(fd_, ownership_) < 0) fail("close");
}

}  // namespace zstdfs
