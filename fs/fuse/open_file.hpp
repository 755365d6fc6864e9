#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "fs/fuse/inode_table.hpp"
#include "fs/fuse/libfuse.hpp"
#include "fs/store/store.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// One open handle of a regular file. Its address is the kernel's file handle.
class OpenFile {
 public:
  OpenFile(store::Store& store, std::shared_ptr<store::StoredFile> file, Inode& inode,
           store::ForWriting for_writing);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  store::StoredFile& file() { return *file_; }
  Inode& inode() { return inode_; }
  bool for_writing() const { return for_writing_; }
  /// Also fails once after a sync that somebody else asked for, if that may have lost what was
  /// written by whoever has this handle. Throws std::system_error.
  void sync(os::SyncKind kind);

  /// True for the first caller, unless the access time is to be left alone: access_times.hpp.
  bool is_first_read() { return !read_noted_ && !read_noted_.exchange(true); }
  void skip_access_time() { read_noted_ = true; }

  /// For a handle opened with O_SYNC or O_DSYNC: what each write has to make durable. Set before
  /// the kernel has the handle.
  std::optional<os::SyncKind> sync_after_write;

 private:
  store::Store& store_;
  const std::shared_ptr<store::StoredFile> file_;  // Shared by all who have the file open.
  Inode& inode_;                                   // The kernel holds it as long as the handle.
  const bool for_writing_;
  std::atomic<bool> read_noted_{false};
  std::atomic<std::uint64_t> told_lost_syncs_;
};

/// The file that a file handle of the kernel stands for.
inline OpenFile& open_file(const fuse_file_info* fi) {
  return *reinterpret_cast<OpenFile*>(fi->fh);
}

/// Owns all handles that the kernel has. It gives them back one by one; but those that are still
/// on their way at an unmount never arrive, and end with this table.
///
/// Thread safety: all methods may run concurrently.
class OpenFiles {
 public:
  /// The handle becomes the kernel's, which names it by the address that is returned.
  OpenFile* keep(std::unique_ptr<OpenFile> file) ZSTDFS_EXCLUDES(mutex_);

  /// The kernel gave the handle back, or never got it: it is the caller's again.
  std::unique_ptr<OpenFile> take(OpenFile& file) ZSTDFS_EXCLUDES(mutex_);

  /// The inode of each handle for writing. Its address only counts, as the kernel may give it back
  /// at any time.
  std::vector<const Inode*> written() const ZSTDFS_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::unordered_map<OpenFile*, std::unique_ptr<OpenFile>> files_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::fuse
