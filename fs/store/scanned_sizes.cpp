#include "fs/store/scanned_sizes.hpp"

#include "fs/store/change_times.hpp"

namespace zstdfs::store {
namespace {

constexpr std::size_t kMostEntries = 4096;

}  // namespace

std::optional<std::uint64_t> ScannedSizes::find(const FileKey& key, const struct stat& lower) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  const bool same = is_same(entry.changed, lower.st_ctim) &&
                    entry.stored_bytes == static_cast<std::uint64_t>(lower.st_size);
  return same ? std::optional(entry.logical_bytes) : std::nullopt;
}

void ScannedSizes::put(const FileKey& key, const struct stat& lower, std::uint64_t logical_bytes) {
  MutexLock lock(mutex_);
  if (entries_.size() >= kMostEntries) entries_.clear();
  entries_.insert_or_assign(
      key, Entry{lower.st_ctim, static_cast<std::uint64_t>(lower.st_size), logical_bytes});
}

}  // namespace zstdfs::store
