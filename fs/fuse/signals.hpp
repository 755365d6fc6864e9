#pragma once

#include <signal.h>

#include <functional>
#include <thread>

#include "fs/os/posix.hpp"

namespace zstdfs::fuse {

/// Keeps SIGTERM, SIGINT and SIGHUP from all threads that are started from now on; they wait for a
/// SignalWatch. Called before there are threads.
void hold_signals();

/// Takes a thread out of a system call that waits, and does nothing else.
inline constexpr int kWakeSignal = SIGUSR1;
void handle_wake_signal();

/// A thread that calls `on_signal` when one of the held signals comes, once.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void()> on_signal);
  /// Waits for `on_signal` to return if it was called.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  const std::function<void()> on_signal_;
  os::UniqueFd signals_;
  os::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace zstdfs::fuse
