#include "fs/fuse/near_caller.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "fs/os/posix.hpp"

namespace zstdfs::fuse {
namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(1);
// Whether moving was of use shows after a few requests.
constexpr auto kLookAgainAfter = std::chrono::microseconds(100);
constexpr int kMostMovesInVain = 3;
constexpr auto kPause = std::chrono::milliseconds(20);
// What takes longer has waited for the disk; or the program has taken the processor to compute.
constexpr auto kLongTime = std::chrono::microseconds(120);
constexpr int kMostLongInARow = 3;
// proc(5): fields of /proc/PID/stat. The second, a name, ends with the last parenthesis.
constexpr int kFieldBehindName = 3;
constexpr int kProcessorField = 39;

/// The processor on which a thread runs or ran last; nothing when that is not to be had.
std::optional<unsigned> processor_of(pid_t thread) {
  char path[32];
  std::snprintf(path, sizeof(path), "/proc/%d/stat", thread);
  const os::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 1024> bytes;
  const ssize_t count = ::read(fd.get(), bytes.data(), bytes.size());
  if (count <= 0) return std::nullopt;
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 2);
  for (int field = kFieldBehindName; field < kProcessorField; ++field) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    text.remove_prefix(space + 1);
  }
  unsigned processor = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), processor).ec != std::errc()) {
    return std::nullopt;
  }
  return processor;
}

bool is_here(unsigned processor) {
  return ::sched_getcpu() == static_cast<int>(processor);
}

}  // namespace

void NearCaller::follow(pid_t caller) {
  if (caller == 0) return;
  const bool again = caller == std::exchange(caller_, caller);
  const auto now = Clock::now();
  if (now < look_at_) return;
  // With several that ask in turn there is no place that is near to all.
  if (!again) return let_go();
  const auto processor = processor_of(caller);
  const bool here = processor && is_here(*processor);
  moves_in_vain_ = here ? 0 : moves_in_vain_ + 1;
  look_at_ = now + (here ? kLookInterval : kLookAgainAfter);
  if (here && bound_) return;
  if (processor && moves_in_vain_ <= kMostMovesInVain && bind_to(*processor)) return;
  pause();
}

void NearCaller::answered_after(std::chrono::nanoseconds time) {
  long_in_a_row_ = time < kLongTime ? 0 : long_in_a_row_ + 1;
  if (long_in_a_row_ > kMostLongInARow) pause();
}

bool NearCaller::bind_to(unsigned processor) {
  if (!bound_ && ::sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) return false;
  if (processor >= CPU_SETSIZE || !CPU_ISSET(processor, &allowed_)) return false;
  // Where this thread leaves an idle processor behind, the kernel would wake the program right
  // there.
  if (const int here = ::sched_getcpu(); here >= 0 && !is_here(processor)) {
    keeper_.keep(static_cast<unsigned>(here));
  }
  cpu_set_t there;
  CPU_ZERO(&there);
  CPU_SET(processor, &there);
  bound_ = ::sched_setaffinity(0, sizeof(there), &there) == 0 || bound_;
  return bound_;
}

void NearCaller::pause() {
  let_go();
  moves_in_vain_ = long_in_a_row_ = 0;
  look_at_ = Clock::now() + kPause;
}

void NearCaller::let_go() {
  if (bound_) ::sched_setaffinity(0, sizeof(allowed_), &allowed_);
  bound_ = false;
}

}  // namespace zstdfs::fuse
