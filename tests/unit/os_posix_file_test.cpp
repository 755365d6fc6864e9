#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <thread>

#include "fs/os/posix.hpp"
#include "tests/patterns.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::os {
namespace {

using test::bytes_of;
using test::error_of;
using test::random_bytes;
using test::TempDirectory;
namespace filesystem = std::filesystem;

constexpr std::uint64_t kBeyondOffsets = std::numeric_limits<std::uint64_t>::max() - 4;

class PosixFileTest : public testing::Test {
 protected:
  Bytes content(const File& file) {
    Bytes out(file.size());
    out.resize(file.read_at(0, out));
    return out;
  }

  TempDirectory temp_;
  std::unique_ptr<Volume> volume_ = open_posix_volume(temp_.path());
  std::unique_ptr<File> file_ = volume_->create("file", 0600);
};

TEST_F(PosixFileTest, ReadsBackWhatWasWritten) {
  const Bytes bytes = random_bytes(300'000, 1);
  file_->write_at(0, bytes);
  EXPECT_EQ(file_->size(), bytes.size());
  EXPECT_EQ(content(*file_), bytes);
  file_->write_at(1000, bytes_of("middle"));
  EXPECT_EQ(content(*file_), test::overwritten(bytes, 1000, bytes_of("middle")));
}

TEST_F(PosixFileTest, ReadsEndWithTheFile) {
  file_->write_at(0, bytes_of("0123456789"));
  Bytes out(8);
  EXPECT_EQ(file_->read_at(6, out), 4u);
  EXPECT_EQ(file_->read_at(10, out), 0u);
  EXPECT_EQ(file_->read_at(kBeyondOffsets, out), 0u);
  EXPECT_EQ(file_->read_at(0, {}), 0u);
}

TEST_F(PosixFileTest, FetchesWhatWillBeRead) {
  const Bytes bytes = random_bytes(256 << 10, 2);
  file_->write_at(0, bytes);
  file_->sync(SyncKind::kData);
  file_->drop_clean_pages({0, bytes.size()});
  file_->will_read({0, bytes.size()});
  // Only what is in memory can be read without waiting.
  const UniqueFd fd(::open((temp_.path() + "/file").c_str(), O_RDONLY | O_CLOEXEC));
  Bytes out(bytes.size());
  const iovec into{out.data(), out.size()};
  ssize_t count = 0;
  for (int i = 0; i < 1000 && count < static_cast<ssize_t>(out.size()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    count = ::preadv2(fd.get(), &into, 1, 0, RWF_NOWAIT);
  }
  EXPECT_EQ(count, static_cast<ssize_t>(out.size()));
  EXPECT_EQ(out, bytes);
}

TEST_F(PosixFileTest, WritesBeyondTheEndLeaveZeros) {
  file_->write_at(5, bytes_of("x"));
  EXPECT_EQ(content(*file_), test::overwritten({}, 5, bytes_of("x")));
}

TEST_F(PosixFileTest, TruncatesDownAndUp) {
  file_->write_at(0, bytes_of("0123456789"));
  file_->truncate(3);
  EXPECT_EQ(content(*file_), bytes_of("012"));
  file_->truncate(5);
  EXPECT_EQ(content(*file_), test::overwritten(bytes_of("012"), 3, Bytes(2)));
}

TEST_F(PosixFileTest, OffsetsThatTheSystemCannotSay) {
  EXPECT_EQ(error_of([&] { file_->write_at(kBeyondOffsets, bytes_of("x")); }), EFBIG);
  EXPECT_EQ(error_of([&] { file_->truncate(kBeyondOffsets); }), EFBIG);
  EXPECT_EQ(error_of([&] { file_->seek_data(kBeyondOffsets); }), ENXIO);
  EXPECT_EQ(file_->size(), 0u);
}

TEST_F(PosixFileTest, OpenForReadingRefusesWrites) {
  file_->write_at(0, bytes_of("old"));
  const auto reader = volume_->open("file", OpenMode::kRead);
  EXPECT_FALSE(reader->writable());
  EXPECT_TRUE(file_->writable());
  EXPECT_EQ(error_of([&] { reader->write_at(0, bytes_of("new")); }), EBADF);
  EXPECT_EQ(content(*reader), bytes_of("old"));
}

TEST_F(PosixFileTest, SeeksDataAndHoles) {
  const std::uint64_t far = 8u << 20;
  const std::uint64_t block = volume_->block_bytes();
  file_->write_at(0, random_bytes(block, 1));
  file_->write_at(far, random_bytes(block, 2));
  file_->truncate(2 * far);
  EXPECT_EQ(file_->seek_data(0), 0u);
  EXPECT_EQ(file_->seek_hole(0), block);
  EXPECT_EQ(file_->seek_data(block), far);
  EXPECT_EQ(file_->seek_hole(far), far + block);
  EXPECT_EQ(error_of([&] { file_->seek_data(far + block); }), ENXIO);
  EXPECT_EQ(file_->seek_hole(2 * far - 1), 2 * far - 1);
  EXPECT_EQ(error_of([&] { file_->seek_hole(2 * far); }), ENXIO);
}

TEST_F(PosixFileTest, AllocatesAndPunches) {
  file_->allocate({.offset = 0, .bytes = 1u << 20}, AllocateKind::kKeepSize);
  EXPECT_EQ(file_->size(), 0u);
  EXPECT_GE(file_->stat().st_blocks, (1 << 20) / 512);
  file_->allocate({.offset = 0, .bytes = 1u << 20}, AllocateKind::kGrow);
  EXPECT_EQ(file_->size(), 1u << 20);

  const Bytes bytes = random_bytes(1u << 20, 3);
  file_->write_at(0, bytes);
  const blkcnt_t before = file_->stat().st_blocks;
  file_->punch_hole({.offset = 64u << 10, .bytes = 128u << 10});
  EXPECT_LT(file_->stat().st_blocks, before);
  EXPECT_EQ(content(*file_), test::overwritten(bytes, 64u << 10, Bytes(128u << 10)));
  file_->punch_hole({.offset = 0, .bytes = 0});
  EXPECT_EQ(file_->size(), 1u << 20);
}

TEST_F(PosixFileTest, SetsTheModificationTimeOnly) {
  file_->write_at(0, bytes_of("x"));
  const struct stat before = file_->stat();
  file_->set_modification_time({.tv_sec = 1'000'000'000, .tv_nsec = 123'456'789});
  const struct stat after = file_->stat();
  EXPECT_EQ(after.st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(after.st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(after.st_atim.tv_sec, before.st_atim.tv_sec);
  EXPECT_EQ(after.st_atim.tv_nsec, before.st_atim.tv_nsec);
}

TEST_F(PosixFileTest, ReadingLeavesTheAccessTime) {
  file_->write_at(0, bytes_of("x"));
  // An access time before the modification time is one that relatime would renew.
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, temp_.path("file").c_str(), times, 0), 0);
  content(*volume_->open("file", OpenMode::kRead));
  EXPECT_EQ(file_->stat().st_atim.tv_sec, 1000);
}

TEST_F(PosixFileTest, SyncsBothKinds) {
  file_->write_at(0, bytes_of("x"));
  EXPECT_NO_THROW(file_->sync(SyncKind::kData));
  EXPECT_NO_THROW(file_->sync(SyncKind::kDataAndTimes));
}

TEST_F(PosixFileTest, IdentityStaysWithTheFile) {
  const std::string identity = file_->identity();
  EXPECT_FALSE(identity.empty());
  EXPECT_EQ(volume_->open("file", OpenMode::kRead)->identity(), identity);
  volume_->rename("file", "renamed");
  file_->write_at(0, bytes_of("x"));
  EXPECT_EQ(volume_->open("renamed", OpenMode::kRead)->identity(), identity);
  EXPECT_NE(volume_->create("file", 0600)->identity(), identity);
}

TEST_F(PosixFileTest, IdentityIsNotGivenTwice) {
  // Filesystems give an inode number again soon after it became free.
  const std::string identity = file_->identity();
  const ino_t inode = file_->stat().st_ino;
  file_.reset();
  volume_->remove("file");
  bool number_came_back = false;
  for (int i = 0; i < 50; ++i) {
    const auto next = volume_->create("file", 0600);
    EXPECT_NE(next->identity(), identity);
    number_came_back = number_came_back || next->stat().st_ino == inode;
    volume_->remove("file");
  }
  RecordProperty("inode_number_came_back", number_came_back ? "yes" : "no");
}

TEST_F(PosixFileTest, AttributesAreItsOwnWhateverItIsCalled) {
  EXPECT_TRUE(file_->attributes("user.test.").empty());
  const std::string value("a\0b", 3);
  for (const char* name : {"user.test.one", "user.other"}) {
    ASSERT_EQ(::setxattr(temp_.path("file").c_str(), name, value.data(), value.size(), 0), 0);
  }
  volume_->rename("file", "renamed");
  EXPECT_EQ(file_->attributes("user.test."), (Attributes{{"user.test.one", value}}));
  volume_->remove("renamed");
  EXPECT_EQ(file_->attributes("user.test."), (Attributes{{"user.test.one", value}}));
}

TEST_F(PosixFileTest, PathHintFollowsTheFile) {
  EXPECT_EQ(file_->path_hint(), "file");
  volume_->make_directory("dir", 0700);
  volume_->rename("file", "dir/renamed");
  EXPECT_EQ(file_->path_hint(), "dir/renamed");
  volume_->remove("dir/renamed");
  EXPECT_EQ(file_->path_hint(), "");
}

TEST_F(PosixFileTest, PathHintOutsideOfTheRootIsEmpty) {
  filesystem::create_directory(temp_.path("root"));
  filesystem::create_directory(temp_.path("root-beside"));
  const UniqueFd root(::open(temp_.path("root").c_str(), O_PATH | O_CLOEXEC));
  const std::string outside = temp_.path("root-beside/f");
  const auto file =
      make_posix_file(UniqueFd(::open(outside.c_str(), O_RDWR | O_CREAT, 0600)), root.get());
  EXPECT_EQ(file->path_hint(), "");
  const auto rootless = make_posix_file(UniqueFd(::open(outside.c_str(), O_RDONLY)));
  EXPECT_EQ(rootless->path_hint(), "");
}

TEST(UniqueFdTest, ClosesOnceAndMoves) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
  UniqueFd first(pipe_fds[0]);
  const UniqueFd other(pipe_fds[1]);
  UniqueFd second = std::move(first);
  EXPECT_EQ(second.get(), pipe_fds[0]);
  EXPECT_NE(::fcntl(pipe_fds[0], F_GETFD), -1);
  second.reset();
  EXPECT_EQ(::fcntl(pipe_fds[0], F_GETFD), -1);
  EXPECT_FALSE(second);
}

}  // namespace
}  // namespace zstdfs::os
