#include "fs/store/statistics.hpp"

#include <functional>
#include <thread>

namespace zstdfs::store {

std::size_t counter_stripe() noexcept {
  thread_local const std::size_t stripe =
      std::hash<std::thread::id>{}(std::this_thread::get_id()) % kCounterStripes;
  return stripe;
}

StatisticsReport Statistics::report() const {
  using std::chrono::duration_cast;
  StatisticsReport report;
  report.since_s = static_cast<std::uint64_t>(
      duration_cast<std::chrono::seconds>(since_.time_since_epoch()).count());
  report.uptime_ms = static_cast<std::uint64_t>(
      duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun_).count());
  for (const CountName& entry : kCountNames) {
    const auto number = static_cast<std::size_t>(entry.count);
    report.counts[number] = counters_.total(number);
  }
  report.commits = commits.now();
  report.syncs = syncs.now();
  return report;
}

}  // namespace zstdfs::store
