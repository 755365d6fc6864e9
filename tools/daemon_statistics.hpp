#pragma once

#include <string>

#include "fs/store/statistics_report.hpp"

namespace zstdfs::tools {

struct DaemonStatistics {
  std::string mount_point;
  store::StatisticsReport report;
};

/// Asks the daemon of the mount that shows `path`. The mount is open only meanwhile, so that it can
/// be unmounted between two questions. Throws std::system_error from the path or the mount, and
/// std::runtime_error, which says what to do, when there is no such mount or its daemon is of
/// another version.
DaemonStatistics ask_daemon(const std::string& path);

}  // namespace zstdfs::tools
