#include "tests/crash/faulty_volume.hpp"

#include <unistd.h>

#include <charconv>

#include "fs/os/posix_error.hpp"
#include "tests/crash/faulty_state.hpp"

namespace zstdfs::test {
namespace {

class FaultyFile final : public os::File {
 public:
  /// Takes over an open handle.
  FaultyFile(std::shared_ptr<DiskState> state, Epoch epoch, InodeNumber inode, os::OpenMode mode)
      : state_(std::move(state)), epoch_(epoch), inode_(inode), mode_(mode) {}
  ~FaultyFile() override { state_->close(epoch_, inode_); }
  FaultyFile(const FaultyFile&) = delete;
  FaultyFile& operator=(const FaultyFile&) = delete;

  std::uint64_t size() const override { return static_cast<std::uint64_t>(stat().st_size); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    return state_->read(epoch_, inode_, offset, out);
  }
  bool writable() const override { return mode_ == os::OpenMode::kReadWrite; }
  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    require_writable(EBADF);
    state_->write(epoch_, inode_, offset, bytes);
  }
  void truncate(std::uint64_t bytes) override {
    require_writable(EINVAL);  // as ftruncate has it
    state_->truncate(epoch_, inode_, bytes);
  }
  void allocate(ByteRange range, os::AllocateKind kind) override {
    require_writable(EBADF);
    state_->allocate(epoch_, inode_, range, kind);
  }
  void punch_hole(ByteRange range) override {
    require_writable(EBADF);
    state_->punch_hole(epoch_, inode_, range);
  }
  void sync(os::SyncKind kind) override { state_->sync(epoch_, inode_, kind); }
  void drop_clean_pages(ByteRange range) override {
    state_->drop_clean_pages(epoch_, inode_, range);
  }
  void will_read(ByteRange range) const override { state_->announce_read(range); }
  void begin_writeback(ByteRange range) override { state_->begin_writeback(range); }
  struct stat stat() const override {
    return state_->stat(epoch_, inode_);
  }
  void give_to_owner_of(const os::File&) override {}
  void set_modification_time(timespec time) override {
    state_->set_modification_time(epoch_, inode_, time);
  }
  std::uint64_t seek_data(std::uint64_t offset) const override {
    return state_->seek(epoch_, inode_, offset, SEEK_DATA);
  }
  std::uint64_t seek_hole(std::uint64_t offset) const override {
    return state_->seek(epoch_, inode_, offset, SEEK_HOLE);
  }
  os::Attributes attributes(std::string_view prefix) const override {
    return state_->attributes(epoch_, inode_, prefix);
  }
  std::string identity() const override { return "inode " + std::to_string(inode_); }
  std::string path_hint() const override { return state_->path_of(epoch_, inode_); }

  InodeNumber inode() const { return inode_; }

 private:
  void require_writable(int error) const {
    if (!writable()) os::throw_error(error, "not open for writing");
  }

  // Constant after construction.
  std::shared_ptr<DiskState> state_;  // a file may outlive its disk
  Epoch epoch_;
  InodeNumber inode_;
  os::OpenMode mode_;
};

class FaultyLock final : public os::VolumeLock {
 public:
  FaultyLock(std::shared_ptr<DiskState> state, Epoch epoch, InodeNumber inode)
      : state_(std::move(state)), epoch_(epoch), inode_(inode) {}
  ~FaultyLock() override { state_->unlock(epoch_, inode_); }
  FaultyLock(const FaultyLock&) = delete;
  FaultyLock& operator=(const FaultyLock&) = delete;

 private:
  std::shared_ptr<DiskState> state_;  // a lock may outlive its disk
  Epoch epoch_;
  InodeNumber inode_;
};

class FaultyVolume final : public os::Volume {
 public:
  explicit FaultyVolume(std::shared_ptr<DiskState> state)
      : state_(std::move(state)), epoch_(state_->epoch()) {}

  std::unique_ptr<os::File> open(const std::string& path, os::OpenMode mode) override {
    const std::optional<InodeNumber> inode = state_->open(epoch_, path);
    return inode ? std::make_unique<FaultyFile>(state_, epoch_, *inode, mode) : nullptr;
  }
  std::unique_ptr<os::File> create(const std::string& path, mode_t mode) override {
    const InodeNumber inode = state_->create(epoch_, path, mode);
    return std::make_unique<FaultyFile>(state_, epoch_, inode, os::OpenMode::kReadWrite);
  }
  bool remove(const std::string& path) override { return state_->remove(epoch_, path); }
  void rename(const std::string& from, const std::string& to) override {
    state_->rename(epoch_, from, to);
  }
  bool make_directory(const std::string& path, mode_t mode) override {
    return state_->make_directory(epoch_, path, mode);
  }
  std::vector<os::DirectoryEntry> list(const std::string& path) override {
    return state_->entries(epoch_, path);
  }
  struct stat stat(const std::string& path) override {
    return state_->stat(epoch_, path);
  }
  os::Attributes attributes(const std::string& path, std::string_view prefix) override {
    return state_->attributes(epoch_, path, prefix);
  }
  void sync_directory(const std::string& path) override { state_->sync_directory(epoch_, path); }
  void sync_filesystem() override { state_->sync_filesystem(epoch_); }
  using os::Volume::try_lock;
  std::unique_ptr<os::VolumeLock> try_lock(const std::string& path, pid_t& holder,
                                           os::LockTrace trace) override;
  std::uint64_t block_bytes() override { return kDiskBlockBytes; }
  std::uint64_t free_bytes() override { return state_->free_bytes(); }
  timespec now() override { return state_->now(epoch_); }
  std::string boot_id() override { return state_->boot_id(); }
  std::string mount_id() override { return state_->mount_id(); }

