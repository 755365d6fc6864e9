#pragma once

#include "fs/fuse/mount_error.hpp"
#include "fs/os/posix.hpp"

namespace zstdfs::fuse {

/// Tells the command that waits, in the process that became the daemon, how the mount went.
class ReadySignal {
 public:
  /// Nobody waits: the mount stays in the foreground.
  ReadySignal() = default;
  explicit ReadySignal(os::UniqueFd pipe) : pipe_(std::move(pipe)) {}

  /// The mount answers requests: standard input, output and error are let go, and the command ends.
  void ready();
  /// It does not; the reason was printed.
  void failed(ExitCode code) { tell(code); }

 private:
  void tell(ExitCode code);

  os::UniqueFd pipe_;
};

/// What a process is after become_daemon().
struct DaemonRole {
  bool is_daemon = false;
  ReadySignal signal;                     ///< of the daemon
  ExitCode outcome = ExitCode::kSuccess;  ///< of the command: what the daemon told
};

/// Splits into the daemon, in a session of its own, and the command, which waits for the daemon's
/// word. Called before there are threads. Throws std::system_error.
DaemonRole become_daemon();

}  // namespace zstdfs::fuse
