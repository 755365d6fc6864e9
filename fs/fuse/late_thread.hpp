#pragma once

#include <pthread.h>
#include <sched.h>

#include <functional>
#include <system_error>
#include <thread>

namespace zstdfs::fuse {

/// A thread that is started when there is something to do for it. It may run on those processors on
/// which this was made, wherever it is started. Its end waits for the thread's: so it is the last
/// member of whoever tells the thread to end.
///
/// Thread safety: one thread at a time.
class LateThread {
 public:
  LateThread() { has_processors_ = ::sched_getaffinity(0, sizeof processors_, &processors_) == 0; }
  ~LateThread() {
    if (thread_.joinable()) thread_.join();
  }
  LateThread(const LateThread&) = delete;
  LateThread& operator=(const LateThread&) = delete;

  /// Starts it, unless it runs. `name` is for who looks what uses a processor. Returns false where
  /// no thread is to be had.
  bool start(const char* name, const std::function<void()>& work) {
    if (thread_.joinable()) return true;
    try {
      thread_ = std::thread(work);
    } catch (const std::system_error&) {
      return false;
    }
    ::pthread_setname_np(handle(), name);
    if (has_processors_) ::pthread_setaffinity_np(handle(), sizeof processors_, &processors_);
    return true;
  }
  pthread_t handle() { return thread_.native_handle(); }

 private:
  cpu_set_t processors_{};
  bool has_processors_ = false;
  std::thread thread_;
};

}  // namespace zstdfs::fuse
