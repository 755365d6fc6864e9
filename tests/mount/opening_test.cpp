// Opening a store: what is refused, in which words, and how the command and its daemon behave.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using testing::HasSubstr;

/// A backing directory and a mountpoint that nothing has mounted yet.
class Opening : public testing::Test {
 protected:
  Opening() {
    std::filesystem::create_directory(backing_);
    std::filesystem::create_directory(mountpoint_);
  }

  void TearDown() override {
    if (is_mounted(mountpoint_)) unmount(mountpoint_);
    EXPECT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  }

  /// Runs the mount command; it returns when the mount is usable, or has failed.
  Ended mount(const std::vector<std::string>& more = {}) {
    return mount_at(backing_, mountpoint_, more);
  }

  static Ended mount_at(const std::string& backing, const std::string& mountpoint,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{mount_program(), backing, mountpoint};
    command.insert(command.end(), more.begin(), more.end());
    return run(command, std::chrono::seconds(120));
  }

  /// A refusal: a failure in words, and nothing mounted or changed.
  void expect_refused(const Ended& ended, const std::string& word) {
    EXPECT_NE(ended.status, 0) << ended.output;
    EXPECT_NE(ended.status, kTimedOut) << ended.output;
    EXPECT_LT(ended.status, 128) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(word));
    EXPECT_FALSE(is_mounted(mountpoint_));
  }

  TempDir scratch_;
  std::string backing_ = scratch_ / "backing";
  std::string mountpoint_ = scratch_ / "mnt";
};

// Where the daemon cannot raise its limit of open files, programs together may still have more
// open.
TEST_F(Opening, MoreFilesThanTheDaemonMayHaveOpen) {
  constexpr int kFiles = 900;
  constexpr int kDirectories = 100;
  const Ended mounted =
      run({"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "prlimit",
           "--nofile=300:300", mount_program(), backing_, mountpoint_});
  ASSERT_TRUE(mounted.ok()) << mounted.output;
  const auto path = [this](const char* kind, int number) {
    return mountpoint_ + "/" + kind + std::to_string(number);
  };
  std::vector<Fd> files;
  std::vector<std::unique_ptr<DIR, int (*)(DIR*)>> directories;
  for (int i = 0; i < kDirectories; ++i) {
    ASSERT_EQ(::mkdir(path("d", i).c_str(), 0755), 0) << std::strerror(errno);
    directories.emplace_back(::opendir(path("d", i).c_str()), ::closedir);
    ASSERT_TRUE(directories.back()) << i << ": " << std::strerror(errno);
    ASSERT_NE(::readdir(directories.back().get()), nullptr);
  }
  for (int i = 0; i < kFiles; ++i) {
    files.emplace_back(::open(path("f", i).c_str(), O_CREAT | O_RDWR, 0644));
    ASSERT_TRUE(files.back().valid()) << i << ": " << std::strerror(errno);
    const std::string text = "file " + std::to_string(i);
    ASSERT_EQ(::pwrite(files.back().get(), text.data(), text.size(), 0), ssize_t(text.size()));
  }
  for (int i = 0; i < kFiles; i += 10) ASSERT_EQ(::unlink(path("f", i).c_str()), 0);
  for (int i = 0; i < kFiles; ++i) {
    char text[32] = {};
    const int fd = files[static_cast<std::size_t>(i)].get();
    ASSERT_GT(::pread(fd, text, sizeof(text) - 1, 0), 0) << std::strerror(errno);
    EXPECT_EQ(text, "file " + std::to_string(i));
    ASSERT_EQ(::pwrite(fd, "F", 1, 0), 1) << std::strerror(errno);
    ASSERT_EQ(::fsync(fd), 0) << std::strerror(errno);
  }
  files.clear();
  directories.clear();
  ASSERT_TRUE(unmount(mountpoint_));
  ASSERT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  expect_fsck_clean(backing_);
}

TEST_F(Opening, ReturnsWhenTheMountIsUsable) {
  for (int round = 0; round < 5; ++round) {
    const Ended ended = mount();
    ASSERT_EQ(ended.status, 0) << ended.output;
    ASSERT_TRUE(is_mounted(mountpoint_));
    const std::string file = mountpoint_ + "/f" + std::to_string(round);
    write_file(file, test::text_bytes(300000, 1));
    const Ended unmounted = run({"umount", mountpoint_});
    ASSERT_EQ(unmounted.status, 0) << unmounted.output;
    // At once again: while the old daemon may still be finishing.
  }
  ASSERT_EQ(mount().status, 0);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(read_file(mountpoint_ + "/f" + std::to_string(round)), test::text_bytes(300000, 1));
  }
}

