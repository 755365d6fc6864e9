#include "tests/soak/director.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "tests/mount/mounted_store.hpp"
#include "tests/soak/shared_files.hpp"

namespace zstdfs::soak {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick{20};
/// A worker that does nothing for so long hangs.
constexpr seconds kLongestCall{180};
constexpr milliseconds kLongestRound{30000};
constexpr milliseconds kShortestRound{5000};
constexpr int kRoundsAtLeast = 4;
/// What the daemon may take with its default options, whatever the workers do.
constexpr std::uint64_t kMostMemoryBytes = std::uint64_t{200} << 20;

volatile sig_atomic_t interrupted = 0;

/// Ending with an exception takes everything back.
void let_signals_interrupt() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(number, [](int) { interrupted = 1; });
  }
}

std::string directory(const std::string& path) {
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace

Director::Director(SoakOptions options, std::string scratch)
    : options_(std::move(options)),
      scratch_(std::move(scratch)),
      mountpoint_(directory(scratch_ + "/mnt")),
      evidence_(directory(scratch_ + "/evidence")),
      random_(options_.seed),
      shared_(make_shared_state()),
      disk_(scratch_, options_.filesystem, options_.megabytes),
      daemon_(disk_.store(), mountpoint_, evidence_ + "/daemon.log"),
      started_(Clock::now()) {}

bool Director::run() {
  try {
    daemon_.mount();
    make_shared_files(mountpoint_);
    // Here, while there is room.
    for (int i = 0; i < options_.workers; ++i) directory(mountpoint_ + "/w" + std::to_string(i));
    const WorkerPlan plan{options_.workers, options_.seed, mountpoint_, evidence_};
    workers_.reserve(static_cast<std::size_t>(options_.workers));
    for (int i = 0; i < options_.workers; ++i) workers_.emplace_back(plan, i, shared_);
    let_signals_interrupt();
    run_rounds();
    finish();
    print_summary();
    return true;
  } catch (const std::exception& error) {
    say(std::string("FAILED: ") + error.what());
  }
  keep_evidence();
  print_summary();
  return false;
}

void Director::run_rounds() {
  const auto length = milliseconds(static_cast<std::int64_t>(options_.minutes * 60 * 1000));
  const auto end = started_ + length;
  const milliseconds longest = std::min(kLongestRound, length / kRoundsAtLeast);
  const milliseconds shortest = std::min(kShortestRound, longest / 2);
  while (Clock::now() < end) {
    start_workers();
    const auto spread = static_cast<std::uint64_t>((longest - shortest).count());
    const auto pause = shortest + milliseconds(random_.below(spread + 1));
    watch(Clock::now() + pause, [] { return false; });
    if (random_.chance(75)) {
      kill_and_remount();
    } else {
      wait_until_stopped();
      unmount_in_order();
      daemon_.mount();
    }
  }
}

void Director::watch(Clock::time_point until, const std::function<bool()>& done) {
  std::vector<std::uint64_t> progress(workers_.size());
  std::vector<Clock::time_point> moved(workers_.size(), Clock::now());
  while (Clock::now() < until && !done()) {
    std::this_thread::sleep_for(kTick);
    if (interrupted != 0) throw std::runtime_error("interrupted");
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const std::string name = "worker " + std::to_string(i);
      if (const auto status = workers_[i].ended(); status && *status != 0) {
        throw std::runtime_error(name + " ended with status " + std::to_string(*status));
      }
      const bool moves = progress[i] != shared_.progress[i] || workers_[i].has_stopped();
      if (moves) moved[i] = Clock::now();
      progress[i] = shared_.progress[i];
      if (Clock::now() - moved[i] > kLongestCall) throw std::runtime_error(name + " hangs");
    }
    if (daemon_.is_dead() && !shared_.stop) {
      throw std::runtime_error("the daemon ended by itself");
    }
    if (!shared_.stop && Clock::now() >= next_change_of_room_) change_room();
  }
}

