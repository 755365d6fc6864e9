#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// Whom a journal file is about.
struct JournalTarget {
  std::string identity;   ///< os::File::identity of the backing file
  std::string path_hint;  ///< where it was when the journal file was begun
};

/// The directory `.zstdfs/journal/`, which holds two kinds of files: write logs (`<number>.log`,
/// see write_log.hpp) and redo files (`<number>.redo`, see redo.hpp).
///
/// Thread safety: all methods may run concurrently.
class Journal {
 public:
  /// Numbers go on after those of files that are there.
  explicit Journal(os::Volume& volume);

  /// Creates a journal file with a new number; `name` receives its name.
  std::unique_ptr<os::File> create(const std::string& suffix, std::string& name);
  std::unique_ptr<os::File> open(const std::string& name, os::OpenMode mode);
  /// Gives a file that is of no use, but not ours to remove, another name, for good, and returns
  /// that.
  std::string set_aside(const std::string& name);
  /// Removes a file; that the removal is durable takes sync_directory().
  void remove(const std::string& name);
  /// The file is out of date as soon as what was done up to now is on stable storage: until then a
  /// loss of power can bring back what it belongs to.
  void retire(const std::string& name) ZSTDFS_EXCLUDES(mutex_);
  /// Syncs the whole lower filesystem, and then removes the files that were retired before; those
  /// that cannot be removed stay retired.
  void sync_filesystem() ZSTDFS_EXCLUDES(mutex_);
  void sync_directory();
  /// As os::Volume::free_bytes.
  std::uint64_t free_bytes() { return volume_.free_bytes(); }
  /// Names of all files, in the order of their numbers; what is not ours is left out.
  std::vector<std::string> list();

 private:
  os::Volume& volume_;
  std::atomic<std::uint64_t> next_number_{1};
  Mutex mutex_;
  std::vector<std::string> retired_ ZSTDFS_GUARDED_BY(mutex_);
};

/// Whether a journal file can have this name.
bool is_journal_name(const std::string& name);

inline constexpr const char* kLogSuffix = ".log";
inline constexpr const char* kRedoSuffix = ".redo";

}  // namespace zstdfs::store
