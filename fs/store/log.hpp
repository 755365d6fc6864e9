#pragma once

#include <functional>
#include <string>

namespace zstdfs::store {

enum class LogLevel { kInfo, kWarning, kError };

/// Says something to the administrator: syslog when daemonised, standard error otherwise.
/// Thread safety: may run concurrently.
void log(LogLevel level, const std::string& text);

/// Where the log goes. Called once, before threads start; the default is standard error.
void set_log_sink(std::function<void(LogLevel, const std::string&)> sink);

}  // namespace zstdfs::store
