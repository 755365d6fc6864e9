// A disk that is full: the program is told, nothing older is lost, and deleting makes room again.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/refused_overwrite.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::compressible_bytes;
using test::random_bytes;

class FullDisk : public testing::Test {
 protected:
  FullDisk() : disk_("24"), store_({}, disk_.path()) {
    old_ = compressible_bytes(1500000, 1);
    write_file(store_.path("old"), old_);
  }

  void TearDown() override {
    store_.unmount(Committed::kMaybeNotAll);
    if (!HasFatalFailure()) expect_fsck_clean(disk_.path());
  }

  /// Writes incompressible files until the disk is full, and says how many were closed without an
  /// error. Whoever writes must be told with ENOSPC, by write, fsync or close.
  int fill(const std::string& prefix, std::size_t bytes) {
    for (int i = 0; i < 100; ++i) {
      const std::string path = store_.path(prefix + std::to_string(i));
      try {
        write_file(path, random_bytes(bytes, static_cast<std::uint64_t>(i)), 128 << 10);
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENOSPC) << error.what();
        return i;
      }
    }
    ADD_FAILURE() << "the disk never gets full";
    return 100;
  }

  void expect_filled(const std::string& prefix, std::size_t bytes, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string path = store_.path(prefix + std::to_string(i));
      EXPECT_EQ(difference(read_file(path), random_bytes(bytes, static_cast<std::uint64_t>(i))), "")
          << path;
    }
  }

  SmallDisk disk_;
  MountedStore store_;
  Bytes old_;
};

TEST_F(FullDisk, Copying) {
  constexpr std::size_t kBytes = 3000000;
  const int count = fill("f", kBytes);
  EXPECT_GE(count, 5);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(difference(read_file(store_.path("old")), old_), "");
    expect_filled("f", kBytes, count);
    store_.remount(Committed::kMaybeNotAll);
  }
  // Deleting what did not fit, and one more, makes it work again.
  ASSERT_EQ(::unlink(store_.path("f" + std::to_string(count)).c_str()), 0);
  ASSERT_EQ(::unlink(store_.path("f0").c_str()), 0);
  ASSERT_NO_THROW(write_file(store_.path("again"), random_bytes(2000000, 7)));
  store_.remount();
  EXPECT_EQ(difference(read_file(store_.path("again")), random_bytes(2000000, 7)), "");
  EXPECT_EQ(difference(read_file(store_.path("old")), old_), "");
}

TEST_F(FullDisk, Appending) {
  Bytes wanted;
  int told = 0;
  for (std::uint64_t i = 0; i < 200 && told == 0; ++i) {
    const Bytes piece = random_bytes(300000, i);
    Fd fd = open_file(store_.path("log"), O_WRONLY | O_APPEND | O_CREAT);
    try {
      write_all(fd.get(), piece);
      check(::fsync(fd.get()), "fsync");
      check(fd.close(), "close");
      wanted.insert(wanted.end(), piece.begin(), piece.end());
    } catch (const std::system_error& error) {
      told = error.code().value();
    }
  }
  EXPECT_EQ(told, ENOSPC);
  for (int round = 0; round < 2; ++round) {
    const Bytes got = read_file(store_.path("log"));
    ASSERT_GE(got.size(), wanted.size()) << "what was synced before is lost";
    EXPECT_EQ(difference(ByteSpan(got).first(wanted.size()), wanted), "");
    EXPECT_EQ(difference(read_file(store_.path("old")), old_), "");
    store_.remount(Committed::kMaybeNotAll);
  }
  ASSERT_EQ(::unlink(store_.path("old").c_str()), 0);
  ASSERT_EQ(::truncate(store_.path("log").c_str(), static_cast<off_t>(wanted.size() / 2)), 0);
  ASSERT_NO_THROW(append_file(store_.path("log"), random_bytes(300000, 1000)));
  store_.remount();
  wanted.resize(wanted.size() / 2);
  const Bytes more = random_bytes(300000, 1000);
  wanted.insert(wanted.end(), more.begin(), more.end());
  EXPECT_EQ(difference(read_file(store_.path("log")), wanted), "");
}

