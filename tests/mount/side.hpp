#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {

/// Who does something: for Side::as.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  mode_t umask = 022;
};

/// One of two directories in which the same things are done: the mount, and a native directory of
/// the same disk. Everything that a program could see is written down, so that afterwards the two
/// records can be compared line by line.
class Side {
 public:
  Side(std::string root, bool is_mount) : root_(std::move(root)), is_mount_(is_mount) {}

  /// Path of a name in this side's directory.
  std::string operator/(const std::string& name) const { return root_ + "/" + name; }
  const std::string& root() const { return root_; }
  bool is_mount() const { return is_mount_; }

  /// Writes down what a system call returned: its result or the name of its errno.
  long did(const std::string& what, long result);
  /// The same for calls that return a descriptor, whose number says nothing. Owns it.
  Fd opened(const std::string& what, int fd);
  /// Writes down any fact.
  void note(const std::string& what, const std::string& fact);
  void note(const std::string& what, long fact) { note(what, std::to_string(fact)); }

  /// Type, mode, owner, size, links and device number; of the file itself, not of a link's target.
  void attributes(const std::string& name);
  /// Modification and access times, to the nanosecond: after a test has set them.
  void times(const std::string& name);
  /// Length and hash of the content, read by name, or why it cannot be read.
  void content(const std::string& name);
  void content(const std::string& what, int fd);
  void listing(const std::string& directory);

  /// Runs `body` as another user in a child process, with this side.
  void as(const Caller& caller, const std::function<void(Side&)>& body);

  const std::vector<std::string>& record() const { return record_; }

 private:
  std::string root_;
  bool is_mount_;
  std::vector<std::string> record_;
};

/// Does everything twice. After each same() the two records must be equal.
class PairTest : public MountTest {
 protected:
  void SetUp() override;

  /// Runs `body` in the mount and in the native directory.
  void same(const std::function<void(Side&)>& body);
  /// The same again after a remount; for looking at what stayed.
  void same_after_remount(const std::function<void(Side&)>& body);

  TempDir native_;
};

}  // namespace zstdfs::mounttest