// Mostly there is plenty of room; now and then nearly none, for a while.
void Director::change_room() {
  const bool tight = random_.chance(40);
  if (tight) {
    constexpr std::uint64_t kRooms[] = {0, 4096, 65536, 1 << 20, 4 << 20};
    disk_.leave_free(kRooms[random_.below(5)]);
  } else {
    disk_.leave_everything();
  }
  next_change_of_room_ = Clock::now() + milliseconds(200 + random_.below(tight ? 1500 : 4000));
}

void Director::wait_until_stopped() {
  shared_.stop = true;
  watch(Clock::time_point::max(), [this] {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](Worker& worker) { return worker.has_stopped(); });
  });
}

void Director::start_workers() {
  rotate_shared_log(mountpoint_, shared_);
  shared_.stop = false;
  for (Worker& worker : workers_) worker.start();
}

void Director::kill_and_remount() {
  ++kills_;
  daemon_.kill();
  expect_little_memory();
  wait_until_stopped();
  daemon_.let_go();
  // Recovery has to do with whatever room there is; mostly there is some.
  if (random_.chance(60)) disk_.leave_everything();
  daemon_.mount();
  say("killed and mounted again");
}

void Director::unmount_in_order() {
  ++unmounts_;
  if (random_.chance(60)) disk_.leave_everything();
  const int status = daemon_.unmount();
  expect_little_memory();
  const bool committed = status == 0;
  if (!committed && status != mounttest::kUncommittedStatus) {
    throw std::runtime_error("the daemon ended with status " + std::to_string(status));
  }
  if (!committed) {
    // What found no room is taken up by the next mount.
    disk_.leave_everything();
    daemon_.mount();
    daemon_.unmount();
  }
  expect_clean();
  say(committed ? "unmounted, clean"
                : "unmounted with too little room, mounted and unmounted again, clean");
}

void Director::expect_clean() {
  const mounttest::Ended checked =
      mounttest::run({mounttest::tool_program(), "fsck", disk_.store()});
  if (checked.ok()) return;
  throw std::runtime_error("fsck ended with status " + std::to_string(checked.status) + ": " +
                           checked.output);
}

void Director::expect_little_memory() {
  const std::uint64_t bytes = daemon_.most_memory_bytes();
  if (bytes <= kMostMemoryBytes) return;
  throw std::runtime_error("the daemon took " + std::to_string(bytes >> 20) + " MiB of memory");
}

void Director::finish() {
  disk_.leave_everything();
  wait_until_stopped();
  unmount_in_order();
  daemon_.mount();
  for (Worker& worker : workers_) worker.finish();
  watch(Clock::time_point::max(), [this] {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](Worker& worker) { return worker.ended() == 0; });
  });
  unmount_in_order();
}

void Director::keep_evidence() {
  std::this_thread::sleep_for(seconds(1));  // Others may have something to say too.
  daemon_.freeze();
  const mounttest::Ended copied =
      mounttest::run({"cp", "-a", "--sparse=always", disk_.store(), evidence_ + "/store"});
  // Before the workers: a call that the daemon has begun can only be ended with it.
  if (!daemon_.is_dead()) daemon_.kill();
  workers_.clear();
  say("the store as it was then, the logs and what was read lie in " + evidence_ +
      (copied.ok() ? "" : " (not all of the store: " + copied.output + ")"));
}

void Director::print_summary() {
  print_counts(std::cout, shared_);
  std::cout << kills_ << " kills, " << unmounts_ << " unmounts; at most "
            << (daemon_.most_memory_bytes() >> 20) << " MiB of memory; seed " << options_.seed
            << ", " << options_.filesystem << "\n";
}

void Director::say(const std::string& what) const {
  const std::chrono::duration<double> passed = Clock::now() - started_;
  std::cout << std::fixed << std::setprecision(1) << std::setw(7) << passed.count() << " s  "
            << what << "\n"
            << std::flush;
}

}  // namespace zstdfs::soak
