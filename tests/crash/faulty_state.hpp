#pragma once

#include <sys/stat.h>

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/faulty_content.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::test {

using InodeNumber = std::uint64_t;
/// Counts restarts. A handle of an earlier one is dead.
using Epoch = std::uint64_t;

inline constexpr InodeNumber kRootInode = 2;

/// The names of all directories: as programs see them, and as they are on the disk for certain.
///
/// Thread safety: none.
class NameTree {
 public:
  using Entries = std::map<std::string, InodeNumber>;

  /// What sits at a path; nothing when there is no such name. Throws ENOTDIR, EXDEV.
  std::optional<InodeNumber> find(std::string_view path) const;
  /// The directory that a path's last name lies in, and that name. Throws ENOENT, ENOTDIR, EINVAL.
  struct Place {
    InodeNumber directory;
    std::string name;
  };
  Place place(const std::string& path) const;
  /// A path of an inode; empty when it has none (or is the root).
  std::string path_of(InodeNumber inode) const;

  bool is_directory(InodeNumber inode) const { return current_.contains(inode); }
  const Entries& entries(InodeNumber directory) const { return current_.at(directory); }

  void add(const Place& place, InodeNumber inode);
  void add_directory(const Place& place, InodeNumber inode);
  void remove(const Place& place);
  void rename(const Place& from, const Place& to);

  void sync(InodeNumber directory);
  void sync_all();
  void keep_synced();
  void keep_random(Random& random);
  /// Every inode that a current name leads to.
  std::set<InodeNumber> reachable() const;

 private:
  struct Step {
    Place place;
    std::optional<InodeNumber> inode;  ///< nothing: the name goes
  };
  /// Happens entirely or not at all.
  using Change = std::vector<Step>;

  void change(Change change);
  static void apply(const Change& change, std::map<InodeNumber, Entries>& directories);
  /// Makes the marked changes durable, in order.
  void settle(const std::vector<bool>& marked);

  std::map<InodeNumber, Entries> current_ = {{kRootInode, {}}};
  std::map<InodeNumber, Entries> synced_ = current_;
  std::vector<Change> changes_;
};

/// What FaultyDisk, its volumes and its files share.
///
/// Thread safety: all methods may run concurrently. Calls with an epoch throw PowerCut when the
/// power is off or there was a restart since.
class DiskState {
 public:
  // The tests' side; see FaultyDisk.
  Epoch epoch() const;
  void cut_power_after(std::uint64_t n);
  void cut_power_now();
  bool power_is_off() const;
  /// What may have lost unsynced writes.
  enum class Ended { kMount, kSystem };
  void restart(Survival survival, Ended ended);
  void fail_calls(const CallFault& fault);
  void clear_faults();
  std::uint64_t failed_calls() const;
  void before_writes(const std::string& path_prefix, std::function<void()> hook);
  void hold_clock(bool hold);
  void move_clock(std::int64_t seconds);
  void set_stamps_behind(std::int64_t seconds);
  void set_capacity(std::optional<std::uint64_t> free_bytes);
  std::uint64_t free_bytes() const;
  std::uint64_t used_bytes() const;
  std::uint64_t counted_calls() const;
  std::vector<ByteRange> announced_reads() const;
  std::vector<ByteRange> begun_writebacks() const;
  std::string last_calls(std::size_t count) const;
  void put(const std::string& path, ByteSpan bytes);
  void set_attribute(const std::string& path, const std::string& name, const std::string& value);
  std::optional<Bytes> content(const std::string& path) const;
  std::vector<std::string> list() const;

  // The volume's side.
  /// Counts as an open handle.
  std::optional<InodeNumber> open(Epoch epoch, const std::string& path);
  InodeNumber create(Epoch epoch, const std::string& path, mode_t mode);
  bool remove(Epoch epoch, const std::string& path);
  void rename(Epoch epoch, const std::string& from, const std::string& to);
  bool make_directory(Epoch epoch, const std::string& path, mode_t mode);
  std::vector<os::DirectoryEntry> entries(Epoch epoch, const std::string& path);
  struct stat stat(Epoch epoch, const std::string& path);
  os::Attributes attributes(Epoch epoch, const std::string& path, std::string_view prefix);
  os::Attributes attributes(Epoch epoch, InodeNumber number, std::string_view prefix);
  void sync_directory(Epoch epoch, const std::string& path);
  void sync_filesystem(Epoch epoch);
  bool lock(Epoch epoch, InodeNumber inode);
  void unlock(Epoch epoch, InodeNumber inode) noexcept;
  timespec now(Epoch epoch) const;
  /// Another one after each loss of power.
  std::string boot_id() const;
  /// Another one after that, too, and where only the filesystem went.
  std::string mount_id() const;

  // The file's side.
  void close(Epoch epoch, InodeNumber inode) noexcept;
  std::size_t read(Epoch epoch, InodeNumber inode, std::uint64_t offset, MutableByteSpan out);
  void write(Epoch epoch, InodeNumber inode, std::uint64_t offset, ByteSpan bytes);
  void truncate(Epoch epoch, InodeNumber inode, std::uint64_t bytes);
  void allocate(Epoch epoch, InodeNumber inode, ByteRange range, os::AllocateKind kind);
  void punch_hole(Epoch epoch, InodeNumber inode, ByteRange range);
  void sync(Epoch epoch, InodeNumber inode, os::SyncKind kind);
  void drop_clean_pages(Epoch epoch, InodeNumber inode, ByteRange range);
  void announce_read(ByteRange range);
  void begin_writeback(ByteRange range);
  struct stat stat(Epoch epoch, InodeNumber inode) const;
  void set_modification_time(Epoch epoch, InodeNumber inode, timespec time);
  std::uint64_t seek(Epoch epoch, InodeNumber inode, std::uint64_t offset, int whence) const;
  std::string path_of(Epoch epoch, InodeNumber inode) const;

 private:
  struct Inode {
    mode_t mode = 0;
    FileContent content;
    os::Attributes attributes = {};
    bool linked = true;
    std::uint64_t open_handles = 0;
    timespec modified = {};
    timespec synced_modified = {};
    timespec changed = {};
    /// A sync of the whole filesystem failed and left this error for the file's own next sync.
    int error_to_report = 0;
  };
  struct ActiveFault {
    CallFault fault;
    std::uint64_t seen = 0;
  };
  enum class Fate { kHappens, kPowerGoes, kFails };
  struct WriteHook {
    std::string path_prefix;
    std::function<void()> hook;
  };
  struct Verdict {
    Fate fate = Fate::kHappens;
    int error = 0;
  };

  void lose_unsynced(Survival survival) ZSTDFS_REQUIRES(mutex_);
  void check_alive(Epoch epoch) const ZSTDFS_REQUIRES(mutex_);
  /// Counts a call and says what becomes of it.
  Verdict judge(Epoch epoch, CallKind kind, const std::string& path, const std::string& detail)
      ZSTDFS_REQUIRES(mutex_);
  /// Throws unless the call happens.
  static void enforce(const Verdict& verdict, CallKind kind, const std::string& path);
  void begin(Epoch epoch, CallKind kind, const std::string& path, const std::string& detail = "")
      ZSTDFS_REQUIRES(mutex_);
  int fault_for(CallKind kind, const std::string& path) ZSTDFS_REQUIRES(mutex_);
  /// Calls what was asked for with before_writes(), without a lock.
  void run_write_hook(InodeNumber number) ZSTDFS_EXCLUDES(mutex_);

  Inode& inode(InodeNumber number) ZSTDFS_REQUIRES(mutex_) { return inodes_.at(number); }
  const Inode& inode(InodeNumber number) const ZSTDFS_REQUIRES(mutex_) {
    return inodes_.at(number);
  }
  InodeNumber new_inode(mode_t mode) ZSTDFS_REQUIRES(mutex_);
  InodeNumber must_find(const std::string& path) const ZSTDFS_REQUIRES(mutex_);
  std::uint64_t used_blocks() const ZSTDFS_REQUIRES(mutex_);
  std::uint64_t free_blocks() const ZSTDFS_REQUIRES(mutex_);
  /// How many of the range's first bytes find room.
  std::uint64_t bytes_that_fit(const Inode& file, ByteRange range) const ZSTDFS_REQUIRES(mutex_);
  void touch(Inode& file) ZSTDFS_REQUIRES(mutex_);
  struct stat stat_of(InodeNumber number) const ZSTDFS_REQUIRES(mutex_);
  timespec clock() const ZSTDFS_REQUIRES(mutex_);

  mutable Mutex mutex_;
  NameTree names_ ZSTDFS_GUARDED_BY(mutex_);
  std::map<InodeNumber, Inode> inodes_ ZSTDFS_GUARDED_BY(mutex_) = {
      {kRootInode, Inode{.mode = S_IFDIR | 0755, .content = {}}}};
  InodeNumber next_inode_ ZSTDFS_GUARDED_BY(mutex_) = kRootInode + 1;
  std::set<InodeNumber> locked_ ZSTDFS_GUARDED_BY(mutex_);

  Epoch epoch_ ZSTDFS_GUARDED_BY(mutex_) = 1;
  std::uint64_t boots_ ZSTDFS_GUARDED_BY(mutex_) = 1;
  std::uint64_t mounts_ ZSTDFS_GUARDED_BY(mutex_) = 1;
  bool power_off_ ZSTDFS_GUARDED_BY(mutex_) = false;
  /// Calls until the power goes; 0: it stays.
  std::uint64_t cut_in_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t counted_calls_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  /// The number of calls that the clock goes by while it stands.
  std::optional<std::uint64_t> clock_calls_ ZSTDFS_GUARDED_BY(mutex_);
  std::int64_t moved_clock_seconds_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::int64_t stamps_behind_seconds_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t failed_calls_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::vector<ActiveFault> faults_ ZSTDFS_GUARDED_BY(mutex_);
  WriteHook write_hook_ ZSTDFS_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> capacity_blocks_ ZSTDFS_GUARDED_BY(mutex_);
  std::vector<ByteRange> announced_reads_ ZSTDFS_GUARDED_BY(mutex_);
  std::vector<ByteRange> begun_writebacks_ ZSTDFS_GUARDED_BY(mutex_);
  std::deque<std::string> call_log_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::test
