#include "fs/fuse/processor_keeper.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

namespace zstdfs::fuse {
namespace {

using Clock = std::chrono::steady_clock;

// The scheduler looks for idle processors only where enough of their time is unused, and that is
// found out every few milliseconds.
constexpr auto kMoment = std::chrono::milliseconds(10);
constexpr auto kLongestSilence = std::chrono::milliseconds(2);
// The counter is not looked at all the time, which would slow down those who count.
constexpr auto kBetweenLooks = std::chrono::microseconds(100);
constexpr int kLowestPriority = 19;
constexpr const char* kThreadName = "zstdfs-keeper";

}  // namespace

ProcessorKeeper::~ProcessorKeeper() {
  MutexLock lock(mutex_);
  ends_ = true;
  wake_.notify_all();
}

void ProcessorKeeper::keep(unsigned processor) {
  MutexLock lock(mutex_);
  if (wanted_ || processor >= CPU_SETSIZE) return;
  if (!thread_.start(kThreadName, [this] { work(); })) return;
  cpu_set_t there;
  CPU_ZERO(&there);
  CPU_SET(processor, &there);
  if (::pthread_setaffinity_np(thread_.handle(), sizeof(there), &there) != 0) return;
  wanted_ = true;
  wake_.notify_all();
}

bool ProcessorKeeper::wait_until_wanted() {
  MutexLock lock(mutex_);
  while (!wanted_ && !ends_) wake_.wait(mutex_);
  return !ends_;
}

void ProcessorKeeper::work() {
  // Who has something to do there goes first. A thread of SCHED_IDLE would not count as any work.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority);
  while (wait_until_wanted()) {
    spin();
    MutexLock lock(mutex_);
    wanted_ = false;
  }
}

void ProcessorKeeper::spin() const {
  const auto end = Clock::now() + kMoment;
  auto last_request = Clock::now();
  auto look_at = last_request;
  std::uint64_t seen = requests_;
  for (auto now = last_request; now < end && now - last_request < kLongestSilence;
       now = Clock::now()) {
    if (now < look_at) continue;
    look_at = now + kBetweenLooks;
    if (seen != requests_) last_request = now;
    seen = requests_;
  }
}

}  // namespace zstdfs::fuse
