#include "tools/scrub_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::uint64_t kBlockBytes = 4096;  // what O_DIRECT asks for at most, but for rare disks
constexpr std::size_t kWindowBytes = 256u << 10;

[[noreturn]] void fail() {
  throw std::system_error(errno, std::generic_category());
}

/// The file of a descriptor, for reading past the page cache; nothing where that is not possible.
os::UniqueFd open_direct(const os::UniqueFd& fd) {
  constexpr int kFlags = O_RDONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC;
  const std::string path = path_of(fd);
  os::UniqueFd direct(::open(path.c_str(), kFlags | O_NOATIME));
  if (!direct && errno == EPERM) direct.reset(::open(path.c_str(), kFlags));
  return direct;
}

/// A file as it is on the disk. What was read last serves the next reads of the same place.
class DiskSource final : public RandomAccessSource {
 public:
  DiskSource(const os::UniqueFd& fd, ReadPace& pace)
      : fd_(fd),
        direct_(open_direct(fd)),
        pace_(pace),
        window_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, kWindowBytes))) {
    if (!window_) throw std::bad_alloc();
  }

  std::uint64_t size() const override { return static_cast<std::uint64_t>(status_of(fd_).st_size); }

  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    const MutexLock lock(mutex_);
    std::size_t done = 0;
    while (done < out.size()) {
      const std::uint64_t at = offset + done;
      if (!has(at)) fill(at);
      if (!has(at)) break;
      const std::size_t skip = static_cast<std::size_t>(at - window_at_);
      const std::size_t bytes = std::min(window_bytes_ - skip, out.size() - done);
      std::copy_n(window_.get() + skip, bytes, out.data() + done);
      done += bytes;
    }
    return done;
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  bool has(std::uint64_t at) const ZSTDFS_REQUIRES(mutex_) {
    return at >= window_at_ && at - window_at_ < window_bytes_;
  }

  void fill(std::uint64_t at) const ZSTDFS_REQUIRES(mutex_) {
    window_at_ = at / kBlockBytes * kBlockBytes;
    window_bytes_ = 0;
    ssize_t bytes = -1;
    do {
      const os::UniqueFd& from = direct_ ? direct_ : fd_;
      bytes = ::pread(from.get(), window_.get(), kWindowBytes, static_cast<off_t>(window_at_));
      if (bytes < 0 && errno == EINVAL && direct_) {
        direct_.reset();
        errno = EINTR;
      }
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0) fail();
    window_bytes_ = static_cast<std::size_t>(bytes);
    pace_.have_read(window_bytes_);
  }

  const os::UniqueFd& fd_;
  mutable Mutex mutex_;
  mutable os::UniqueFd direct_ ZSTDFS_GUARDED_BY(mutex_);
  ReadPace& pace_;
  const std::unique_ptr<std::byte, Free> window_;
  mutable std::uint64_t window_at_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  mutable std::size_t window_bytes_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

/// The next data or hole at or behind `offset`; nothing where the file ends.
std::optional<std::uint64_t> seek(const os::UniqueFd& fd, std::uint64_t offset, int what) {
  const off_t found = ::lseek(fd.get(), static_cast<off_t>(offset), what);
  if (found >= 0) return static_cast<std::uint64_t>(found);
  if (errno == ENXIO) return std::nullopt;
  fail();
}

/// Reads what a file has on the disk. It may become shorter meanwhile, and get holes.
void read_data(const os::UniqueFd& fd, const RandomAccessSource& source) {
  Bytes piece;
  for (auto at = seek(fd, 0, SEEK_DATA); at; at = seek(fd, *at, SEEK_DATA)) {
    const auto end = seek(fd, *at, SEEK_HOLE);
    if (!end) return;
    piece.resize(
        static_cast<std::size_t>(std::clamp<std::uint64_t>(*end - *at, kBlockBytes, kWindowBytes)));
    if (source.read_at(*at, piece) < piece.size() && *at + piece.size() <= *end) return;
    *at += piece.size();
  }
}

}  // namespace

void ReadPace::have_read(std::uint64_t bytes) {
  if (bytes_per_second_ == 0) return;
  const std::chrono::duration<double> time(static_cast<double>(bytes) /
                                           static_cast<double>(bytes_per_second_));
  Clock::time_point due;
  {
    const MutexLock lock(mutex_);
    due = std::max(due_, Clock::now());
    due_ = due + std::chrono::duration_cast<Clock::duration>(time);
  }
  std::this_thread::sleep_until(due);
}

FileCheck check_on_disk(const os::UniqueFd& fd, Unmount unmount,
                        const DictionarySource& dictionaries, ReadPace& pace) {
  const DiskSource source(fd, pace);
  FileCheck check = check_file(source, unmount, dictionaries);
  if (check.form != Form::kRaw || !check.whole_file_checked()) return check;
  try {
    read_data(fd, source);
  } catch (const std::system_error& error) {
    check.not_checked = error.code().message();
  }
  return check;
}

}  // namespace zstdfs::tools
