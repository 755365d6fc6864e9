#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/patterns.hpp"
#include "tests/soak/daemon.hpp"
#include "tests/soak/small_disk.hpp"
#include "tests/soak/worker.hpp"

namespace zstdfs::soak {

struct SoakOptions {
  double minutes = 1;
  std::uint64_t seed = 0;
  std::string filesystem = "ext4";
  int workers = 8;
  unsigned megabytes = 640;
};

/// Lets workers work, takes room on the disk and gives it back, kills the daemon and mounts again.
/// Not thread-safe.
class Director {
 public:
  /// `scratch` is a directory for everything that is made.
  Director(SoakOptions options, std::string scratch);

  /// Returns whether all promises were kept. If not, `scratch`/evidence has what is known.
  bool run();

 private:
  using Clock = std::chrono::steady_clock;

  void run_rounds();
  /// Waits, watching over all, until the time has come or `done` holds.
  void watch(Clock::time_point until, const std::function<bool()>& done);
  void change_room();
  void wait_until_stopped();
  void kill_and_remount();
  void unmount_in_order();
  void expect_clean();
  void expect_little_memory();
  void start_workers();
  void finish();
  void keep_evidence();
  void print_summary();
  void say(const std::string& what) const;

  const SoakOptions options_;
  const std::string scratch_;
  const std::string mountpoint_;
  const std::string evidence_;
  test::Random random_;
  SharedState& shared_;
  SmallDisk disk_;
  Daemon daemon_;
  std::vector<Worker> workers_;
  Clock::time_point started_;
  Clock::time_point next_change_of_room_;
  int kills_ = 0;
  int unmounts_ = 0;
};

}  // namespace zstdfs::soak
