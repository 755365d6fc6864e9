#include "fs/fuse/request_loop.hpp"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <utility>

#include "fs/fuse/raw_request.hpp"
#include "fs/fuse/signals.hpp"

namespace zstdfs::fuse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(1);
// A request is overdue when nobody waits for it at so many ticks.
constexpr int kOverdueTicks = 2;
// With so many, one program has several on their way at once.
constexpr int kLongOverdueTicks = 8;
// Nothing is on its way when nothing is to be seen at so many ticks.
constexpr int kQuietTicks = 3;
// The watch sleeps when nothing has happened for so many.
constexpr int kIdleTicks = 50;
constexpr auto kWakeInterval = std::chrono::milliseconds(5);
constexpr auto kLeastPatience = std::chrono::microseconds(10);
constexpr auto kMostPatience = std::chrono::microseconds(120);
// More than that, with the time that waking takes, was too long to be looked for.
constexpr auto kLongWait = std::chrono::microseconds(400);
constexpr std::uint32_t kMuchBytes = 32u << 10;

/// Whether it takes longer to compress or decompress the content than to wake a thread.
bool carries_much(const fuse_in_header& header, const fuse_buf& request) {
  if (header.opcode == FUSE_WRITE) return header.len >= kMuchBytes;
  return header.opcode == FUSE_READ && body_of<fuse_read_in>(request).size >= kMuchBytes;
}

/// A program waits for its answer no longer. Nothing here takes so long that this mattered, and
/// what came over io_uring is not known to this session: libfuse would keep the interrupt for ever.
bool is_interrupt(const fuse_in_header& header) {
  return header.opcode == FUSE_INTERRUPT;
}

bool may_wait_for_the_disk(const fuse_in_header& header) {
  return header.opcode == FUSE_FSYNC || header.opcode == FUSE_FSYNCDIR ||
         header.opcode == FUSE_SYNCFS || header.opcode == FUSE_IOCTL ||
         header.opcode == FUSE_COPY_FILE_RANGE;
}

}  // namespace

RequestLoop::RequestLoop(fuse_session* session, unsigned most_threads)
    : session_(session), most_threads_(most_threads) {}

RequestLoop::~RequestLoop() = default;

int RequestLoop::run() {
  handle_wake_signal();
  call_another();
  watch();
  end_threads();
  return error_;
}

void RequestLoop::stop() {
  fuse_session_exit(session_);
  MutexLock lock(mutex_);
  wake_watch_.notify_all();
}

void RequestLoop::watch() {
  std::uint64_t seen = 0;
  int idle_ticks = 0;
  int overdue_ticks = 0;
  while (fuse_session_exited(session_) == 0) {
    {
      MutexLock lock(mutex_);
      wake_watch_.wait_until(mutex_, Clock::now() + kTick);
    }
    const bool nobody_waits = waiting_ <= 0;
    const std::uint64_t before = std::exchange(seen, requests_);
    const bool goes_on = seen != before;
    overdue_ticks = nobody_waits && has_waiting_requests() ? overdue_ticks + 1 : 0;
    // One program's requests come one by one, mostly: what is on its way now is not what was
    // before.
    const bool keeps_up = goes_on && one_asks_ && overdue_ticks < kLongOverdueTicks;
    if (overdue_ticks >= kOverdueTicks && !keeps_up) call_another();
    idle_ticks = nobody_waits || goes_on ? 0 : idle_ticks + 1;
    if (idle_ticks < kIdleTicks) continue;
    idle_ticks = 0;
    watch_sleeps_ = true;
    MutexLock lock(mutex_);
    while (watch_sleeps_ && requests_ == seen && fuse_session_exited(session_) == 0) {
      wake_watch_.wait(mutex_);
    }
    watch_sleeps_ = false;
  }
}