TEST_F(Opening, StaysInTheForeground) {
  const pid_t child = start({mount_program(), "-f", backing_, mountpoint_}, scratch_ / "log");
  EXPECT_TRUE(eventually([&] { return is_mounted(mountpoint_); }));
  EXPECT_EQ(wait_for(child, std::chrono::seconds(0)), kTimedOut) << "it still runs";
  EXPECT_TRUE(unmount(mountpoint_));
  EXPECT_EQ(wait_for(child, kPatience), 0);
}

TEST_F(Opening, TheSecondMountIsToldWhoHasTheStore) {
  ASSERT_EQ(mount().status, 0);
  const std::string other = scratch_ / "other";
  std::filesystem::create_directory(other);
  const Ended second = mount_at(backing_, other);
  EXPECT_NE(second.status, 0);
  EXPECT_FALSE(is_mounted(other));
  const std::vector<pid_t> daemons = daemons_of(mountpoint_);
  ASSERT_EQ(daemons.size(), 1u);
  EXPECT_THAT(second.output, HasSubstr(std::to_string(daemons[0])));
  write_file(mountpoint_ + "/f", test::bytes_of("the first mount goes on"));
}

TEST_F(Opening, ANewerFormatIsRefused) {
  ASSERT_EQ(mount().status, 0);
  write_file(mountpoint_ + "/f", test::text_bytes(200000, 1));
  ASSERT_TRUE(unmount(mountpoint_));
  ASSERT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  const std::string json = backing_ + "/.zstdfs/store.json";
  const Bytes original = read_file(json);
  // docs/format.md, "Store directory".
  const Ended raised = shell(
      "sed -i -E 's/(\"format\" *: *)[0-9]+/\\1999/' \"$1\"; "
      "grep -q 999 \"$1\"",
      {json});
  ASSERT_EQ(raised.status, 0) << raised.output;
  const Bytes stored = read_file(backing_ + "/f");
  expect_refused(mount(), "999");
  EXPECT_EQ(read_file(backing_ + "/f"), stored);
  for (const char* damage : {"", "{", "not json at all", "[]", "{\"id\": 5}"}) {
    write_file(json, test::bytes_of(damage));
    expect_refused(mount(), "store.json");
    EXPECT_EQ(read_file(json), test::bytes_of(damage)) << "a refusal changes nothing";
  }
  write_file(json, original);
  ASSERT_EQ(mount().status, 0);
  EXPECT_EQ(read_file(mountpoint_ + "/f"), test::text_bytes(200000, 1));
}

TEST_F(Opening, ImpossiblePlacesAreRefused) {
  const std::string none = scratch_ / "none";
  expect_refused(mount_at(backing_, none), none);
  EXPECT_FALSE(exists(none));
  expect_refused(mount_at(none, mountpoint_), none);
  EXPECT_FALSE(exists(none));
  write_file(none, {});
  expect_refused(mount_at(none, mountpoint_), none);
  expect_refused(mount_at(backing_, none), none);
  // One inside the other, either way, also by another name; and both the same.
  const std::string inner_mountpoint = backing_ + "/inside";
  const std::string inner_backing = mountpoint_ + "/inside";
  std::filesystem::create_directory(inner_mountpoint);
  std::filesystem::create_directory(inner_backing);
  std::filesystem::create_directory_symlink(inner_mountpoint, scratch_ / "alias");
  expect_refused(mount_at(backing_, inner_mountpoint), "inside");
  expect_refused(mount_at(backing_, scratch_ / "alias"), "inside");
  expect_refused(mount_at(inner_backing, mountpoint_), "inside");
  expect_refused(mount_at(backing_, backing_), backing_);
  EXPECT_FALSE(is_mounted(inner_mountpoint));
  EXPECT_FALSE(exists(backing_ + "/.zstdfs")) << "a refusal changes nothing";
  expect_refused(run({mount_program(), backing_}), "MOUNTPOINT");
  expect_refused(run({mount_program()}), "MOUNTPOINT");
}

