#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace zstdfs::soak {

/// The daemon of one store, in the foreground of a child process. Not thread-safe.
class Daemon {
 public:
  Daemon(std::string store, std::string mountpoint, std::string log);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  /// Takes the mount back, whatever happened.
  ~Daemon();

  /// Mounts. Throws std::runtime_error when the mount does not come up.
  void mount();
  /// An orderly unmount; returns the daemon's exit status. Throws std::runtime_error when the mount
  /// is busy or the daemon does not end.
  int unmount();
  /// kill -9. The mount stays, dead, until let_go().
  void kill();
  /// The lazy unmount after kill(). Throws std::runtime_error.
  void let_go();
  /// Stops it where it is, so that the store can be copied.
  void freeze();

  /// Whether it ended by itself.
  bool is_dead();
  /// The most memory that it had in use so far, over all its lives.
  std::uint64_t most_memory_bytes();

 private:
  void note_memory();

  const std::string store_;
  const std::string mountpoint_;
  const std::string log_;
  pid_t process_ = -1;
  std::uint64_t most_memory_bytes_ = 0;
};

}  // namespace zstdfs::soak
