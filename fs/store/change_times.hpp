#pragma once

#include <time.h>

#include <unordered_map>

#include "fs/store/file_key.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// Compares points in time.
bool is_before(const timespec& a, const timespec& b);
bool is_same(const timespec& a, const timespec& b);

/// Hides from applications that zstdfs itself changed a backing file: the change time they see
/// stays that of their own last change. Kept in memory only, for as many files as fit; after that,
/// and after a restart, the backing file's own change time is shown.
///
/// Thread safety: all methods may run concurrently.
class ChangeTimes {
 public:
  /// What applications see for a backing file whose change time is `backing`.
  timespec visible(const FileKey& key, const timespec& backing);

  /// The backing file's change time became `backing` by our own doing; show `visible` for it.
  void hide(const FileKey& key, const timespec& backing, const timespec& visible);

  /// Shows the backing file's own change time again.
  void show(const FileKey& key);

 private:
  struct Times {
    timespec backing;
    timespec visible;
  };
  using Map = std::unordered_map<FileKey, Times, FileKeyHash>;

  Mutex mutex_;
  // Two halves: when the recent one is full it becomes the old one, and the old one is dropped.
  Map recent_ ZSTDFS_GUARDED_BY(mutex_);
  Map old_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::store
