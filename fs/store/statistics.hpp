#pragma once

#include <chrono>

#include "fs/store/counters.hpp"
#include "fs/store/latency_histogram.hpp"
#include "fs/store/statistics_report.hpp"

namespace zstdfs::store {

/// Counts what a store does from the mount on. Nothing is kept beyond that.
///
/// Thread safety: all methods may run concurrently, and none waits.
class Statistics {
 public:
  void add(Count count, std::uint64_t amount = 1) noexcept {
    counters_.add(static_cast<std::size_t>(count), amount);
  }

  LatencyHistogram commits;
  LatencyHistogram syncs;

  /// What was counted; what is so now, and the operations, are for others to add.
  StatisticsReport report() const;

 private:
  const std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  Counters<kCounts> counters_;
};

}  // namespace zstdfs::store
