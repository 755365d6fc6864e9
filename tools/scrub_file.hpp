#pragma once

#include <chrono>
#include <cstdint>

#include "fs/os/posix.hpp"
#include "tools/container_check.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Keeps what several threads read in a second within a limit, on the average.
///
/// Thread safety: all methods may run concurrently.
class ReadPace {
 public:
  /// 0: no limit.
  explicit ReadPace(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// To be called when so many bytes were read: waits until those before them were due.
  void have_read(std::uint64_t bytes) ZSTDFS_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  const std::uint64_t bytes_per_second_;
  Mutex mutex_;
  Clock::time_point due_ ZSTDFS_GUARDED_BY(mutex_) = Clock::now();
};

/// As check_file, of what is on the disk; and reads a raw file, too. Where the lower filesystem
/// does not know O_DIRECT, of what is in memory. Throws std::system_error where the file is not a
/// file any more.
///
/// What is in memory stays there: of a write that failed it may be all that is left.
FileCheck check_on_disk(const os::UniqueFd& fd, Unmount unmount,
                        const DictionarySource& dictionaries, ReadPace& pace);

}  // namespace zstdfs::tools
