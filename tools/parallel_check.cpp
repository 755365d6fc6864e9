#include "tools/parallel_check.hpp"

namespace zstdfs::tools {

ParallelCheck::ParallelCheck(unsigned threads, Unmount unmount,
                             const DictionarySource& dictionaries, Done done)
    : unmount_(unmount),
      dictionaries_(dictionaries),
      done_(std::move(done)),
      max_waiting_(std::size_t{4} * threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

ParallelCheck::~ParallelCheck() {
  stop();
}

void ParallelCheck::add(std::string path, std::unique_ptr<os::File> file) {
  const MutexLock lock(mutex_);
  while (waiting_.size() >= max_waiting_) changed_.wait(mutex_);
  waiting_.push_back({std::move(path), std::move(file)});
  changed_.notify_all();
}

void ParallelCheck::finish() {
  stop();
  const MutexLock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void ParallelCheck::stop() {
  {
    const MutexLock lock(mutex_);
    no_more_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool ParallelCheck::take(Task& task) {
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !no_more_) changed_.wait(mutex_);
  if (waiting_.empty()) return false;
  task = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.notify_all();
  return true;
}

void ParallelCheck::work() {
  Task task;
  while (take(task)) {
    try {
      const FileCheck check = check_file(*task.file, unmount_, dictionaries_);
      task.file.reset();
      const MutexLock lock(done_mutex_);
      done_(task.path, check);
    } catch (...) {
      // Kept for finish(); the other files are still taken, so that add() never waits for ever.
      const MutexLock lock(mutex_);
      failure_ = std::current_exception();
    }
  }
}

}  // namespace zstdfs::tools
