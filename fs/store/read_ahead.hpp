#pragma once

#include <cstdint>

#include "zstdfs/bytes.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// Tells what readers will probably ask for next: what follows, where they read in order. Of bytes,
/// or of whatever else can be counted.
///
/// Thread safety: all methods may run concurrently.
class ReadAhead {
 public:
  struct Limits {
    std::uint64_t most;    ///< to be fetched ahead of what was read; no more than that was, either
    std::uint64_t fewest;  ///< less than that is not worth it
    std::uint64_t slack;   ///< so far from each other, reads count as in order
  };

  explicit ReadAhead(const Limits& limits) : limits_(limits) {}

  /// A range is read now. Returns one that should be fetched meanwhile; mostly an empty one.
  ByteRange note(ByteRange read) ZSTDFS_EXCLUDES(mutex_);
  /// How much was read in order up to now.
  std::uint64_t read_in_order() const ZSTDFS_EXCLUDES(mutex_);
  /// As if so much had been read before `offset`.
  void begin_at(std::uint64_t offset, std::uint64_t read_in_order) ZSTDFS_EXCLUDES(mutex_);

 private:
  const Limits limits_;
  mutable Mutex mutex_;
  std::uint64_t end_ ZSTDFS_GUARDED_BY(mutex_) = 0;   // Of what was read in order,
  std::uint64_t read_ ZSTDFS_GUARDED_BY(mutex_) = 0;  // and how much that is.
  std::uint64_t fetched_to_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace zstdfs::store