// Compressible content that is overwritten by incompressible one needs room that is not there. Each
// block is what it was, or what was written.
TEST_F(FullDisk, Overwriting) {
  RefusedOverwrite file(store_.path("f"));
  store_.remount();
  fill("filler", 1000000);
  EXPECT_EQ(file.overwrite(), ENOSPC);
  for (int round = 0; round < 2; ++round) {
    file.expect_old_or_new();
    EXPECT_EQ(difference(read_file(store_.path("old")), old_), "");
    store_.remount(Committed::kMaybeNotAll);
  }
  const Ended removed = shell("rm -f \"$1\"/filler*", {store_.mountpoint()});
  ASSERT_TRUE(removed.ok()) << removed.output;
  const Fd fd = open_file(file.path(), O_RDWR);
  ASSERT_NO_THROW(pwrite_all(fd.get(), file.after(), 0));
  ASSERT_EQ(::fsync(fd.get()), 0);
  EXPECT_EQ(difference(read_all(fd.get()), file.after()), "");
}

// A program that does not listen to errors: what it writes must not pile up in the daemon's memory.
TEST_F(FullDisk, WritingOnAndOn) {
  write_file(store_.path("f"), test::text_bytes(2000000, 2));
  store_.remount();
  fill("filler", 1000000);
  const Fd fd = open_file(store_.path("f"), O_RDWR);
  const Bytes piece = random_bytes(1u << 20, 3);
  int told = 0;
  for (off_t i = 0; i < 250; ++i) {
    if (::pwrite(fd.get(), piece.data(), piece.size(), i * (2 << 20)) < 0) ++told;
  }
  EXPECT_GT(told, 200);
  const Ended status =
      shell("grep VmHWM /proc/\"$1\"/status | tr -dc 0-9", {std::to_string(store_.daemon())});
  EXPECT_LT(std::stoul(status.output), ZSTDFS_SANITIZED ? 2000000u : 200000u) << "kilobytes";
}

// What programs were told is stored is in the journal; that it could not be merged is said at the
// end, and what to do. The next mount finishes it.
TEST_F(FullDisk, TheDaemonSaysWhenNotAllIsCommitted) {
  Bytes content = test::text_bytes(6000000, 2);
  write_file(store_.path("f"), content);
  store_.remount();
  {
    const Bytes change = random_bytes(3000000, 3);
    const Fd fd = open_file(store_.path("f"), O_RDWR);
    pwrite_all(fd.get(), change, 1000000);
    ASSERT_EQ(::fsync(fd.get()), 0);
    std::copy(change.begin(), change.end(), content.begin() + 1000000);
    write_file(disk_ / "ballast", {});
    shell("dd if=/dev/zero of=\"$1\" bs=4k status=none", {disk_ / "ballast"});
  }
  store_.unmount(Committed::kNotAll);
  EXPECT_NE(store_.log().find("make room on the disk below"), std::string::npos) << store_.log();
  ASSERT_EQ(::unlink((disk_ / "ballast").c_str()), 0);
  store_.mount();
  EXPECT_EQ(difference(read_file(store_.path("f")), content), "");
  store_.remount();
  EXPECT_EQ(difference(read_file(store_.path("f")), content), "");
}

TEST_F(FullDisk, KilledWhileFull) {
  constexpr std::size_t kBytes = 2000000;
  const int count = fill("f", kBytes);
  store_.kill_daemon();
  store_.mount();
  expect_filled("f", kBytes, count);
  EXPECT_EQ(difference(read_file(store_.path("old")), old_), "");
  ASSERT_EQ(::unlink(store_.path("f0").c_str()), 0);
  ASSERT_NO_THROW(write_file(store_.path("again"), random_bytes(1000000, 7)));
}

TEST_F(FullDisk, CompressibleContentFitsThatWouldNotOtherwise) {
  if (!is_zstdfs_under_test()) GTEST_FAIL() << "says something about zstdfs only";
  // 60 MB of text on a disk of 24.
  for (std::uint64_t i = 0; i < 15; ++i) {
    ASSERT_NO_THROW(write_file(store_.path("t" + std::to_string(i)), Bytes(4000000, std::byte{7})));
  }
  store_.remount();
  EXPECT_EQ(status_of(store_.path("t14")).st_size, 4000000);
}

}  // namespace
}  // namespace zstdfs::mounttest
