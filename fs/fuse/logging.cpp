#include "fs/fuse/logging.hpp"

#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "fs/fuse/libfuse.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

int priority_of(store::LogLevel level) {
  switch (level) {
    case store::LogLevel::kInfo:
      return LOG_INFO;
    case store::LogLevel::kWarning:
      return LOG_WARNING;
    case store::LogLevel::kError:
      break;
  }
  return LOG_ERR;
}

void write_to_standard_error(const std::string& text) {
  std::fprintf(stderr, "mount.zstdfs: %s\n", text.c_str());
}

void log_of_libfuse(fuse_log_level level, const char* format, va_list values) {
  if (level > FUSE_LOG_INFO) return;
  char text[1024];
  std::vsnprintf(text, sizeof(text), format, values);
  std::string line(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  const auto our_level = level <= FUSE_LOG_ERR       ? store::LogLevel::kError
                         : level <= FUSE_LOG_WARNING ? store::LogLevel::kWarning
                                                     : store::LogLevel::kInfo;
  store::log(our_level, line);
}

}  // namespace

void start_logging(LogTarget target) {
  if (target == LogTarget::kSyslog) {
    ::openlog("mount.zstdfs", LOG_PID, LOG_DAEMON);
    store::set_log_sink([](store::LogLevel level, const std::string& text) {
      ::syslog(priority_of(level), "%s", text.c_str());
      // Goes to /dev/null once the mount is ready.
      if (level != store::LogLevel::kInfo) write_to_standard_error(text);
    });
  } else {
    store::set_log_sink(
        [](store::LogLevel, const std::string& text) { write_to_standard_error(text); });
  }
  fuse_set_log_func(log_of_libfuse);
}

}  // namespace zstdfs::fuse
