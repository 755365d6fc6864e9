#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Shows on the terminal how far a command has come, once that takes more than two seconds: what
/// is done, and where the total is known a percentage and the time that is left. Where standard
/// error is no terminal it shows nothing, so that nothing of it gets into pipes and logs.
///
/// Thread safety: all methods may run concurrently.
class Progress {
 public:
  enum class Unit { kCount, kBytes };

  /// `doing` goes before the numbers ("reading").
  Progress(std::string doing, Unit unit, std::optional<std::uint64_t> total = std::nullopt);
  /// Removes the line.
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Says that so much more is done.
  void add(std::uint64_t amount) ZSTDFS_EXCLUDES(mutex_);
  /// Removes the line until the next change, so that something else can be written.
  void clear() ZSTDFS_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  std::string line(double elapsed_s) const ZSTDFS_REQUIRES(mutex_);

  const std::string doing_;
  const Unit unit_;
  const std::optional<std::uint64_t> total_;
  const bool terminal_;
  const Clock::time_point begun_;
  Mutex mutex_;
  std::uint64_t done_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  Clock::time_point next_draw_ ZSTDFS_GUARDED_BY(mutex_);
  bool drawn_ ZSTDFS_GUARDED_BY(mutex_) = false;
};

}  // namespace zstdfs::tools
