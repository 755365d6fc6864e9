#pragma once

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

  /// Whether there was a signal. Any thread may ask.
  bool requested() const;
  /// What the command ends with then, as a shell reports it: 130 after SIGINT, 143 after SIGTERM.
  int exit_code() const;
};

}  // namespace zstdfs::tools
