#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::test {

/// What every call to a volume or file throws from the moment the power goes until the restart.
/// Not a std::exception, so that code which handles errors does not take it for one.
struct PowerCut {};

/// The calls that change something, and reading (which is not counted, but can be made to fail).
enum class CallKind {
  kCreate,
  kRemove,
  kRename,
  kMakeDirectory,
  kWrite,
  kTruncate,
  kAllocate,
  kPunchHole,
  kSetTime,
  kSync,
  kSyncDirectory,
  kSyncFilesystem,
  kRead,
};

/// What a restart finds on the disk.
class Survival {
 public:
  enum class Kind { kNothingUnsynced, kEverything, kRandom, kRandomUnordered };

  /// Only what was synced. Names are synced with their directory, not with the file.
  static Survival nothing_unsynced() { return {Kind::kNothingUnsynced, 0}; }
  /// As after kill -9: the page cache outlived the process. What was not synced is still not, and
  /// a later loss of power can take it. The boot is still the same.
  static Survival everything() { return {Kind::kEverything, 0}; }
  /// Of what was not synced, each sector of each file on its own, sizes and holes up to some
  /// moment, and the changes of each directory up to some moment. Where the size or a new block
  /// survived, so did the data that it was made for (ext4 in its ordered mode, btrfs).
  static Survival random(std::uint64_t seed) { return {Kind::kRandom, seed}; }
  /// As random, but sizes and new blocks may survive without their data, and are zeros then
  /// (ext4 in its writeback mode, xfs).
  static Survival random_unordered(std::uint64_t seed) { return {Kind::kRandomUnordered, seed}; }

  Kind kind() const { return kind_; }
  std::uint64_t seed() const { return seed_; }
  /// For SCOPED_TRACE.
  std::string describe() const;

 private:
  Survival(Kind kind, std::uint64_t seed) : kind_(kind), seed_(seed) {}
  Kind kind_;
  std::uint64_t seed_;
};

/// Calls that fail. They change nothing, but a write may have written its first half.
struct CallFault {
  /// Nothing: every call that changes something.
  std::optional<CallKind> kind;
  /// Files and directories whose path begins so.
  std::string path_prefix;
  int error = 0;
  /// So many matching calls succeed first; so many fail then.
  std::uint64_t skip = 0;
  std::uint64_t times = 1;
};

class DiskState;

/// A disk in memory that can lose power at any call, be full, and fail.
///
/// It behaves as a journalling filesystem promises and no better: a file's sync makes its content
/// and size durable, not its name; changes of one directory become durable in their order; a rename
/// between two directories is one change. A new file whose name survived but not its content is
/// empty. Every counted call moves the clock by one millisecond. Blocks are 4096 bytes.
///
/// Thread safety: all methods may run concurrently. Volumes and files may outlive the disk.
class FaultyDisk {
 public:
  FaultyDisk();

  /// The disk as a volume, until the next restart.
  std::unique_ptr<os::Volume> volume();

  /// The power goes in place of the `n`-th counted call from now (1: the next one). A write may
  /// then have been done in part.
  void cut_power_after(std::uint64_t n);
  void cut_power_now();
  /// Takes cut_power_after back.
  void keep_power();
  bool power_is_off() const;
  /// Loses what the policy says, and all locks, handles, faults and planned cuts. The power may be
  /// on before; then it goes now.
  void restart(Survival survival);
  /// As restart, but only the filesystem went, and was mounted again: the boot is the same.
  void remount(Survival survival);

  void fail_calls(const CallFault& fault);
  void clear_faults();
  /// How many calls failed because of fail_calls, since the start.
  std::uint64_t failed_calls() const;

  /// From now on `hook` runs before each write to a file whose path begins so, on the thread that
  /// writes. It may use the disk; that it writes to such a file itself runs it once more. Until the
  /// next one; an empty function ends it.
  void before_writes(const std::string& path_prefix, std::function<void()> hook);

  /// The clock stands, as it does within a tick of a real one, until it goes again.
  void hold_clock();
  void release_clock();

  /// The clock that stamps changes is set, and with it what a volume takes for the time.
  void move_clock(std::int64_t seconds);
  /// A volume's time is so far from that with which changes are stamped, as if a server did that.
  void set_stamps_behind(std::int64_t seconds);

  /// From now on there is room for so many more bytes, in whole blocks. Names take no room.
  void set_free_bytes(std::uint64_t bytes);
  void set_unlimited();
  /// Only after set_free_bytes.
  std::uint64_t free_bytes() const;
  std::uint64_t used_bytes() const;

  /// Calls that changed something, since the start.
  std::uint64_t counted_calls() const;
  /// What was said to be read soon, of all files, since the start.
  std::vector<ByteRange> announced_reads() const;
  /// What was sent to the disk before a sync asked for it. Here nothing happens with it.
  std::vector<ByteRange> begun_writebacks() const;
  /// The last counted calls, one a line, for messages of failed tests.
  std::string last_calls(std::size_t count) const;

  // For tests, beside the volume: not counted, never fail, durable at once.
  /// Makes a file (and the directories above it), or replaces its content.
  void put(const std::string& path, ByteSpan bytes);
  /// Gives an extended attribute to a file or directory that exists.
  void set_attribute(const std::string& path, const std::string& name, const std::string& value);
  /// What a read through a volume would give; nothing where there is no such file.
  std::optional<Bytes> content(const std::string& path) const;
  /// The paths of all files, sorted.
  std::vector<std::string> list() const;

 private:
  // Shared with the volumes and files, which may be held by code that is torn down later.
  std::shared_ptr<DiskState> state_;
};

}  // namespace zstdfs::test
