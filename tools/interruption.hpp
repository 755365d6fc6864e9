#pragma once

#include <array>
#include <csignal>

namespace zstdfs::tools {

/// Thrown where a command stops because a signal asks it to.
struct Interrupted {};

/// While it lives, SIGINT, SIGTERM and SIGHUP do not end the process at once: check() throws, so
/// that what is half done is taken back, and requested() tells, so that a command can end between
/// two files and say what it has done. A second signal ends the process.
///
/// One at a time, made before threads start. Thread safety: any thread may ask.
class Interruption {
 public:
  Interruption();
  /// What the signals did before, they do again.
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Throws Interrupted when a signal has come.
  void check() const;
  bool requested() const;
  /// What the command ends with then, as a shell reports it: 130 after SIGINT, 143 after SIGTERM.
  static int exit_code();

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace zstdfs::tools
