#pragma once

#include <iosfwd>

#include "tools/daemon_statistics.hpp"

namespace zstdfs::tools {

/// Prints the statistics in Prometheus' text exposition format 0.0.4, in base units, each series
/// with the mount point as its label `mount`.
void print_prometheus(std::ostream& out, const DaemonStatistics& statistics);

}  // namespace zstdfs::tools
