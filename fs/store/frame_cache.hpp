#pragma once

#include <compare>
#include <list>
#include <map>
#include <memory>

#include "fs/store/buffer.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// Decompressed frames that were read lately, up to a bound of memory; the least recently used go
/// first.
///
/// Thread safety: all methods may run concurrently.
class FrameCache {
 public:
  /// A file's content as of one rewrite (StoredFile takes a new number for each), and a frame's
  /// stored offset.
  struct Key {
    std::uint64_t content_id = 0;
    std::uint64_t stored_offset = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // Shared: a reader may still copy from a frame that has just been evicted.
  using Content = std::shared_ptr<const Buffer>;

  explicit FrameCache(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Null when the frame is not there.
  Content find(const Key& key);
  void put(const Key& key, Content content);
  /// What the frames take that it holds.
  std::uint64_t bytes();

 private:
  struct Entry {
    Key key;
    Content content;
  };

  const std::uint64_t max_bytes_;
  Mutex mutex_;
  std::list<Entry> by_use_ ZSTDFS_GUARDED_BY(mutex_);  // the most recent first
  std::map<Key, std::list<Entry>::iterator> by_key_ ZSTDFS_GUARDED_BY(mutex_);
  std::uint64_t bytes_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace zstdfs::store
