#pragma once

#include <dirent.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "fs/fuse/libfuse.hpp"
#include "fs/os/descriptor_pool.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// Reads the entries of one directory, from any of the offsets that the lower filesystem gave them:
/// so a position stays valid whatever is created and removed meanwhile.
///
/// Thread safety: one thread at a time. Errors: std::system_error.
class DirectoryStream {
 public:
  /// Whether reading counts as an access of the directory. That it does not is ours to decide only
  /// as its owner or as root.
  enum class AccessTime { kMoves, kStays };

  /// `directory` is a descriptor of what `number` names.
  DirectoryStream(fuse_ino_t number, const os::UniqueFd& directory, os::DescriptorPool& pool,
                  AccessTime access_time);

  fuse_ino_t number() const { return number_; }
  /// Where the next entry is.
  off_t offset() const { return next_offset_; }
  void seek(off_t offset);
  /// The next entry, valid until the following call; null at the end.
  const dirent64* peek();
  void advance(const dirent64& entry);

 private:
  struct alignas(dirent64) Buffer : std::array<char, 32 << 10> {};

  const fuse_ino_t number_;
  const os::UniqueFd fd_;
  // Entries read ahead of what was asked for: buffer_[begin_, end_).
  const std::unique_ptr<Buffer> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  off_t next_offset_ = 0;
};

/// Streams that are likely to be read on. The kernel opens no directories: it asks for the entries
/// behind an offset, one request after the other, and never says that it has enough.
///
/// Thread safety: all methods may run concurrently.
class DirectoryStreams {
 public:
  /// A stream of this directory at this offset; null when there is none.
  std::unique_ptr<DirectoryStream> take(fuse_ino_t number, off_t offset) ZSTDFS_EXCLUDES(mutex_);
  /// Of too many, the one that was kept first is given up.
  void keep(std::unique_ptr<DirectoryStream> stream) ZSTDFS_EXCLUDES(mutex_);
  /// What they have read of this directory is not true any more, or its number may soon be another
  /// one's.
  void drop(fuse_ino_t number) ZSTDFS_EXCLUDES(mutex_);

 private:
  std::atomic<std::size_t> kept_{0};
  Mutex mutex_;
  std::vector<std::unique_ptr<DirectoryStream>> streams_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::fuse
