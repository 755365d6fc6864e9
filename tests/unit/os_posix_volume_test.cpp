#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include "fs/os/posix.hpp"
#include "tests/patterns.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::os {
namespace {

using test::bytes_of;
using test::error_of;
using test::TempDirectory;
namespace filesystem = std::filesystem;

class PosixVolumeTest : public testing::Test {
 protected:
  std::map<std::string, DirectoryEntry::Type> types(const std::string& path) {
    std::map<std::string, DirectoryEntry::Type> out;
    for (const DirectoryEntry& entry : volume_->list(path)) out[entry.name] = entry.type;
    return out;
  }

  TempDirectory temp_;
  std::unique_ptr<Volume> volume_ = open_posix_volume(temp_.path());
};

TEST_F(PosixVolumeTest, CreatesOpensAndRemoves) {
  EXPECT_EQ(volume_->open("file", OpenMode::kRead), nullptr);
  volume_->create("file", 0600)->write_at(0, bytes_of("content"));
  EXPECT_EQ(volume_->stat("file").st_mode & 07777u, 0600u);
  EXPECT_EQ(volume_->open("file", OpenMode::kReadWrite)->size(), 7u);
  EXPECT_EQ(error_of([&] { volume_->create("file", 0600); }), EEXIST);
  EXPECT_TRUE(volume_->remove("file"));
  EXPECT_FALSE(volume_->remove("file"));
  EXPECT_EQ(error_of([&] { volume_->stat("file"); }), ENOENT);
}

TEST_F(PosixVolumeTest, NewFilesCanBeReadAndWritten) {
  const auto file = volume_->create("file", 0600);
  EXPECT_TRUE(file->writable());
  file->write_at(0, bytes_of("x"));
  Bytes out(1);
  EXPECT_EQ(file->read_at(0, out), 1u);
}

TEST_F(PosixVolumeTest, NamesTheMountWhereTheKernelTells) {
  const std::string mount = volume_->mount_id();
  EXPECT_EQ(open_posix_volume(temp_.path())->mount_id(), mount);
  // Before Linux 6.8 it tells of none.
  EXPECT_EQ(open_posix_volume("/proc")->mount_id() == mount, mount.empty());
}

TEST_F(PosixVolumeTest, RenamesOverAnExistingFile) {
  volume_->make_directory("dir", 0700);
  volume_->create("from", 0600)->write_at(0, bytes_of("new"));
  volume_->create("dir/to", 0600);
  volume_->rename("from", "dir/to");
  EXPECT_EQ(volume_->open("dir/to", OpenMode::kRead)->size(), 3u);
  EXPECT_EQ(volume_->open("from", OpenMode::kRead), nullptr);
  EXPECT_EQ(error_of([&] { volume_->rename("missing", "x"); }), ENOENT);
}

TEST_F(PosixVolumeTest, MakesDirectories) {
  EXPECT_TRUE(volume_->make_directory("dir", 0700));
  EXPECT_FALSE(volume_->make_directory("dir", 0700));
  EXPECT_TRUE(volume_->make_directory("dir/below", 0700));
  EXPECT_EQ(volume_->stat("dir").st_mode & 07777u, 0700u);
  volume_->create("file", 0600);
  EXPECT_EQ(error_of([&] { volume_->make_directory("file", 0700); }), EEXIST);
  EXPECT_EQ(error_of([&] { volume_->make_directory("missing/dir", 0700); }), ENOENT);
  filesystem::create_symlink("dir", temp_.path("link"));
  EXPECT_EQ(error_of([&] { volume_->make_directory("link", 0700); }), EEXIST);
}

TEST_F(PosixVolumeTest, ListsWithTypes) {
  volume_->create("file", 0600);
  volume_->make_directory("dir", 0700);
  filesystem::create_symlink("file", temp_.path("link"));
  using Type = DirectoryEntry::Type;
  EXPECT_EQ(types(""),
            (std::map<std::string, Type>{
                {"file", Type::kRegular}, {"dir", Type::kDirectory}, {"link", Type::kOther}}));
  EXPECT_TRUE(types("dir").empty());
  EXPECT_EQ(error_of([&] { volume_->list("missing"); }), ENOENT);
  EXPECT_EQ(error_of([&] { volume_->list("file"); }), ENOTDIR);
}

TEST_F(PosixVolumeTest, StatDoesNotFollowALink) {
  filesystem::create_symlink("nowhere", temp_.path("link"));
  EXPECT_TRUE(S_ISLNK(volume_->stat("link").st_mode));
  EXPECT_TRUE(S_ISDIR(volume_->stat("").st_mode));
}

TEST_F(PosixVolumeTest, NoCallFollowsALink) {
  TempDirectory outside;
  std::ofstream(outside.path("victim")) << "untouched";
  filesystem::create_directory_symlink(outside.path(), temp_.path("way"));
  filesystem::create_symlink(outside.path("victim"), temp_.path("link"));
  EXPECT_EQ(error_of([&] { volume_->open("link", OpenMode::kReadWrite); }), ELOOP);
  EXPECT_EQ(error_of([&] { volume_->open("way/victim", OpenMode::kRead); }), ELOOP);
  EXPECT_EQ(error_of([&] { volume_->create("way/new", 0600); }), ELOOP);
  EXPECT_EQ(error_of([&] { volume_->create("link", 0600); }), EEXIST);
  EXPECT_NE(error_of([&] { volume_->remove("way/victim"); }), 0);
  EXPECT_NE(error_of([&] { volume_->rename("way/victim", "stolen"); }), 0);
  EXPECT_NE(error_of([&] { volume_->make_directory("way/dir", 0700); }), 0);
  EXPECT_NE(error_of([&] { volume_->list("way"); }), 0);
  EXPECT_EQ(error_of([&] { volume_->stat("way/victim"); }), ELOOP);
  EXPECT_NE(error_of([&] { volume_->sync_directory("way"); }), 0);
  pid_t holder = 0;
  EXPECT_EQ(error_of([&] { volume_->try_lock("link", holder); }), ELOOP);
  EXPECT_EQ(filesystem::file_size(outside.path("victim")), 9u);
  EXPECT_EQ(std::distance(filesystem::directory_iterator(outside.path()), {}), 1);
}

TEST_F(PosixVolumeTest, NoCallLeavesTheRoot) {
  EXPECT_EQ(error_of([&] { volume_->open("../x", OpenMode::kRead); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->create("/tmp/x", 0600); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->remove(".."); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->remove("/x"); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->rename("x", "../x"); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->make_directory("..", 0700); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->remove(""); }), EINVAL);
}

TEST_F(PosixVolumeTest, OpensOnlyRegularFiles) {
  ASSERT_EQ(::mkfifo(temp_.path("pipe").c_str(), 0600), 0);
  volume_->make_directory("dir", 0700);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  temp_.path("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

  // Would wait for ever if the pipe were opened.
  EXPECT_EQ(error_of([&] { volume_->open("pipe", OpenMode::kRead); }), EINVAL);
  EXPECT_EQ(error_of([&] { volume_->open("pipe", OpenMode::kReadWrite); }), EINVAL);
  EXPECT_EQ(error_of([&] { volume_->open("socket", OpenMode::kRead); }), EINVAL);
  EXPECT_EQ(error_of([&] { volume_->open("dir", OpenMode::kRead); }), EISDIR);
  EXPECT_EQ(error_of([&] { volume_->open("", OpenMode::kRead); }), EISDIR);
  pid_t holder = 0;
  EXPECT_EQ(error_of([&] { volume_->try_lock("pipe", holder); }), EINVAL);
}

TEST_F(PosixVolumeTest, Syncs) {
  volume_->make_directory("dir", 0700);
  EXPECT_NO_THROW(volume_->sync_directory("dir"));
  EXPECT_NO_THROW(volume_->sync_directory(""));
  EXPECT_NO_THROW(volume_->sync_filesystem());
  EXPECT_EQ(error_of([&] { volume_->sync_directory("missing"); }), ENOENT);
}

TEST_F(PosixVolumeTest, LockNamesItsHolder) {
  pid_t holder = -1;
  auto lock = volume_->try_lock("lock", holder);
  ASSERT_NE(lock, nullptr);
  const auto second = open_posix_volume(temp_.path());
  EXPECT_EQ(second->try_lock("lock", holder), nullptr);
  EXPECT_EQ(holder, ::getpid());
  lock.reset();
  EXPECT_NE(second->try_lock("lock", holder), nullptr);
}

TEST_F(PosixVolumeTest, ALockWithoutTraceChangesNothing) {
  pid_t holder = -1;
  EXPECT_EQ(error_of([&] { volume_->try_lock("lock", holder, LockTrace::kNone); }), ENOENT);
  volume_->create("lock", 0600);
  const auto lock = volume_->try_lock("lock", holder, LockTrace::kNone);
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(volume_->stat("lock").st_size, 0);
  EXPECT_EQ(open_posix_volume(temp_.path())->try_lock("lock", holder), nullptr);
}

TEST_F(PosixVolumeTest, LockOfAnotherProcessEndsWithIt) {
  int ready[2];
  int finish[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(finish, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    ::close(finish[1]);
    pid_t nobody = 0;
    const auto lock = open_posix_volume(temp_.path())->try_lock("lock", nobody);
    char byte = lock ? 'y' : 'n';
    const bool told = ::write(ready[1], &byte, 1) == 1;
    const bool asked = ::read(finish[0], &byte, 1) >= 0;
    ::_exit(told && asked ? 0 : 1);  // without destructors, as a killed process ends
  }
  const UniqueFd close_finish(finish[0]);
  UniqueFd release(finish[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');

  pid_t holder = 0;
  EXPECT_EQ(volume_->try_lock("lock", holder), nullptr);
  EXPECT_EQ(holder, child);

  release.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_NE(volume_->try_lock("lock", holder), nullptr);
  EXPECT_EQ(holder, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(PosixVolumeTest, LockFileWithoutANumberHasAnUnknownHolder) {
  std::ofstream(temp_.path("lock")) << "nonsense";
  const UniqueFd other(::open(temp_.path("lock").c_str(), O_RDWR | O_CLOEXEC));
  pid_t holder = 0;
  const auto lock = volume_->try_lock("lock", holder);
  ASSERT_NE(lock, nullptr);
  ASSERT_EQ(::ftruncate(other.get(), 0), 0);
  EXPECT_EQ(volume_->try_lock("lock", holder), nullptr);
  EXPECT_EQ(holder, 0);
}

TEST_F(PosixVolumeTest, BlockSizeIsTheUnitOfAllocation) {
  const std::uint64_t block = volume_->block_bytes();
  struct statvfs status = {};
  ASSERT_EQ(::statvfs(temp_.path().c_str(), &status), 0);
  EXPECT_EQ(block, status.f_frsize);
  const auto file = volume_->create("file", 0600);
  file->write_at(0, test::random_bytes(block + 1, 1));
  file->sync(SyncKind::kDataAndTimes);
  EXPECT_EQ(static_cast<std::uint64_t>(file->stat().st_blocks) * 512, 2 * block);
}

TEST_F(PosixVolumeTest, WhatIsFreeIsLessThanAllThereIs) {
  struct statvfs status = {};
  ASSERT_EQ(::statvfs(temp_.path().c_str(), &status), 0);
  EXPECT_GT(volume_->free_bytes(), 0u);
  EXPECT_LT(volume_->free_bytes(), std::uint64_t{status.f_blocks} * status.f_frsize);
}

TEST_F(PosixVolumeTest, NowIsWhatFilesAreStampedWith) {
  const auto nanoseconds = [](timespec time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  const auto file = volume_->create("file", 0600);
  for (int i = 0; i < 20; ++i) {
    const auto before = nanoseconds(volume_->now());
    file->write_at(0, bytes_of("x"));
    const auto stamp = nanoseconds(file->stat().st_mtim);
    EXPECT_LE(before, stamp);
    // The kernel may stamp more finely than the coarse clock ticks (at least 100 times a second).
    EXPECT_LE(stamp, nanoseconds(volume_->now()) + 10'000'000);
    ::usleep(3000);
  }
}

TEST_F(PosixVolumeTest, AttributesAreReadByPrefixAndNotThroughLinks) {
  filesystem::create_directory(temp_.path("dir"));
  filesystem::create_symlink("dir", temp_.path("link"));
  const auto set = [&](const char* name, const std::string& value) {
    const int result = ::setxattr(temp_.path("dir").c_str(), name, value.data(), value.size(), 0);
    ASSERT_EQ(result, 0) << std::strerror(errno);
  };
  EXPECT_TRUE(volume_->attributes("dir", "").empty());
  set("user.test.one", std::string("a\0b", 3));
  set("user.test.two", "");
  set("user.other", "x");
  const Attributes expected{{"user.test.one", std::string("a\0b", 3)}, {"user.test.two", ""}};
  EXPECT_EQ(volume_->attributes("dir", "user.test."), expected);
  EXPECT_TRUE(volume_->attributes("link", "user.test.").empty());
  EXPECT_TRUE(volume_->attributes("", "user.test.").empty());
  EXPECT_EQ(error_of([&] { volume_->attributes("link/x", ""); }), ELOOP);
  EXPECT_EQ(error_of([&] { volume_->attributes("missing", ""); }), ENOENT);
}

TEST_F(PosixVolumeTest, OpeningAVolumeThatIsNone) {
  std::ofstream(temp_.path("file")) << "x";
  EXPECT_EQ(error_of([&] { open_posix_volume(temp_.path("missing")); }), ENOENT);
  EXPECT_EQ(error_of([&] { open_posix_volume(temp_.path("file")); }), ENOTDIR);
}

}  // namespace
}  // namespace zstdfs::os
