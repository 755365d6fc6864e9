#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {

/// What a test may take for mounting, reading all and unmounting: far more than the second that it
/// takes, since a sync of a disk that others use waits for them.
inline constexpr std::chrono::seconds kSoon{ZSTDFS_SANITIZED ? 180 : 90};

/// A store that is not mounted, with the files `f` and `d/f`, and a directory outside of it that
/// nothing may touch.
class HostileTest : public testing::Test {
 protected:
  HostileTest();
  ~HostileTest() override { store_.unmount(); }

  /// Mounts, expects that all that was not touched can be read and changed, and unmounts. What
  /// `look` does, while it is mounted, is part of what must not take long, nor much memory.
  void expect_served(const std::function<void()>& look = [] {});
  /// Expects that the mount is refused with words that name `subject`.
  void expect_refused(const std::string& subject);
  void expect_outside_untouched();

  TempDir outside_;
  MountedStore store_;
  const Bytes content_;
};

/// Does with a file what programs do, and ignores what comes of it, if only something comes.
void use_file(const std::string& path);

/// Reports a test failure when a process has ever had more memory than the daemon may need,
/// whatever it is asked to read.
void expect_little_memory(pid_t process);

}  // namespace zstdfs::mounttest
