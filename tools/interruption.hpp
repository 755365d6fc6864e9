#pragma once

#include <array>
#include <csignal>

namespace zstdfs::tools {

/// Thrown where a command stops because a signal asks it to.
struct Interrupted {};

/// While it lives, SIGINT, SIGTERM and SIGHUP do not end the process at once: check() throws, so
/// that what is half done is taken back. A second one ends it. There is one at a time.
class Interruption {
 public:
  Interruption();
  /// What the signals did before, they do again.
namespace zstdfs::tools {

/// Ctrl-C (SIGINT) and SIGTERM end a command between two files, so that it can say what it has
/// done. A second one ends it at once, as it always does.
///
/// One at a time, made before threads start.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Throws Interrupted when a signal has come.
  void check() const;
  /// Ends the process as the signal would have. Called after everything is taken back.
  [[noreturn]] static void end_process();

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
  /// Whether there was a signal. Any thread may ask.
  bool requested() const;
  /// What the command ends with then, as a shell reports it: 130 after SIGINT, 143 after SIGTERM.
  int exit_code() const;
};

}  // namespace zstdfs::tools
