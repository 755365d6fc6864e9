#pragma once

#include <cstdint>

#include "zstdfs/bytes.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// Tells what a file's readers will probably ask for next: what follows, where they read in order.
/// The kernel does the same for the pages of a mount, but what it asks us for still has to come
/// from the disk, and would be waited for piece by piece.
///
/// Thread safety: all methods may run concurrently.
class ReadAhead {
 public:
  /// A range is read now. Returns one that should be fetched meanwhile; mostly an empty one.
  ByteRange note(ByteRange read) ZSTDFS_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::uint64_t end_ ZSTDFS_GUARDED_BY(mutex_) = 0;         // Of what was read in order,
  std::uint64_t read_bytes_ ZSTDFS_GUARDED_BY(mutex_) = 0;  // and how much that is.
  std::uint64_t fetched_to_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace zstdfs::store
