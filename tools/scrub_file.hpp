#pragma once

#include <chrono>
#include <cstdint>

#include "fs/os/file.hpp"
#include "fs/os/volume.hpp"
#include "tools/container_check.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Keeps what several threads read in a second within a limit.
///
/// Thread safety: all methods may run concurrently.
class ReadPace {
 public:
  /// 0: no limit.
  explicit ReadPace(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// Waits until so many bytes may be read.
  void wait_for(std::uint64_t bytes) ZSTDFS_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  const std::uint64_t bytes_per_second_;
  Mutex mutex_;
  Clock::time_point next_ ZSTDFS_GUARDED_BY(mutex_) = Clock::now();
};

/// Reads files of a store from the disk, and verifies them.
///
/// Thread safety: check() may run concurrently.
class FileScrub {
 public:
  /// What the files' daemon does meanwhile.
  enum class Daemon {
    kNone,     ///< there is none, and none can come
    kMayWork,  ///< it may change files at any time
  };

  /// `unmount` tells how the store was left; meaningful only without a daemon. The references
  /// outlive the object.
  FileScrub(os::Volume& volume, Daemon daemon, Unmount unmount,
            const DictionarySource& dictionaries, std::uint64_t bytes_per_second)
      : volume_(volume),
        daemon_(daemon),
        unmount_(unmount),
        dictionaries_(dictionaries),
        pace_(bytes_per_second) {}

  /// As check_file; and reads a raw file, too. What only seems damaged because it is being changed
  /// is not taken for that.
  FileCheck check(os::File& file);

 private:
  FileCheck check_once(os::File& file, Unmount unmount);
  FileCheck check_beside_daemon(os::File& file);
  bool is_being_rewritten(const os::File& file);

  os::Volume& volume_;
  const Daemon daemon_;
  const Unmount unmount_;
  const DictionarySource& dictionaries_;
  ReadPace pace_;
};

}  // namespace zstdfs::tools
