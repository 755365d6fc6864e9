#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/mount/files.hpp"
#include "tests/mount/process.hpp"

namespace zstdfs::mounttest {

/// The program under test: $ZSTDFS_MOUNT_COMMAND, or the one that was built with the tests. With
/// another program of the same usage (bindfs, say) most tests say what holds for any filesystem.
std::string mount_program();
/// The administrators' program that was built with the tests.
std::string tool_program();
/// Whether zstdfs itself is mounted, so that what is special to it may be asked for.
bool is_zstdfs_under_test();

/// Whether something is mounted at exactly this path.
bool is_mounted(const std::string& mountpoint);
/// Unmounts as umount(8) does, patiently while the mount is busy, at last lazily. Returns whether
/// it went without the last resort.
bool unmount(const std::string& mountpoint);
/// Every process that has the mountpoint as a word of its command line and is the program under
/// test: the daemons of one mount, where the test did not start them itself.
std::vector<pid_t> daemons_of(const std::string& mountpoint);

/// Starts a program that mounts something and stays in the foreground, with its output going to
/// `output_path`, and returns its process once the mount answers. Throws std::runtime_error with
/// what it said when the mount does not come up; then it has ended.
pid_t start_mount(const std::vector<std::string>& command, const std::string& mountpoint,
                  const std::string& output_path);

/// The daemon's exit status when it could not commit everything: mount.zstdfs(8).
inline constexpr int kUncommittedStatus = 64;
/// Whether everything has to be committed at an unmount.
enum class Committed { kAll, kMaybeNotAll, kNotAll };

/// A store with its daemon in the foreground of a child process, so that the test knows which
/// process to end. Not thread-safe, except for path() and backing().
class MountedStore {
 public:
  /// Mounts a new, empty store, or the store in `backing` where that is given. Throws
  /// std::runtime_error with what the daemon said when the mount does not come up.
  explicit MountedStore(std::string options = {}, const std::string& backing = {});
  MountedStore(const MountedStore&) = delete;
  MountedStore& operator=(const MountedStore&) = delete;
  /// Takes the mount back, whatever happened.
  ~MountedStore();

  const std::string& mountpoint() const { return mountpoint_; }
  std::string path(const std::string& name) const { return mountpoint_ + "/" + name; }
  std::string backing(const std::string& name = {}) const;

  void mount(const std::string& options);
  void mount() { mount(options_); }
  /// Unmounts and waits for the daemon. Reports a test failure when the mount is still busy or the
  /// daemon does not end as it should (that is how a sanitizer speaks).
  void unmount(Committed committed = Committed::kAll);
  void remount(Committed committed = Committed::kAll);
  /// kill -9, and what an administrator does then: a lazy unmount. `before_unmount` runs while the
  /// dead mount still answers; whoever works on it must have stopped by the end of it, or would go
  /// on in the directory below.
  void kill_daemon(const std::function<void()>& before_unmount = [] {});

  /// Waits until the daemon has nothing left to do in the background with files that are closed.
  /// Reports a test failure when that never comes.
  void wait_until_settled() const;

  bool mounted() const { return daemon_ > 0; }
  pid_t daemon() const { return daemon_; }
  /// What the daemon printed since the beginning.
  std::string log() const;

 private:
  TempDir scratch_;
  std::string options_;
  std::string backing_;
  std::string mountpoint_;
  pid_t daemon_ = -1;
};

/// Reports a test failure for each container in the backing directory that `zstd -t` refuses, or
/// whose `zstd -dc` is not the logical content in `logical_directory` (when that is not empty).
void expect_containers_are_zstd(const std::string& backing, const std::string& logical_directory);

/// Reports a test failure unless `zstdfs fsck` finds the unmounted store clean.
void expect_fsck_clean(const std::string& backing);

/// A test with one mounted store. After each test the store is unmounted and must be clean.
class MountTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  MountedStore store_;
};

}  // namespace zstdfs::mounttest
