#include "zstdfs/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace zstdfs {

// Items are claimed one by one with `next`; `open` counts those that are not done.
struct WorkerPool::Batch {
  Batch(std::size_t items, const std::function<void(std::size_t)>& item_work)
      : count(items), work(item_work), open(items) {}

  const std::size_t count;
  const std::function<void(std::size_t)>& work;  // the caller's; valid while an item is open
  std::atomic<std::size_t> next{0};
  Mutex mutex;
  ConditionVariable all_done;
  std::size_t open ZSTDFS_GUARDED_BY(mutex);
  std::exception_ptr error ZSTDFS_GUARDED_BY(mutex);

  bool exhausted() const { return next.load() >= count; }

  void run() {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      std::exception_ptr failure;
      try {
        work(i);
      } catch (...) {
        failure = std::current_exception();
      }
      MutexLock lock(mutex);
      if (failure && !error) error = std::move(failure);
      if (--open == 0) all_done.notify_all();
    }
  }

  void wait() {
    MutexLock lock(mutex);
    while (open != 0) all_done.wait(mutex);
    // The caller's alone: no worker that ends later takes part in it.
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }
};

unsigned processor_count() {
  return std::max(1u, std::thread::hardware_concurrency());
}

WorkerPool::WorkerPool(unsigned threads) {
  if (threads > kMaxThreads) {
    throw std::invalid_argument("a pool of " + std::to_string(threads) + " threads; at most " +
                                std::to_string(kMaxThreads) + " can be asked for");
  }
  if (threads == 0) threads = processor_count();
  workers_.reserve(threads - 1);
  try {
    while (threads > workers_.size() + 1) workers_.emplace_back([this] { run_worker(); });
  } catch (const std::system_error&) {
    // The system gives no more threads: the work gets done with fewer.
  }
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_arrived_.notify_all();
  }
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  if (count == 0) return;
  if (count == 1 || workers_.empty()) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  auto batch = std::make_shared<Batch>(count, work);
  {
    MutexLock lock(mutex_);
    batches_.push_back(batch);
    work_arrived_.notify_all();
  }
  batch->run();
  {
    MutexLock lock(mutex_);
    std::erase(batches_, batch);
  }
  batch->wait();
}

void WorkerPool::post(std::function<void()> task) {
  if (workers_.empty()) return;
  MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  work_arrived_.notify_one();
}

void WorkerPool::run_worker() {
  while (const auto work = next_work()) work();
}

std::function<void()> WorkerPool::next_work() {
  MutexLock lock(mutex_);
  while (true) {
    while (!stopping_ && batches_.empty() && tasks_.empty()) work_arrived_.wait(mutex_);
    if (stopping_) return nullptr;
    if (batches_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      return task;
    }
    // The last claim takes the batch off the list, so that idle workers do not spin on it.
    if (batches_.front()->exhausted()) {
      batches_.pop_front();
      continue;
    }
    return [batch = batches_.front()] { batch->run(); };
  }
}

}  // namespace zstdfs
