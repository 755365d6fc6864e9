#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <exception>
#include <limits>
#include <optional>

#include "fs/os/descriptor_pool.hpp"
#include "fs/os/posix.hpp"
#include "fs/os/posix_error.hpp"
#include "fs/os/space_owner.hpp"

namespace zstdfs::os {
namespace {

constexpr std::uint64_t kMaxOffset = std::numeric_limits<off_t>::max();
/// What a descriptor that is opened again is opened with as before.
constexpr int kKeptFlags = O_ACCMODE | O_NOATIME | O_NONBLOCK;

/// Throws EFBIG for what the system's signed offsets cannot say.
off_t to_off_t(std::uint64_t offset, const char* doing) {
  if (offset > kMaxOffset) throw_error(EFBIG, doing);
  return static_cast<off_t>(offset);
}

/// The target of /proc/self/fd/N: where the kernel believes that a descriptor's file lies. Empty
/// when it cannot be told.
std::string path_of(int fd) {
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
  // A target that fills the buffer may have been cut off.
  if (n <= 0 || static_cast<std::size_t>(n) == target.size()) return "";
  return {target.data(), static_cast<std::size_t>(n)};
}

/// The kernel's handle of the file; empty where there is none that lasts.
std::string handle_identity(int fd) {
  // A FUSE filesystem's handle is made of numbers that its daemon gives out anew at each start.
  struct statfs filesystem = {};
  if (::fstatfs(fd, &filesystem) != 0 || filesystem.f_type == FUSE_SUPER_MAGIC) return "";

  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> storage = {};
  auto* handle = reinterpret_cast<file_handle*>(storage.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(fd, "", handle, &mount_id, AT_EMPTY_PATH) != 0) return "";

  const std::int32_t type = handle->handle_type;
  std::string identity = "h";
  identity.append(reinterpret_cast<const char*>(&type), sizeof(type));
  // By the offset into the storage: f_handle has no size that the compiler could see.
  identity.append(storage.data() + offsetof(file_handle, f_handle), handle->handle_bytes);
  return identity;
}

/// Inode number and birth time. Without a birth time, inode numbers that are used again cannot be
/// told apart; there is nothing better then.
std::string inode_identity(int fd) {
  struct statx status = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
    throw_error(errno, "statx");
  }
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  const std::array<std::uint64_t, 3> parts = {
      status.stx_ino, has_birth ? static_cast<std::uint64_t>(status.stx_btime.tv_sec) : 0,
      has_birth ? std::uint64_t{status.stx_btime.tv_nsec} : 0};
  std::string identity = "i";
  identity.append(reinterpret_cast<const char*>(parts.data()), sizeof(parts));
  return identity;
}

class PosixFile final : public File {
 public:
  PosixFile(UniqueFd fd, int root_fd) : root_fd_(root_fd) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags == -1) throw_error(errno, "fcntl");
    writable_ = can_write(flags);
    own_ = std::make_shared<const UniqueFd>(std::move(fd));
  }
  PosixFile(UniqueFd fd, OpenedAs how, int root_fd, DescriptorPool& pool)
      : root_fd_(root_fd), writable_(can_write(how.flags)) {
    how.flags &= kKeptFlags;
    pooled_.emplace(pool, std::move(fd), how);
  }

  std::uint64_t size() const override { return static_cast<std::uint64_t>(stat().st_size); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override;

  void keep_open() override {
    if (!pooled_) return;
    const Descriptor open = pooled_->get();
    pooled_->keep_open();
  }

  bool writable() const override { return writable_; }
  void write_at(std::uint64_t offset, ByteSpan bytes) override;
  void truncate(std::uint64_t bytes) override;
  void allocate(ByteRange range, AllocateKind kind) override;
  void punch_hole(ByteRange range) override;
  void sync(SyncKind kind) override;
  void drop_clean_pages(ByteRange range) override { advise(range, POSIX_FADV_DONTNEED); }
  void will_read(ByteRange range) const override { advise(range, POSIX_FADV_WILLNEED); }
  void begin_writeback(ByteRange range) override;

  struct stat stat() const override;
  void set_modification_time(timespec time) override;
  void keep_privileges(const std::function<void()>& change) override;
  void give_to_owner_of(const File& other) override;

  std::uint64_t seek_data(std::uint64_t offset) const override { return seek(offset, SEEK_DATA); }
  std::uint64_t seek_hole(std::uint64_t offset) const override { return seek(offset, SEEK_HOLE); }

  Attributes attributes(std::string_view prefix) const override {
    return read_attributes_of_open(descriptor()->get(), prefix);
  }
  std::string identity() const override;
  std::string path_hint() const override;

 private:
  static bool can_write(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }
  std::uint64_t seek(std::uint64_t offset, int whence) const;
  void change_blocks(ByteRange range, int mode, const char* doing);
  void advise(ByteRange range, int advice) const;

  void set_unsynced(bool unsynced) {
    if (pooled_) pooled_->set_unsynced(unsynced);
  }

  Descriptor descriptor() const { return pooled_ ? pooled_->get() : own_; }

  // Constant after construction.
  Descriptor own_;
  const int root_fd_;
  bool writable_ = false;
  // Synchronised by itself. Opened again in the middle of what is const to others.
  mutable std::optional<PooledDescriptor> pooled_;
  ReserveDistance reserve_;
};

