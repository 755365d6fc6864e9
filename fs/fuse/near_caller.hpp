#pragma once

#include <sched.h>
#include <sys/types.h>

#include <chrono>

#include "fs/fuse/processor_keeper.hpp"

namespace zstdfs::fuse {

/// Keeps a thread that answers on the processor of the program that asks.
///
/// A program that waits for its answer leaves its processor free, and the kernel hands over there
/// in a few microseconds. From another processor each of the two has to be woken out of its sleep
/// for each request, which on a virtual machine takes longer than the request.
///
/// Where the program is, is looked at now and then, as long as the same thread asks. The kernel may
/// have reasons to wake it somewhere else each time: then this thread goes where it likes, for a
/// while. So it does where answers wait for the disk: meanwhile the processor sleeps in any case.
///
/// Thread safety: each object is of one thread, which it binds.
class NearCaller {
 public:
  /// The keeper outlives it.
  explicit NearCaller(ProcessorKeeper& keeper) : keeper_(keeper) {}

  /// A request of the thread `caller` has come; 0 when that is not known.
  void follow(pid_t caller);
  /// The request was answered, which took so long.
  void answered_after(std::chrono::nanoseconds time);
  /// The thread may run where it could before.
  void let_go();
  /// As let_go(), and nobody is followed for 20 ms.
  void pause();
  /// Whether the thread is on the processor of the program that asks, as far as is known.
  bool is_near() const { return bound_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool bind_to(unsigned processor);

  ProcessorKeeper& keeper_;
  pid_t caller_ = 0;
  Clock::time_point look_at_{};
  int moves_in_vain_ = 0;
  int long_in_a_row_ = 0;
  bool bound_ = false;
  cpu_set_t allowed_{};  ///< while it is bound: where it could run before
};

}  // namespace zstdfs::fuse