TEST_F(Opening, UnknownAndMalformedOptionsAreRefused) {
  const std::pair<const char*, const char*> options[] = {
      {"nonsense", "nonsense"}, {"level=abc", "level"},
      {"level=99", "level"},    {"level=", "level"},
      {"chunk=5", "chunk"},     {"ro,levle=3", "levle"},
      {"cache=12Q", "cache"},   {"threads=0", "threads"},
      {"rw=1", "rw"},           {"chunk=99999999999999999999", "chunk"}};
  for (const auto& [option, word] : options) {
    SCOPED_TRACE(option);
    expect_refused(mount({"-o", option}), word);
  }
  expect_refused(mount({"--nonsense"}), "nonsense");
  expect_refused(mount({"a third place"}), "a third place");
  EXPECT_FALSE(exists(backing_ + "/.zstdfs")) << "a refusal changes nothing";
}

TEST_F(Opening, KnownOptionsAreTaken) {
  ASSERT_EQ(mount({"-o", "level=19,noatime,nodev", "-o", "chunk=64K,fsname=a\\,b"}).status, 0);
  write_file(mountpoint_ + "/f", test::text_bytes(300000, 1));
  const Ended shown = shell("grep \" $1 \" /proc/self/mountinfo", {mountpoint_});
  EXPECT_THAT(shown.output, HasSubstr("noatime"));
  EXPECT_THAT(shown.output, HasSubstr("nodev"));
  EXPECT_THAT(shown.output, HasSubstr(" fuse.zstdfs a,b "));
}

TEST_F(Opening, ReadOnly) {
  ASSERT_EQ(mount().status, 0);
  write_file(mountpoint_ + "/f", test::text_bytes(300000, 1));
  ASSERT_TRUE(unmount(mountpoint_));
  ASSERT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  const Bytes stored = read_file(backing_ + "/f");
  ASSERT_EQ(mount({"-o", "ro"}).status, 0);
  EXPECT_EQ(read_file(mountpoint_ + "/f"), test::text_bytes(300000, 1));
  const std::string file = mountpoint_ + "/f";
  EXPECT_EQ(::open(file.c_str(), O_RDWR), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::open((mountpoint_ + "/new").c_str(), O_CREAT | O_RDWR, 0644), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::unlink(file.c_str()), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::chmod(file.c_str(), 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::truncate(file.c_str(), 0), -1);
  EXPECT_EQ(errno, EROFS);
  ASSERT_TRUE(unmount(mountpoint_));
  EXPECT_EQ(read_file(backing_ + "/f"), stored);
}

TEST_F(Opening, HelpAndVersion) {
  const Ended help = run({mount_program(), "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, HasSubstr("BACKING"));
  EXPECT_THAT(help.output, HasSubstr("level="));
  const Ended version = run({mount_program(), "--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.output, testing::ContainsRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_F(Opening, SignalsCommitAndUnmount) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ASSERT_EQ(mount().status, 0);
    const std::vector<pid_t> daemons = daemons_of(mountpoint_);
    ASSERT_EQ(daemons.size(), 1u);
    const std::string file = mountpoint_ + "/f";
    write_file(file, test::text_bytes(700000, static_cast<std::uint64_t>(signal)));
    append_file(file, test::bytes_of("and a tail"));
    ASSERT_EQ(::kill(daemons[0], signal), 0);
    EXPECT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
    EXPECT_FALSE(is_mounted(mountpoint_));
    expect_fsck_clean(backing_);
    ASSERT_EQ(mount().status, 0);
    EXPECT_EQ(read_file(file).size(), 700010u);
    ASSERT_TRUE(unmount(mountpoint_));
    ASSERT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  }
}

TEST_F(Opening, AMountpointWhoseDaemonDiedIsUsedAgain) {
  ASSERT_EQ(mount().status, 0);
  write_file(mountpoint_ + "/f", test::text_bytes(300000, 1));
  const std::vector<pid_t> daemons = daemons_of(mountpoint_);
  ASSERT_EQ(daemons.size(), 1u);
  ASSERT_EQ(::kill(daemons[0], SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  const Ended again = mount();
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(read_file(mountpoint_ + "/f"), test::text_bytes(300000, 1));
}

TEST_F(Opening, NoDeadMountIsLeftBelow) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(mount().status, 0);
    const std::vector<pid_t> daemons = daemons_of(mountpoint_);
    ASSERT_EQ(daemons.size(), 1u);
    ASSERT_EQ(::kill(daemons[0], SIGKILL), 0);
    // Right after, while it may still be about to end.
    EXPECT_TRUE(eventually([&] { return mount().status == 0; }));
    ASSERT_TRUE(unmount(mountpoint_));
    EXPECT_FALSE(is_mounted(mountpoint_));
    EXPECT_TRUE(eventually([&] { return daemons_of(mountpoint_).empty(); }));
  }
}

}  // namespace
}  // namespace zstdfs::mounttest
