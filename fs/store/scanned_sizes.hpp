#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>

#include "fs/store/file_key.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// The logical sizes of files that had to be scanned for them, because their header is damaged or
/// was not written to the end. Whoever lists a directory asks for all of them, again and again.
///
/// Bounded: when there are very many, they are forgotten and found out again.
/// Thread safety: all methods may run concurrently.
class ScannedSizes {
 public:
  /// `lower` is the backing file's status; a file that has changed since is not known.
  std::optional<std::uint64_t> find(const FileKey& key, const struct stat& lower)
      ZSTDFS_EXCLUDES(mutex_);
  void put(const FileKey& key, const struct stat& lower, std::uint64_t logical_bytes)
      ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Entry {
    timespec changed;
    std::uint64_t stored_bytes;
    std::uint64_t logical_bytes;
  };

  Mutex mutex_;
  std::map<FileKey, Entry> entries_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::store
