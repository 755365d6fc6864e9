#include "fs/store/change_times.hpp"

#include <tuple>
#include <utility>

namespace zstdfs::store {
namespace {

constexpr std::size_t kMaxFilesPerHalf = 32768;

}  // namespace

bool is_before(const timespec& a, const timespec& b) {
  return std::tie(a.tv_sec, a.tv_nsec) < std::tie(b.tv_sec, b.tv_nsec);
}

bool is_same(const timespec& a, const timespec& b) {
  return std::tie(a.tv_sec, a.tv_nsec) == std::tie(b.tv_sec, b.tv_nsec);
}

timespec ChangeTimes::visible(const FileKey& key, const timespec& backing) {
  MutexLock lock(mutex_);
  for (const Map* map : {&recent_, &old_}) {
    const auto found = map->find(key);
    if (found == map->end()) continue;
    return is_same(found->second.backing, backing) ? found->second.visible : backing;
  }
  return backing;
}

void ChangeTimes::hide(const FileKey& key, const timespec& backing, const timespec& visible) {
  MutexLock lock(mutex_);
  recent_[key] = {backing, visible};
  if (recent_.size() < kMaxFilesPerHalf) return;
  old_ = std::move(recent_);
  recent_.clear();
}

void ChangeTimes::show(const FileKey& key) {
  MutexLock lock(mutex_);
  recent_.erase(key);
  old_.erase(key);
}

}  // namespace zstdfs::store
