#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fs/os/file.hpp"
#include "tools/container_check.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Checks files on several threads.
///
/// Thread safety: add() and finish() are called by one thread.
class ParallelCheck {
 public:
  /// Told about each file; called by one thread at a time, in no order.
  using Done = std::function<void(const std::string& path, const FileCheck&)>;

  ParallelCheck(unsigned threads, Unmount unmount, const DictionarySource& dictionaries, Done done);
  ~ParallelCheck();
  ParallelCheck(const ParallelCheck&) = delete;
  ParallelCheck& operator=(const ParallelCheck&) = delete;

  /// Hands a file over. Waits while many are waiting already, so that the number of open files
  /// stays small.
  void add(std::string path, std::unique_ptr<os::File> file) ZSTDFS_EXCLUDES(mutex_);

  /// Returns when all files are checked. Throws what a check threw (out of memory). Called once.
  void finish() ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Task {
    std::string path;
    std::unique_ptr<os::File> file;
  };

  void work() ZSTDFS_EXCLUDES(mutex_, done_mutex_);
  bool take(Task& task) ZSTDFS_EXCLUDES(mutex_);
  void stop() ZSTDFS_EXCLUDES(mutex_);

  const Unmount unmount_;
  const DictionarySource& dictionaries_;
  const Done done_;
  const std::size_t max_waiting_;
  Mutex done_mutex_;  // held around done_; never together with mutex_
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Task> waiting_ ZSTDFS_GUARDED_BY(mutex_);
  bool no_more_ ZSTDFS_GUARDED_BY(mutex_) = false;
  std::exception_ptr failure_ ZSTDFS_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace zstdfs::tools
