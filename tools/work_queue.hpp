#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Does work on several threads, in no order.
///
/// Thread safety: add() and finish() are called by one thread.
class WorkQueue {
 public:
  /// What a task throws ends the program: tasks tell their errors themselves.
  using Task = std::function<void()>;

  explicit WorkQueue(unsigned threads);
  ~WorkQueue() { finish(); }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Waits while many tasks are waiting already, so that what they hold stays little.
  void add(Task task) ZSTDFS_EXCLUDES(mutex_);
  /// Returns when all is done. Nothing can be added then.
  void finish() ZSTDFS_EXCLUDES(mutex_);

 private:
  void work() ZSTDFS_EXCLUDES(mutex_);
  bool take(Task& task) ZSTDFS_EXCLUDES(mutex_);

  const std::size_t max_waiting_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Task> waiting_ ZSTDFS_GUARDED_BY(mutex_);
  bool no_more_ ZSTDFS_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace zstdfs::tools
