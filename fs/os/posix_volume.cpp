#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <string_view>

#include "fs/os/beneath.hpp"
#include "fs/os/not_regular.hpp"
#include "fs/os/posix.hpp"
#include "fs/os/posix_error.hpp"

namespace zstdfs::os {
namespace {

/// Block sizes beyond this are not what files are stored in: network filesystems give their
/// transfer size.
constexpr std::uint64_t kMaxBlockBytes = 64u << 10;
constexpr std::uint64_t kMinBlockBytes = 512;
constexpr std::uint64_t kUsualBlockBytes = 4096;

constexpr mode_t kLockFileMode = 0644;

/// STATX_MNT_ID_UNIQUE, since Linux 6.8; headers may be older. STATX_MNT_ID does not do: its
/// numbers are given again, and what is mounted in the place of what was unmounted often gets the
/// same.
constexpr unsigned kUniqueMountId = 0x4000;

std::string quoted(const char* doing, const std::string& path) {
  return std::string(doing) + " '" + path + "'";
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

DirectoryEntry::Type type_of(mode_t mode) {
  if (S_ISREG(mode)) return DirectoryEntry::Type::kRegular;
  if (S_ISDIR(mode)) return DirectoryEntry::Type::kDirectory;
  return DirectoryEntry::Type::kOther;
}

DirectoryEntry::Type type_of(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return type_of(static_cast<mode_t>(DTTOIF(entry.d_type)));
  struct stat status = {};
  const bool known = ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  return known ? type_of(status.st_mode) : DirectoryEntry::Type::kOther;
}

/// Throws when the file is not a regular one.
void require_regular(const UniqueFd& fd, const std::string& path) {
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) throw_error(errno, quoted("fstat", path));
  if (S_ISREG(status.st_mode)) return;
  const std::string what = quoted("not a regular file:", path);
  if (S_ISLNK(status.st_mode)) throw_error(ELOOP, what);
  if (S_ISDIR(status.st_mode)) throw_error(EISDIR, what);
  throw std::system_error(not_regular(), quoted("open", path));
}

/// Spares the lower filesystem a write of the access time at each read. Only a file's owner and
/// root may ask for it; the others do without.
void leave_access_time(const UniqueFd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags != -1) ::fcntl(fd.get(), F_SETFL, (flags | O_NOATIME) & ~O_NONBLOCK);
}

/// The lock belongs to the open file description, and ends with its last descriptor.
class PosixVolumeLock final : public VolumeLock {
 public:
  explicit PosixVolumeLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

constexpr std::size_t kHolderBytes = 16;

pid_t read_holder(const UniqueFd& fd) {
  std::array<char, 32> text = {};
  const ssize_t n = retry_interrupted([&] { return ::pread(fd.get(), text.data(), 32, 0); });
  pid_t holder = 0;
  if (n > 0) std::from_chars(text.data(), text.data() + n, holder);
  return holder > 0 ? holder : 0;
}

// Over what was there and without shortening it, so that it works on a full disk. The number only
// helps people; the lock holds without it.
void write_holder(const UniqueFd& fd) {
  std::string text = std::to_string(::getpid());
  text.resize(kHolderBytes - 1, ' ');
  text += '\n';
  static_cast<void>(
      retry_interrupted([&] { return ::pwrite(fd.get(), text.data(), text.size(), 0); }));
}

class PosixVolume final : public Volume {
 public:
  explicit PosixVolume(UniqueFd root)
      : root_(std::move(root)),
        walk_(probe_path_walk(root_.get())),
        sync_fd_(open_beneath(root_.get(), "", O_RDONLY | O_DIRECTORY, 0, walk_)) {}

  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override;
  std::unique_ptr<File> create(const std::string& path, mode_t mode) override;
  bool remove(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  bool make_directory(const std::string& path, mode_t mode) override;
  std::vector<DirectoryEntry> list(const std::string& path) override;
  struct stat stat(const std::string& path) override;
  Attributes attributes(const std::string& path, std::string_view prefix) override;
  void sync_directory(const std::string& path) override;
  void sync_filesystem() override;
  using Volume::try_lock;
  std::unique_ptr<VolumeLock> try_lock(const std::string& path, pid_t& holder,
                                       LockTrace trace) override;
  std::uint64_t block_bytes() override;
  std::uint64_t free_bytes() override;
  std::string boot_id() override;
  std::string mount_id() override;
  timespec now() override;

 private:
  UniqueFd try_open(const std::string& path, int flags, mode_t mode = 0) const {
    return open_beneath(root_.get(), path, flags, mode, walk_);
  }
  /// Throws when it cannot be opened.
  UniqueFd must_open(const std::string& path, int flags, mode_t mode = 0) const {
    UniqueFd fd = try_open(path, flags, mode);
    if (!fd) throw_error(errno, quoted("open", path));
    return fd;
  }
  UniqueFd open_parent(const ParentAndName& split) const {
    // The name goes to a system call that would walk "." and ".." and so leave the parent.
    if (split.name == "." || split.name == "..") throw_error(EXDEV, quoted("open", split.name));
    if (split.name.find('\0') != std::string::npos) throw_error(EINVAL, "a zero in a name");
    return must_open(split.parent, O_PATH | O_DIRECTORY);
  }
  struct statvfs filesystem_status() const;

  // Constant after construction.
  UniqueFd root_;
  PathWalk walk_;
  /// Kept open, because syncfs reports the write errors since its descriptor was opened. Empty when
  /// the root may not be read.
  UniqueFd sync_fd_;
};

std::unique_ptr<File> PosixVolume::open(const std::string& path, OpenMode mode) {
  // Opening a device can have effects, and opening a pipe can block. So what is there is looked at
  // through a descriptor that opens nothing; O_NONBLOCK and the second look are for the case that
  // it was exchanged in between.
  const UniqueFd probe = try_open(path, O_PATH | O_NOFOLLOW);
  if (!probe && errno == ENOENT) return nullptr;
  if (!probe) throw_error(errno, quoted("open", path));
  require_regular(probe, path);

  const int access = mode == OpenMode::kRead ? O_RDONLY : O_RDWR;
  UniqueFd fd = try_open(path, access | O_NONBLOCK | O_NOCTTY);
  if (!fd && errno == ENOENT) return nullptr;
  if (!fd) throw_error(errno, quoted("open", path));
  require_regular(fd, path);
  leave_access_time(fd);
  return make_posix_file(std::move(fd), root_.get());
}

std::unique_ptr<File> PosixVolume::create(const std::string& path, mode_t mode) {
  UniqueFd fd = must_open(path, O_RDWR | O_CREAT | O_EXCL, mode);
  // Not O_NOATIME in the open: it may be refused when the file exists already, half done.
  leave_access_time(fd);
  return make_posix_file(std::move(fd), root_.get());
}

bool PosixVolume::remove(const std::string& path) {
  const ParentAndName split = split_path(path);
  const UniqueFd parent = open_parent(split);
  if (::unlinkat(parent.get(), split.name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw_error(errno, quoted("remove", path));
}

void PosixVolume::rename(const std::string& from, const std::string& to) {
  const ParentAndName source = split_path(from);
  const ParentAndName target = split_path(to);
  const UniqueFd source_parent = open_parent(source);
  const UniqueFd target_parent = open_parent(target);
  if (::renameat(source_parent.get(), source.name.c_str(), target_parent.get(),
                 target.name.c_str()) != 0) {
    throw_error(errno, quoted("rename", from) + quoted(" to", to));
  }
}

bool PosixVolume::make_directory(const std::string& path, mode_t mode) {
  const ParentAndName split = split_path(path);
  const UniqueFd parent = open_parent(split);
  if (::mkdirat(parent.get(), split.name.c_str(), mode) == 0) return true;
  const int error = errno;
  struct stat status = {};
  const bool is_directory =
      ::fstatat(parent.get(), split.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(status.st_mode);
  if (error == EEXIST && is_directory) return false;
  throw_error(error, quoted("make directory", path));
}

std::vector<DirectoryEntry> PosixVolume::list(const std::string& path) {
  UniqueFd fd = must_open(path, O_RDONLY | O_DIRECTORY);
  leave_access_time(fd);
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd.get()));
  if (!directory) throw_error(errno, quoted("list", path));
  const int directory_fd = fd.release();  // closed with the stream

  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr && errno != 0) throw_error(errno, quoted("list", path));
    if (entry == nullptr) return entries;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    entries.push_back({.name = std::string(name), .type = type_of(directory_fd, *entry)});
  }
}

struct stat PosixVolume::stat(const std::string& path) {
  const UniqueFd fd = must_open(path, O_PATH | O_NOFOLLOW);
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) throw_error(errno, quoted("stat", path));
  return status;
}

Attributes PosixVolume::attributes(const std::string& path, std::string_view prefix) {
  const UniqueFd fd = must_open(path, O_PATH | O_NOFOLLOW);
  return read_attributes(fd.get(), prefix);
}

void PosixVolume::sync_directory(const std::string& path) {
  const UniqueFd fd = must_open(path, O_RDONLY | O_DIRECTORY);
  const int result = retry_interrupted([&] { return ::fsync(fd.get()); });
  // EINVAL: this filesystem has no way to sync a directory, so there is nothing to wait for.
  if (result != 0 && errno != EINVAL) throw_error(errno, quoted("sync directory", path));
}

void PosixVolume::sync_filesystem() {
  UniqueFd fresh;
  if (!sync_fd_) fresh = must_open("", O_RDONLY | O_DIRECTORY);
  const int fd = sync_fd_ ? sync_fd_.get() : fresh.get();
  if (retry_interrupted([&] { return ::syncfs(fd); }) != 0) throw_error(errno, "syncfs");
}

std::unique_ptr<VolumeLock> PosixVolume::try_lock(const std::string& path, pid_t& holder,
                                                  LockTrace trace) {
  holder = 0;
  const int access = trace == LockTrace::kNone ? O_RDONLY : O_RDWR | O_CREAT;
  UniqueFd fd = must_open(path, access | O_NONBLOCK | O_NOCTTY, kLockFileMode);
  require_regular(fd, path);
  if (retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) throw_error(errno, quoted("lock", path));
    holder = read_holder(fd);
    return nullptr;
  }
  if (trace == LockTrace::kHolder) write_holder(fd);
  return std::make_unique<PosixVolumeLock>(std::move(fd));
}

