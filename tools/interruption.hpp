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
};

}  // namespace zstdfs::tools
