#include "tools/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

#include "tools/display.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::chrono::seconds kSilence{2};
constexpr std::chrono::milliseconds kBetweenDraws{200};
// To the line's beginning, and what stands there away.
constexpr const char* kClearLine = "\r\x1b[K";

std::string format_duration(double seconds) {
  const auto s = static_cast<unsigned long>(std::min(seconds, 359999.0));  // 99:59:59
  std::array<char, 32> text{};
  if (s < 3600) {
    std::snprintf(text.data(), text.size(), "%lu:%02lu", s / 60, s % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
  }
  return text.data();
}

}  // namespace

Progress::Progress(std::string doing, Unit unit, std::optional<std::uint64_t> total)
    : doing_(std::move(doing)),
      unit_(unit),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      begun_(Clock::now()),
      next_draw_(begun_ + kSilence) {}

std::string Progress::line(double elapsed_s) const {
  const auto amount = [&](std::uint64_t n) {
    return unit_ == Unit::kBytes ? format_bytes(n) : format_count(n);
  };
  std::string text = doing_ + ": " + amount(done_);
  if (!total_ || *total_ == 0) return text;
  // What is worked on may grow meanwhile.
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(*total_));
  text += " of " + amount(*total_) + ", " + std::to_string(static_cast<int>(share * 100)) + " %";
  if (share > 0) text += ", " + format_duration(elapsed_s * (1 - share) / share) + " left";
  return text;
}

void Progress::add(std::uint64_t amount) {
  const MutexLock lock(mutex_);
  done_ += amount;
  if (!terminal_) return;
  const auto now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kBetweenDraws;
  drawn_ = true;
  std::cerr << kClearLine << line(std::chrono::duration<double>(now - begun_).count())
            << std::flush;
}

void Progress::clear() {
  const MutexLock lock(mutex_);
  if (!drawn_) return;
  drawn_ = false;
  std::cerr << kClearLine << std::flush;
}

}  // namespace zstdfs::tools
