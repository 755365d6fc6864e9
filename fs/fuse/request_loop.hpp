#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "fs/fuse/libfuse.hpp"
#include "fs/fuse/near_caller.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// Serves the requests of a session, on as few threads as keep up with them.
///
/// Most requests come one after the other and take a few microseconds: less than waking a thread.
/// So the thread that has answered one waits for the next, and no other waits beside it. Another
/// one is called when a request is of a kind that may take long, or when a watch, which looks every
/// millisecond while there is something to do, finds requests and nobody who waits for them: twice
/// in a row, or, where one program does the asking and gets its answers, several times. A thread
/// that finds another one waiting rests.
///
/// Where one program does the asking, the thread goes to that one's processor (near_caller.hpp).
/// Elsewhere, where the next request is likely to come soon, it looks for that for a while before
/// it sleeps: waking it takes longer than most requests, above all on virtual machines. For how
/// long is decided as KVM does it for processors that have nothing to do ("halt polling"): for as
/// long as would have been enough, and not at all once that is too long.
///
/// Thread safety: stop() may be called from another thread while run() works.
class RequestLoop {
 public:
  /// The session outlives it. `most_threads`: 1 and more.
  RequestLoop(fuse_session* session, unsigned most_threads);
  ~RequestLoop();
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;

  /// Serves until the filesystem is unmounted or stop() was called. Returns 0, or a negative errno
  /// when the connection failed. To be called once.
  int run();
  void stop();
  /// Returns when no request is served or waits to be, or so much time has passed. Not from a
  /// thread that serves.
  void wait_until_idle(std::chrono::milliseconds limit) const;

 private:
  void watch();
  void work();
  void serve(fuse_buf& request, NearCaller& near_caller);
  bool rest();
  void call_another();
  void note_activity();
  bool has_waiting_requests() const;
  bool is_idle() const;
  int receive(fuse_buf& request, bool caller_is_near);
  void end_threads();

  fuse_session* const session_;
  const unsigned most_threads_;

  std::atomic<int> error_{0};
  std::atomic<std::uint64_t> requests_{0};
  /// Whether the last one was one program's, as all lately.
  std::atomic<bool> one_asks_{false};
  /// Threads that wait for a request, or have been called to.
  std::atomic<int> waiting_{0};
  std::atomic<int> serving_{0};
  std::atomic<bool> watch_sleeps_{false};
  /// How long to look for a request before sleeping.
  std::atomic<std::chrono::nanoseconds> patience_{std::chrono::nanoseconds(0)};

  ProcessorKeeper processor_keeper_{requests_};

  Mutex mutex_;
  ConditionVariable wake_watch_;
  ConditionVariable wake_thread_;
  std::vector<std::thread> threads_ ZSTDFS_GUARDED_BY(mutex_);
  unsigned resting_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  unsigned called_ ZSTDFS_GUARDED_BY(mutex_) = 0;  ///< of those that rest
  unsigned ended_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace zstdfs::fuse
