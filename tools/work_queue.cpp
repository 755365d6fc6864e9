#include "tools/work_queue.hpp"

#include <algorithm>
#include <utility>

namespace zstdfs::tools {

unsigned default_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
}

WorkQueue::WorkQueue(unsigned threads) : max_waiting_(std::size_t{4} * threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void WorkQueue::add(Task task) {
  const MutexLock lock(mutex_);
  while (waiting_.size() >= max_waiting_) changed_.wait(mutex_);
  waiting_.push_back(std::move(task));
  changed_.notify_all();
}

void WorkQueue::finish() {
  stop();
  const MutexLock lock(mutex_);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void WorkQueue::stop() {
  {
    const MutexLock lock(mutex_);
    no_more_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool WorkQueue::take(Task& task) {
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !no_more_) changed_.wait(mutex_);
  if (waiting_.empty()) return false;
  task = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.notify_all();
  return true;
}

void WorkQueue::work() {
  for (Task task; take(task); task = nullptr) {
    try {
      task();
    } catch (...) {
      // Kept for finish(); other tasks are still taken, so that add() never waits for ever.
      const MutexLock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }
}

}  // namespace zstdfs::tools
