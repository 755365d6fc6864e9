#pragma once

#include <set>

#include "fs/store/file_key.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// The raw files of which a sync has failed since this mount began: the kernel may have pages of
/// them that never get to the disk (os::write_again), also after syncs that succeed, and after the
/// file was closed. That a key becomes another file's costs that file some work once.
///
/// Thread safety: all methods may run concurrently.
class LostSyncs {
 public:
  void note(const FileKey& key) ZSTDFS_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    keys_.insert(key);
  }
  bool contains(const FileKey& key) const ZSTDFS_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return keys_.contains(key);
  }
  /// All of the file was written to new pages and synced.
  void forget(const FileKey& key) ZSTDFS_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    keys_.erase(key);
  }

 private:
  mutable Mutex mutex_;  // order: nothing else is locked while it is held
  std::set<FileKey> keys_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::store
