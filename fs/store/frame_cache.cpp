#include "fs/store/frame_cache.hpp"

#include <utility>

namespace zstdfs::store {

FrameCache::Content FrameCache::find(const Key& key) {
  MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->content;
}

std::uint64_t FrameCache::bytes() {
  MutexLock lock(mutex_);
  return bytes_;
}

void FrameCache::put(const Key& key, Content content) {
  const std::uint64_t bytes = content->size();
  if (bytes > max_bytes_) return;
  MutexLock lock(mutex_);
  if (by_key_.contains(key)) return;
  std::list<Entry> entry;
  entry.push_front({key, std::move(content)});
  by_key_.emplace(key, entry.begin());
  by_use_.splice(by_use_.begin(), entry);
  bytes_ += bytes;
  while (bytes_ > max_bytes_) {
    bytes_ -= by_use_.back().content->size();
    by_key_.erase(by_use_.back().key);
    by_use_.pop_back();
  }
}

}  // namespace zstdfs::store