struct statvfs PosixVolume::filesystem_status() const {
  struct statvfs status = {};
  if (::fstatvfs(root_.get(), &status) != 0) throw_error(errno, "statvfs");
  // f_frsize is the unit in which blocks are counted; f_bsize is only good for transfers.
  if (status.f_frsize == 0) status.f_frsize = status.f_bsize;
  return status;
}

std::uint64_t PosixVolume::block_bytes() {
  const std::uint64_t bytes = filesystem_status().f_frsize;
  return bytes < kMinBlockBytes || bytes > kMaxBlockBytes ? kUsualBlockBytes : bytes;
}

std::uint64_t PosixVolume::free_bytes() {
  const struct statvfs status = filesystem_status();
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

std::string PosixVolume::boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string PosixVolume::mount_id() {
  struct statx status = {};
  if (::statx(root_.get(), "", AT_EMPTY_PATH, kUniqueMountId, &status) != 0) return {};
  if ((status.stx_mask & kUniqueMountId) == 0) return {};
  return std::to_string(status.stx_mnt_id);
}

timespec PosixVolume::now() {
  // Filesystems stamp with the coarse clock; the fine one runs up to a tick ahead of it.
  timespec time = {};
  if (::clock_gettime(CLOCK_REALTIME_COARSE, &time) != 0) throw_error(errno, "clock_gettime");
  return time;
}

}  // namespace

std::unique_ptr<Volume> make_posix_volume(UniqueFd root) {
  return std::make_unique<PosixVolume>(std::move(root));
}

std::unique_ptr<Volume> open_posix_volume(const std::string& path) {
  UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw_error(errno, quoted("open directory", path));
  return make_posix_volume(std::move(root));
}

}  // namespace zstdfs::os