bool RequestLoop::has_waiting_requests() const {
  pollfd fd{fuse_session_fd(session_), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
}

bool RequestLoop::is_idle() const {
  return !has_waiting_requests() && serving_ == 0;
}

void RequestLoop::wait_until_idle(std::chrono::milliseconds limit) const {
  const auto end = Clock::now() + limit;
  int idle_ticks = 0;
  std::uint64_t seen = requests_;
  // A request that a thread has just taken counts nowhere yet: hence several looks.
  while (idle_ticks < kQuietTicks && Clock::now() < end) {
    std::this_thread::sleep_for(kTick);
    const std::uint64_t before = std::exchange(seen, requests_);
    const bool quiet = seen == before;
    idle_ticks = quiet && is_idle() ? idle_ticks + 1 : 0;
  }
}

void RequestLoop::note_activity() {
  ++requests_;
  if (!watch_sleeps_) return;
  MutexLock lock(mutex_);
  watch_sleeps_ = false;
  wake_watch_.notify_all();
}

void RequestLoop::call_another() {
  MutexLock lock(mutex_);
  if (fuse_session_exited(session_) != 0) return;  // Nobody would wait for its end.
  if (called_ < resting_) {
    ++called_;
    ++waiting_;
    wake_thread_.notify_one();
  } else if (threads_.size() < most_threads_) {
    ++waiting_;
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::exception&) {  // no more threads, or no memory
      --waiting_;
      if (threads_.empty()) throw;  // Otherwise those that there are do it.
    }
  }
}

void RequestLoop::work() {
  fuse_buf request{};
  NearCaller near_caller(processor_keeper_);
  do {
    serve(request, near_caller);
  } while (rest());
  std::free(request.mem);
  MutexLock lock(mutex_);
  ++ended_;
}

// Whoever comes here counts as waiting already.
void RequestLoop::serve(fuse_buf& request, NearCaller& near_caller) {
  while (true) {
    const int bytes = receive(request, near_caller.is_near());
    if ((bytes == -EINTR || bytes == -EAGAIN) && fuse_session_exited(session_) == 0) continue;
    --waiting_;
    if (bytes == -ENOMEM) break;  // For the memory of its first request: others do it meanwhile.
    if (bytes <= 0) {
      if (bytes < 0 && bytes != -EINTR && bytes != -EAGAIN) error_ = bytes;
      stop();
      break;
    }
    note_activity();
    const fuse_in_header header = header_of(request);
    if (carries_much(header, request)) {
      near_caller.pause();  // Two processors do more than one.
      if (waiting_ <= 0) call_another();
    } else {
      near_caller.follow(static_cast<pid_t>(header.pid));
      // One program that does all the asking waits as well; for others there is the watch.
      if (may_wait_for_the_disk(header) && !near_caller.is_near() && waiting_ <= 0) call_another();
    }
    one_asks_ = near_caller.is_near();
    if (!is_interrupt(header)) {
      const auto begin = Clock::now();
      ++serving_;
      process_request(session_, request);
      --serving_;
      near_caller.answered_after(Clock::now() - begin);
    }
    if (waiting_ > 0 || fuse_session_exited(session_) != 0) break;
    ++waiting_;
  }
  near_caller.let_go();
}

int RequestLoop::receive(fuse_buf& request, bool caller_is_near) {
  // On one processor with us, the program that is waited for could not run meanwhile.
  static const bool several_processors = std::thread::hardware_concurrency() > 1;
  if (!several_processors || caller_is_near || waiting_ != 1) {
    return fuse_session_receive_buf(session_, &request);
  }
  const auto begin = Clock::now();
  const std::chrono::nanoseconds patience = patience_;
  while (Clock::now() - begin < patience && !has_waiting_requests()) {
  }
  const int bytes = fuse_session_receive_buf(session_, &request);
  const auto time = Clock::now() - begin;
  if (time > kLongWait) {
    patience_ = patience / 2 < kLeastPatience ? std::chrono::nanoseconds(0) : patience / 2;
  } else if (time > patience) {
    patience_ = std::clamp<std::chrono::nanoseconds>(2 * patience, kLeastPatience, kMostPatience);
  }
  return bytes;
}

bool RequestLoop::rest() {
  MutexLock lock(mutex_);
  ++resting_;
  while (called_ == 0 && fuse_session_exited(session_) == 0) wake_thread_.wait(mutex_);
  --resting_;
  if (called_ == 0) return false;
  --called_;
  return true;
}

void RequestLoop::end_threads() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
    while (ended_ < threads.size()) {
      wake_thread_.notify_all();
      for (std::thread& thread : threads) ::pthread_kill(thread.native_handle(), kWakeSignal);
      wake_watch_.wait_until(mutex_, Clock::now() + kWakeInterval);
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace zstdfs::fuse
