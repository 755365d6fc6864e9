// A disk that writes down what reaches it: a FUSE filesystem with two files.
//
//   power-cut-recorder IMAGE RECORDING MOUNTPOINT
//
// `image` is the disk, kept in the file IMAGE; a loop device is put on it. Each write, discard and
// flush of it is appended to RECORDING (recording.hpp), and so is whatever is written to `mark`.
// One request is worked on at a time, so their order is that of the recording: when a write to
// `mark` begins after a flush has returned, its record comes later.

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "tests/power_cut/recording.hpp"

#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse.h>

namespace zstdfs::powercut {
namespace {

const std::string kImage = "/image";
const std::string kMark = "/mark";

struct Files {
  int image = -1;
  int recording = -1;
};

const Files& files() {
  return *static_cast<const Files*>(fuse_get_context()->private_data);
}

/// Returns 0 or a negative errno, as libfuse wants it.
int result_of(long result) {
  return result < 0 ? -errno : 0;
}

int note(RecordKind kind, off_t offset, std::size_t bytes, const char* data) {
  RecordHead head{kind, 0, static_cast<std::uint64_t>(offset), bytes};
  std::array<iovec, 2> parts = {iovec{&head, sizeof head},
                                iovec{const_cast<char*>(data), data != nullptr ? bytes : 0}};
  const ssize_t wrote = ::writev(files().recording, parts.data(), 2);
  if (wrote < 0) return -errno;
  const auto wanted = static_cast<ssize_t>(parts[0].iov_len + parts[1].iov_len);
  return wrote == wanted ? 0 : -EIO;
}

int get_attributes(const char* path, struct stat* status, fuse_file_info*) {
  *status = {};
  status->st_nlink = 1;
  status->st_mode = S_IFREG | 0600;
  if (path == kImage) return result_of(::fstat(files().image, status));
  if (path == kMark) return 0;
  status->st_mode = S_IFDIR | 0700;
  return std::strcmp(path, "/") == 0 ? 0 : -ENOENT;
}

// No page cache: each write of the loop device is a request of its own, and arrives before it is
// answered.
int open_either(const char*, fuse_file_info* info) {
  info->direct_io = 1;
  return 0;
}

int read_image(const char* path, char* out, std::size_t bytes, off_t offset, fuse_file_info*) {
  if (path != kImage) return 0;
  const ssize_t got = ::pread(files().image, out, bytes, offset);
  return got < 0 ? -errno : static_cast<int>(got);
}

int write_either(const char* path, const char* data, std::size_t bytes, off_t offset,
                 fuse_file_info*) {
  if (path == kImage) {
    const ssize_t wrote = ::pwrite(files().image, data, bytes, offset);
    if (wrote < 0) return -errno;
    bytes = static_cast<std::size_t>(wrote);
  }
  const int noted =
      note(path == kImage ? RecordKind::kWrite : RecordKind::kMark, offset, bytes, data);
  return noted < 0 ? noted : static_cast<int>(bytes);
}

int allocate(const char* path, int mode, off_t offset, off_t bytes, fuse_file_info*) {
  if (path != kImage || (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) {
    return -EOPNOTSUPP;
  }
  if (::fallocate(files().image, mode, offset, bytes) != 0) return -errno;
  return note(RecordKind::kZero, offset, static_cast<std::size_t>(bytes), nullptr);
}

// What is recorded is the order. This machine itself does not lose power, so nothing is synced.
int sync_image(const char* path, int, fuse_file_info*) {
  return path == kImage ? note(RecordKind::kFlush, 0, 0, nullptr) : 0;
}

int run(const std::string& image, const std::string& recording, char* program, char* mountpoint) {
  Files opened{::open(image.c_str(), O_RDWR | O_CLOEXEC),
               ::open(recording.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (opened.image < 0 || opened.recording < 0) {
    ::perror(opened.image < 0 ? image.c_str() : recording.c_str());
    return 1;
  }
  fuse_operations operations = {};
  operations.getattr = get_attributes;
  operations.open = open_either;
  operations.read = read_image;
  operations.write = write_either;
  operations.fallocate = allocate;
  operations.fsync = sync_image;
  // In the foreground, one thread.
  std::array<char*, 5> arguments = {program, const_cast<char*>("-f"), const_cast<char*>("-s"),
                                    mountpoint, nullptr};
  return fuse_main(4, arguments.data(), &operations, &opened);
}

}  // namespace
}  // namespace zstdfs::powercut

int main(int argc, char** argv) {
  if (argc != 4) {
    ::fputs("power-cut-recorder IMAGE RECORDING MOUNTPOINT\n", stderr);
    return 2;
  }
  return zstdfs::powercut::run(argv[1], argv[2], argv[0], argv[3]);
}
