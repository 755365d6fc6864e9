#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>

#include "fs/fuse/late_thread.hpp"
#include "fs/os/beneath.hpp"
#include "fs/store/file_key.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

class Filesystem;

/// Fetches the files that will be read next from the disk into the kernel's cache: who reads those
/// of a directory one after the other, in the order in which it lists them, will probably go on.
/// tar, grep -r, cp -r and backups do. Without it, each file waits for the disk, and nothing else
/// happens meanwhile.
///
/// Thread safety: note() may run concurrently.
class FilesAhead {
 public:
  /// `filesystem` outlives it.
  explicit FilesAhead(Filesystem& filesystem);
  /// Ends the thread that does the work.
  ~FilesAhead();
  FilesAhead(const FilesAhead&) = delete;
  FilesAhead& operator=(const FilesAhead&) = delete;

  /// A file begins to be read that the kernel has no pages of. Waits for nothing.
  void note(store::FileKey file) ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Walk;

  void work();
  bool wait_for_file(store::FileKey& file) ZSTDFS_EXCLUDES(mutex_);
  void follow(store::FileKey file);
  Walk* find_walk(std::uint64_t inode);
  /// Lists the directory that the file lies in, if it is time to. Null when not.
  Walk* begin_walk(store::FileKey file);
  void list(Walk& walk) const;
  void fetch(const Walk& walk, ByteRange files) const;
  os::UniqueFd open_directory(const std::string& path) const;

  Filesystem& filesystem_;
  const os::PathWalk path_walk_;

  Mutex mutex_;
  ConditionVariable wake_;
  std::deque<store::FileKey> noted_ ZSTDFS_GUARDED_BY(mutex_);
  bool ends_ ZSTDFS_GUARDED_BY(mutex_) = false;

  // Of the thread:
  std::list<Walk> walks_;                        // the one that was followed last comes first
  std::optional<std::string> last_directory_;    // of the last file that no walk had
  LateThread thread_ ZSTDFS_GUARDED_BY(mutex_);  // last
};

}  // namespace zstdfs::fuse
