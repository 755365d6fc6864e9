#pragma once

namespace zstdfs::fuse {

enum class LogTarget {
  kStandardError,
  kSyslog,  ///< and standard error too, as long as the command has it
};

/// Decides where the log goes, also that of libfuse. Called before there are threads,
/// and again by the daemon when it has become one.
void start_logging(LogTarget target);

}  // namespace zstdfs::fuse
