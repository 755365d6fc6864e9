#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "zstdfs/mutex.hpp"

namespace zstdfs {

/// How many threads can run at once: what a number of threads below 0 stands for. At least 1.
unsigned processor_count();

/// Threads that compress and decompress chunks for whoever has several of them at once.
///
/// Thread safety: for_each and post may run concurrently; each caller works on its own items too,
/// so callers never wait for a thread that waits for them.
class WorkerPool {
 public:
  /// More are a mistake, as a negative number is that became an unsigned one.
  static constexpr unsigned kMaxThreads = 1u << 16;

  /// `threads` in all, the calling one counted; 0: one for each processor. Where the system does
  /// not give so many, there are fewer. Throws std::invalid_argument for more than kMaxThreads.
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();

  /// Calls `work(i)` for each i below `count`, on this and the pool's threads, and returns when all
  /// are done. The first exception is thrown again, after the items that had begun have ended.
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work);

  /// Lets one of the pool's threads call `task`, which throws nothing, when no for_each needs them.
  /// Never, where the pool ends first or has no thread but the calling one.
  void post(std::function<void()> task);

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

 private:
  struct Batch;
  void run_worker();
  /// What a worker does next. Waits for it; nothing at the pool's end.
  std::function<void()> next_work() ZSTDFS_EXCLUDES(mutex_);

  Mutex mutex_;
  ConditionVariable work_arrived_;
  // Shared, because a batch is left by its caller and by workers in any order.
  std::deque<std::shared_ptr<Batch>> batches_ ZSTDFS_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> tasks_ ZSTDFS_GUARDED_BY(mutex_);
  bool stopping_ ZSTDFS_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> workers_;  // constant after construction
};

}  // namespace zstdfs