 private:
  // Constant after construction.
  std::shared_ptr<DiskState> state_;  // a volume may outlive its disk
  Epoch epoch_;
};

pid_t read_holder(const os::File& file) {
  Bytes text(32);
  text.resize(file.read_at(0, text));
  const char* begin = reinterpret_cast<const char*>(text.data());
  pid_t holder = 0;
  std::from_chars(begin, begin + text.size(), holder);
  return holder;
}

std::unique_ptr<os::VolumeLock> FaultyVolume::try_lock(const std::string& path, pid_t& holder,
                                                       os::LockTrace trace) {
  holder = 0;
  std::optional<InodeNumber> inode = state_->open(epoch_, path);
  if (!inode && trace == os::LockTrace::kNone) os::throw_error(ENOENT, path);
  if (!inode) inode = state_->create(epoch_, path, 0644);
  FaultyFile file(state_, epoch_, *inode, os::OpenMode::kReadWrite);
  if (!state_->lock(epoch_, *inode)) {
    holder = read_holder(file);
    return nullptr;
  }
  auto lock = std::make_unique<FaultyLock>(state_, epoch_, *inode);
  if (trace == os::LockTrace::kNone) return lock;
  file.truncate(0);
  file.write_at(0, bytes_of(std::to_string(::getpid()) + "\n"));
  return lock;
}

}  // namespace

FaultyDisk::FaultyDisk() : state_(std::make_shared<DiskState>()) {}

std::unique_ptr<os::Volume> FaultyDisk::volume() {
  return std::make_unique<FaultyVolume>(state_);
}

void FaultyDisk::cut_power_after(std::uint64_t n) {
  state_->cut_power_after(n);
}
void FaultyDisk::cut_power_now() {
  state_->cut_power_now();
}
void FaultyDisk::keep_power() {
  state_->cut_power_after(0);
}
bool FaultyDisk::power_is_off() const {
  return state_->power_is_off();
}
void FaultyDisk::restart(Survival survival) {
  state_->restart(survival, DiskState::Ended::kSystem);
}
void FaultyDisk::remount(Survival survival) {
  state_->restart(survival, DiskState::Ended::kMount);
}

void FaultyDisk::fail_calls(const CallFault& fault) {
  state_->fail_calls(fault);
}
void FaultyDisk::clear_faults() {
  state_->clear_faults();
}
std::uint64_t FaultyDisk::failed_calls() const {
  return state_->failed_calls();
}

void FaultyDisk::before_writes(const std::string& path_prefix, std::function<void()> hook) {
  state_->before_writes(path_prefix, std::move(hook));
}

void FaultyDisk::set_free_bytes(std::uint64_t bytes) {
  state_->set_capacity(bytes);
}
void FaultyDisk::hold_clock() {
  state_->hold_clock(true);
}

void FaultyDisk::move_clock(std::int64_t seconds) {
  state_->move_clock(seconds);
}

void FaultyDisk::set_stamps_behind(std::int64_t seconds) {
  state_->set_stamps_behind(seconds);
}

void FaultyDisk::release_clock() {
  state_->hold_clock(false);
}

void FaultyDisk::set_unlimited() {
  state_->set_capacity(std::nullopt);
}
std::uint64_t FaultyDisk::free_bytes() const {
  return state_->free_bytes();
}
std::uint64_t FaultyDisk::used_bytes() const {
  return state_->used_bytes();
}

std::uint64_t FaultyDisk::counted_calls() const {
  return state_->counted_calls();
}
std::string FaultyDisk::last_calls(std::size_t count) const {
  return state_->last_calls(count);
}

void FaultyDisk::put(const std::string& path, ByteSpan bytes) {
  state_->put(path, bytes);
}
void FaultyDisk::set_attribute(const std::string& path, const std::string& name,
                               const std::string& value) {
  state_->set_attribute(path, name, value);
}
std::vector<ByteRange> FaultyDisk::announced_reads() const {
  return state_->announced_reads();
}
std::vector<ByteRange> FaultyDisk::begun_writebacks() const {
  return state_->begun_writebacks();
}
std::optional<Bytes> FaultyDisk::content(const std::string& path) const {
  return state_->content(path);
}
std::vector<std::string> FaultyDisk::list() const {
  return state_->list();
}

}  // namespace zstdfs::test
