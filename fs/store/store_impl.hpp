#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fs/store/file_services.hpp"
#include "fs/store/known_sizes.hpp"
#include "fs/store/recovery.hpp"
#include "fs/store/store.hpp"
#include "fs/store/store_directory.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// What a store consists of. Its methods are in store.cpp (the table of files that are in use),
/// store_recovery.cpp (what is done before the first of them) and store_settling.cpp (what is done
/// in the background and at the end).
struct Store::Impl {
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kShards = 16;
  // For what is done while nobody uses the store.
  static constexpr Clock::time_point kAtTheEnd = Clock::time_point::max();

  struct Entry {
    // Shared with those who have the file open, and with the settler while it works on it.
    std::shared_ptr<StoredFile> file;
    int handles = 0;
    Clock::time_point settle_at{};
    bool is_forgotten = false;

    bool is_unused() const { return handles == 0; }
    bool has_changes() const { return file->needs_flush(); }
  };

  using Entries = std::map<FileKey, Entry>;

  /// A part of the table of files that are in use.
  struct Shard {
    /// Whether a file is not in use, and was not since `opened_before` was read.
    bool is_at_rest_since(std::uint64_t opened_before, const FileKey& key) ZSTDFS_REQUIRES(mutex) {
      return opened == opened_before && !entries.contains(key);
    }

    Mutex mutex;
    Entries entries ZSTDFS_GUARDED_BY(mutex);
    std::uint64_t opened ZSTDFS_GUARDED_BY(mutex) = 0;  // counts additions
  };

  Impl(std::unique_ptr<os::Volume> the_volume, const StoreOptions& options)
      : volume(std::move(the_volume)),
        directory(*volume, locking_for(options)),
        services(*volume, options),
        known_sizes(*volume) {}

  static StoreDirectory::Locking locking_for(const StoreOptions& options);
  /// Whether so many bytes may be a container, which has to be asked for its size.
  static bool may_be_container(const struct stat& lower);
  Shard& shard_of(const FileKey& key) { return shards[key.inode % kShards]; }

  void recover();
  /// A point in time, to which everything will have been synced.
  struct Mark {
    timespec since;  ///< by the lower filesystem's clock
    /// How far our clock was ahead of one that is never set.
    std::chrono::nanoseconds lead;
  };
  /// Marks the store as one that is being changed.
  void begin_work();
  std::chrono::nanoseconds clock_lead();
  /// Now.
  Mark take_mark();
  void mark_at_work(const Mark& since);
  /// Where the clock was set back, what changes now seems to be from before the mark: then that is
  /// set back as far.
  void follow_clock();
  void load_known_sizes();
  void restore_logs(TargetFinder& finder);
  class SpareDescriptors;
  /// Where descriptors run short, merges the logs that were taken up.
  void keep_descriptors(SpareDescriptors& spare);
  /// Returns false when the log does not fit the file.
  bool restore_log(const std::string& name, const std::string& path);
  /// A file that is in use; null for others. `opened` is set to how often one was added so far:
  /// see Shard::is_at_rest_since().
  std::shared_ptr<StoredFile> find(const FileKey& key, std::uint64_t& opened);
  std::shared_ptr<StoredFile> find(const FileKey& key);
  /// Each file that is in use when it is its turn, of those that are now. No lock is held
  /// meanwhile.
  void for_each_file(const std::function<void(StoredFile&)>& look);
  /// The logical size of a file that is not in use, and for how long that holds.
  KnownSize read_size(const os::File& backing);
  /// Takes a file that the store is done with out of the table, and returns it for being destroyed
  /// when the lock is given back.
  std::shared_ptr<StoredFile> remove(Shard& shard, Entries::iterator entry)
      ZSTDFS_REQUIRES(shard.mutex);
  /// Remembers the size of a file that may have been changed, or that it is not known any more.
  void remember_size(StoredFile& file);
  /// Of those that are still open, too; then writes all that is known to the file. Returns its id.
  std::optional<std::uint64_t> keep_known_sizes();
  bool known_sizes_are_past();
  std::vector<FileKey> keys(const std::function<bool(const Entry&)>& wanted);
  /// Settles one file that nobody has open, if its time has come. Returns false after an error.
  bool settle(const FileKey& key, Clock::time_point now);
  bool commit_open_file(const FileKey& key);
  void remove_if_settled(const FileKey& key);
  void flush_open_files();
  /// When the files together hold more in memory than they may, stores what those hold that hold
  /// the most, until they do not. Returns false after an error.
  bool relieve_memory();
  void checkpoint();
  void run_settler();
  void stop_settler();

  const std::unique_ptr<os::Volume> volume;
  StoreDirectory directory;
  FileServices services;
  std::array<Shard, kShards> shards;
  KnownSizes known_sizes;

  Mutex settler_mutex;
  ConditionVariable settler_wakes;
  bool stopping ZSTDFS_GUARDED_BY(settler_mutex) = false;
  std::thread settler;
  bool has_lost_sync = false;  // the settler's until it has ended
  std::optional<Mark> mark;    // what the state says, if it is from this mount; the settler's, too
};

}  // namespace zstdfs::store