std::size_t PosixFile::read_at(std::uint64_t offset, MutableByteSpan out) const {
  const Descriptor fd = descriptor();
  std::size_t done = 0;
  while (done < out.size() && offset + done <= kMaxOffset) {
    const ssize_t n = retry_interrupted([&] {
      return ::pread(fd->get(), out.data() + done, out.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (n < 0) throw_error(errno, "pread");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void PosixFile::write_at(std::uint64_t offset, ByteSpan bytes) {
  const Descriptor fd = descriptor();
  to_off_t(offset, "pwrite");
  set_unsynced(true);
  const TakingSpaceFor owner(fd->get(), bytes.size(), reserve_);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const off_t at = to_off_t(offset + done, "pwrite");
    const ssize_t n = retry_interrupted(
        [&] { return ::pwrite(fd->get(), bytes.data() + done, bytes.size() - done, at); });
    if (n < 0) throw_error(errno, "pwrite");
    // Nothing written and no error: going on would spin for ever.
    if (n == 0) throw_error(EIO, "pwrite");
    done += static_cast<std::size_t>(n);
  }
}

void PosixFile::truncate(std::uint64_t bytes) {
  const Descriptor fd = descriptor();
  const off_t size = to_off_t(bytes, "ftruncate");
  if (retry_interrupted([&] { return ::ftruncate(fd->get(), size); }) != 0) {
    throw_error(errno, "ftruncate");
  }
}

void PosixFile::change_blocks(ByteRange range, int mode, const char* doing) {
  if (range.empty()) return;
  const Descriptor fd = descriptor();
  const off_t offset = to_off_t(range.offset, doing);
  const off_t length = to_off_t(range.bytes, doing);
  if (retry_interrupted([&] { return ::fallocate(fd->get(), mode, offset, length); }) != 0) {
    throw_error(errno == ENOSYS ? EOPNOTSUPP : errno, doing);
  }
}

void PosixFile::allocate(ByteRange range, AllocateKind kind) {
  const Descriptor fd = descriptor();
  const TakingSpaceFor owner(fd->get(), range.bytes, reserve_);
  change_blocks(range, kind == AllocateKind::kKeepSize ? FALLOC_FL_KEEP_SIZE : 0, "fallocate");
}

void PosixFile::punch_hole(ByteRange range) {
  change_blocks(range, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "punch hole");
}

void PosixFile::sync(SyncKind kind) {
  const Descriptor fd = descriptor();
  const bool data_only = kind == SyncKind::kData;
  // Before the call, as what is written meanwhile may come too late for it.
  set_unsynced(false);
  // Not repeated after another error: the kernel may have dropped the pages, and a second call
  // would claim success for data that is gone.
  const int result =
      retry_interrupted([&] { return data_only ? ::fdatasync(fd->get()) : ::fsync(fd->get()); });
  if (result == 0) return;
  const int error = errno;
  set_unsynced(true);
  throw_error(error, data_only ? "fdatasync" : "fsync");
}

void PosixFile::advise(ByteRange range, int advice) const {
  static_cast<void>(::posix_fadvise(descriptor()->get(), static_cast<off_t>(range.offset),
                                    static_cast<off_t>(range.bytes), advice));
}

void PosixFile::begin_writeback(ByteRange range) {
  static_cast<void>(::sync_file_range(descriptor()->get(), static_cast<off64_t>(range.offset),
                                      static_cast<off64_t>(range.bytes), SYNC_FILE_RANGE_WRITE));
}

struct stat PosixFile::stat() const {
  struct stat status = {};
  if (::fstat(descriptor()->get(), &status) != 0) throw_error(errno, "fstat");
  return status;
}

void PosixFile::set_modification_time(timespec time) {
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, time};
  const Descriptor fd = descriptor();
  if (::futimens(fd->get(), times.data()) == 0) return;
  // Only the owner and root may choose a time. Others who may write can say that it is now, which
  // is more than nothing: content must be stored in any case.
  if (errno != EPERM || ::futimens(fd->get(), nullptr) != 0) throw_error(errno, "futimens");
}

void PosixFile::keep_privileges(const std::function<void()>& change) {
  static constexpr const char* kCapability = "security.capability";
  constexpr mode_t kSetIdBits = S_ISUID | S_ISGID;
  const mode_t mode = stat().st_mode;
  const Attributes before = attributes(kCapability);
  std::exception_ptr error;
  try {
    change();
  } catch (...) {
    error = std::current_exception();
  }
  const Descriptor fd = descriptor();
  if ((stat().st_mode & kSetIdBits) != (mode & kSetIdBits) &&
      ::fchmod(fd->get(), mode & 07777) != 0) {
    throw_error(errno, "give set-id bits back");
  }
  for (const auto& [name, value] : before) {
    if (::fsetxattr(fd->get(), name.c_str(), value.data(), value.size(), 0) != 0) {
      throw_error(errno, "give capabilities back");
    }
  }
  if (error) std::rethrow_exception(error);
}

void PosixFile::give_to_owner_of(const File& other) {
  const struct stat owner = other.stat();
  const struct stat now = stat();
  if (owner.st_uid == now.st_uid && owner.st_gid == now.st_gid) return;
  if (::fchown(descriptor()->get(), owner.st_uid, owner.st_gid) != 0 && errno != EPERM) {
    throw_error(errno, "fchown");
  }
}

std::uint64_t PosixFile::seek(std::uint64_t offset, int whence) const {
  if (offset > kMaxOffset) throw_error(ENXIO, "lseek");
  // Moves the descriptor's own position, which nothing uses.
  const off_t found = ::lseek(descriptor()->get(), static_cast<off_t>(offset), whence);
  if (found < 0) throw_error(errno, "lseek");
  return static_cast<std::uint64_t>(found);
}

std::string PosixFile::identity() const {
  const Descriptor fd = descriptor();
  std::string identity = handle_identity(fd->get());
  return identity.empty() ? inode_identity(fd->get()) : identity;
}

std::string PosixFile::path_hint() const {
  if (root_fd_ < 0) return "";
  const std::string path = path_of(descriptor()->get());
  std::string root = path_of(root_fd_);
  if (root.empty() || path.ends_with(" (deleted)")) return "";
  if (root != "/") root += '/';
  return path.starts_with(root) ? path.substr(root.size()) : "";
}

}  // namespace

void UniqueFd::reset(int fd) {
  // Errors of close are of no use here: durability is a step of its own, and the descriptor is
  // gone in any case.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

void occupy_standard_descriptors() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= 2);
  UniqueFd superfluous(fd);
}

UniqueFd duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) throw_error(errno, "dup");
  return copy;
}

std::unique_ptr<File> make_posix_file(UniqueFd fd, int root_fd) {
  return std::make_unique<PosixFile>(std::move(fd), root_fd);
}

std::unique_ptr<File> make_posix_file(UniqueFd fd, OpenedAs how, int root_fd,
                                      DescriptorPool& pool) {
  return std::make_unique<PosixFile>(std::move(fd), how, root_fd, pool);
}

}  // namespace zstdfs::os
