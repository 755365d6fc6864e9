#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace zstdfs::powercut {

/// Refuses to go on unless this is the first process of namespaces of its own, for mounts and for
/// processes: then nothing of this test, whatever becomes of it, outlives it.
void require_own_namespaces();

/// Until the next call, this machine was started anew. `scratch` keeps a file for it. Only for
/// processes in this mount namespace.
void pretend_a_new_boot(const std::string& scratch);

/// Makes a filesystem of this kind (ext4, xfs, btrfs) in a sparse file. Throws std::runtime_error.
void make_filesystem(const std::string& kind, const std::string& image);

/// A mount that goes with its object, and the process that serves it, if there is one.
class Mount {
 public:
  /// The filesystem in an image, through a loop device. Throws std::runtime_error.
  static Mount of_image(const std::string& image, const std::string& mountpoint);
  /// A FUSE filesystem whose program stays in the foreground, with its output in a file.
  static Mount of_program(const std::vector<std::string>& command, const std::string& mountpoint,
                          const std::string& output);
  Mount(Mount&& other) noexcept;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

  const std::string& path() const { return mountpoint_; }
  /// Unmounts, and waits for the process. Throws std::runtime_error when it does not end with 0.
  void unmount();
  /// kill -9 for the process.
  void kill();

 private:
  Mount(std::string mountpoint, pid_t process, std::string output)
      : mountpoint_(std::move(mountpoint)), process_(process), output_(std::move(output)) {}

  std::string mountpoint_;  // empty when it is unmounted
  pid_t process_ = -1;
  std::string output_;
};

/// A filesystem in an image, below which everything is recorded. Nothing of it is synced to the
/// disk of this machine, so it is fast.
class RecordedDisk {
 public:
  /// The mountpoints and logs lie in `directory`.
  RecordedDisk(const std::string& image, const std::string& recording,
               const std::string& directory);

  /// Where the filesystem is mounted.
  const std::string& path() const { return lower_.path(); }
  /// What is written to this file gets into the recording.
  std::string mark_file() const { return recorder_.path() + "/mark"; }
  void unmount();

 private:
  Mount recorder_;
  Mount lower_;
};

}  // namespace zstdfs::powercut
