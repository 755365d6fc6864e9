#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "tools/daemon_statistics.hpp"

namespace zstdfs::tools {

/// "85 us", "1.2 ms", "3.4 s".
std::string format_latency(std::uint64_t us);

/// What `before` does not have yet: counts and latencies of the time between; what is so now stays.
/// When the daemon was started again meanwhile, all of `now`.
store::StatisticsReport difference(const store::StatisticsReport& now,
                                   const store::StatisticsReport& before);

/// The object that docs/json.md describes.
nlohmann::ordered_json to_json(const DaemonStatistics& statistics);

/// All that there is to tell, in groups, for people. With `last_interval` also rates in it.
void print_statistics(std::ostream& out, const DaemonStatistics& statistics,
                      const std::optional<store::StatisticsReport>& last_interval);

/// The most important rates as one line, and the line that goes above.
std::string rates_heading();
std::string rates_line(const store::StatisticsReport& interval);

}  // namespace zstdfs::tools
