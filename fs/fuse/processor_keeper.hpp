#pragma once

#include <atomic>
#include <cstdint>

#include "fs/fuse/late_thread.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// Keeps a processor busy for a moment, so that the scheduler does not take it for idle and wakes
/// nobody there. It does so with the least priority. But that counts within a session only
/// (sched_autogroup), and a program of another one may have to wait until a time slice is over: so
/// it ends soon when no requests come any more, as they do not when it waits.
///
/// Thread safety: all methods may run concurrently.
class ProcessorKeeper {
 public:
  /// `requests` counts those that have come. It outlives the keeper.
  explicit ProcessorKeeper(const std::atomic<std::uint64_t>& requests) : requests_(requests) {}
  ~ProcessorKeeper();
  ProcessorKeeper(const ProcessorKeeper&) = delete;
  ProcessorKeeper& operator=(const ProcessorKeeper&) = delete;

  /// From the moment at which the calling thread leaves `processor`, keeps that busy for 10 ms, or
  /// until there was no request for 2 ms.
  /// Without effect while another one is kept, or when no thread is to be had for it.
  void keep(unsigned processor) ZSTDFS_EXCLUDES(mutex_);

 private:
  void work() ZSTDFS_EXCLUDES(mutex_);
  bool wait_until_wanted() ZSTDFS_EXCLUDES(mutex_);
  void spin() const;

  const std::atomic<std::uint64_t>& requests_;
  Mutex mutex_;
  ConditionVariable wake_;
  bool wanted_ ZSTDFS_GUARDED_BY(mutex_) = false;
  bool ends_ ZSTDFS_GUARDED_BY(mutex_) = false;
  LateThread thread_ ZSTDFS_GUARDED_BY(mutex_);  // last
};

}  // namespace zstdfs::fuse
