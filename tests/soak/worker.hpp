#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "tests/mount/files.hpp"
#include "tests/soak/shared_state.hpp"

namespace zstdfs::soak {

/// What workers do, and where they leave what they found when something is wrong.
struct WorkerPlan {
  int workers = 0;
  std::uint64_t seed = 0;
  std::string mountpoint;
  std::string evidence;
};

/// A process that works on the mount, and knows what must be there. It outlives the daemon.
///
/// It waits for start(), checks everything, and then works until the mount is gone or
/// SharedState::stop is set; then has_stopped() holds. Not thread-safe.
class Worker {
 public:
  /// Forks. Throws std::system_error.
  Worker(const WorkerPlan& plan, int number, SharedState& shared);
  Worker(Worker&&) = default;
  /// Ends the process, if it still runs.
  ~Worker();

  /// The mount is there: check, then work.
  void start();
  /// Check only, and end.
  void finish();
  /// Whether it let go of the mount. Once it did, it waits.
  bool has_stopped();
  /// Whether it ended, which is right only after finish().
  std::optional<int> ended();

 private:
  mounttest::Fd commands_;
  mounttest::Fd reports_;
  pid_t process_ = -1;
  bool stopped_ = false;
};

}  // namespace zstdfs::soak
