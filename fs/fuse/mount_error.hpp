#pragma once

#include <stdexcept>
#include <string>

namespace zstdfs::fuse {

/// Exit codes of mount(8), which mount helpers share, and one of ours.
enum class ExitCode {
  kSuccess = 0,
  kUsage = 1,        ///< wrong invocation, or not permitted
  kSystem = 2,       ///< out of memory, cannot fork, ...
  kFailure = 32,     ///< the mount failed
  kUncommitted = 64  ///< it was unmounted, and something waits for the next mount
};

/// The mount cannot be made. The text is a sentence for the person who asked for it.
class MountError : public std::runtime_error {
 public:
  MountError(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

}  // namespace zstdfs::fuse
