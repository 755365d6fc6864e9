#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// How many threads work when nobody says it: one for each processor, at most 16.
unsigned default_threads();

/// Does work on several threads, in no order.
///
/// Thread safety: add() and finish() are called by one thread.
class WorkQueue {
 public:
  using Task = std::function<void()>;

  explicit WorkQueue(unsigned threads);
  ~WorkQueue() { stop(); }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Waits while many tasks are waiting already, so that what they hold stays little.
  void add(Task task) ZSTDFS_EXCLUDES(mutex_);
  /// Returns when all is done, and throws what the first task threw that did. The others are done
  /// nevertheless. Nothing can be added then.
  void finish() ZSTDFS_EXCLUDES(mutex_);

 private:
  void stop() ZSTDFS_EXCLUDES(mutex_);
  void work() ZSTDFS_EXCLUDES(mutex_);
  bool take(Task& task) ZSTDFS_EXCLUDES(mutex_);

  const std::size_t max_waiting_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Task> waiting_ ZSTDFS_GUARDED_BY(mutex_);
  bool no_more_ ZSTDFS_GUARDED_BY(mutex_) = false;
  std::exception_ptr failure_ ZSTDFS_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace zstdfs::tools
