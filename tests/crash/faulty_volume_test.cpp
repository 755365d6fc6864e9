#include "tests/crash/faulty_volume.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/patterns.hpp"

// The simulated disk itself: crash tests are worth no more than it is.

namespace zstdfs::test {
namespace {

using os::AllocateKind;
using os::OpenMode;
using os::SyncKind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kBlock = 4096;

template <typename Call>
int error_of(Call call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

Bytes read_all(const os::File& file) {
  Bytes out(file.size());
  out.resize(file.read_at(0, out));
  return out;
}

class FaultyDiskTest : public testing::Test {
 protected:
  /// Makes a file with durable content and leaves it open.
  std::unique_ptr<os::File> durable_file(const std::string& path, ByteSpan bytes) {
    disk_.put(path, bytes);
    return volume_->open(path, OpenMode::kReadWrite);
  }
  void restart(Survival survival) {
    disk_.restart(survival);
    volume_ = disk_.volume();
  }

  FaultyDisk disk_;
  std::unique_ptr<os::Volume> volume_ = disk_.volume();
};

TEST_F(FaultyDiskTest, BehavesLikeAVolume) {
  volume_->make_directory("dir", 0700);
  EXPECT_FALSE(volume_->make_directory("dir", 0700));
  const Bytes bytes = random_bytes(3 * kBlock + 5, 1);
  const auto file = volume_->create("dir/file", 0640);
  file->write_at(0, bytes);
  EXPECT_EQ(read_all(*volume_->open("dir/file", OpenMode::kRead)), bytes);
  EXPECT_EQ(file->path_hint(), "dir/file");
  EXPECT_EQ(volume_->stat("dir/file").st_size, static_cast<off_t>(bytes.size()));
  EXPECT_EQ(volume_->stat("dir/file").st_blocks, 4 * 8);
  EXPECT_EQ(volume_->list("").size(), 1u);
  EXPECT_EQ(volume_->list("dir").front().name, "file");
  volume_->rename("dir/file", "moved");
  EXPECT_EQ(file->path_hint(), "moved");
  EXPECT_THAT(disk_.list(), ElementsAre("moved"));
  EXPECT_TRUE(volume_->remove("moved"));
  EXPECT_FALSE(volume_->remove("moved"));
  EXPECT_EQ(read_all(*file), bytes);
  EXPECT_EQ(file->stat().st_nlink, 0u);
}

TEST_F(FaultyDiskTest, ErrorsAreThoseOfTheSystem) {
  disk_.put("file", bytes_of("x"));
  disk_.put("dir/below", bytes_of("x"));
  EXPECT_EQ(volume_->open("missing", OpenMode::kRead), nullptr);
  EXPECT_EQ(error_of([&] { volume_->open("dir", OpenMode::kRead); }), EISDIR);
  EXPECT_EQ(error_of([&] { volume_->open("file/below", OpenMode::kRead); }), ENOTDIR);
  EXPECT_EQ(error_of([&] { volume_->open("../file", OpenMode::kRead); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->open("/file", OpenMode::kRead); }), EXDEV);
  EXPECT_EQ(error_of([&] { volume_->create("file", 0600); }), EEXIST);
  EXPECT_EQ(error_of([&] { volume_->create("missing/file", 0600); }), ENOENT);
  EXPECT_EQ(error_of([&] { volume_->make_directory("file", 0700); }), EEXIST);
  EXPECT_EQ(error_of([&] { volume_->rename("file", "dir"); }), EISDIR);
  EXPECT_EQ(error_of([&] { volume_->rename("missing", "x"); }), ENOENT);
  EXPECT_EQ(error_of([&] { volume_->list("missing"); }), ENOENT);
  EXPECT_EQ(error_of([&] { volume_->stat("missing"); }), ENOENT);
  const auto reader = volume_->open("file", OpenMode::kRead);
  EXPECT_EQ(error_of([&] { reader->write_at(0, bytes_of("y")); }), EBADF);
  EXPECT_EQ(error_of([&] { reader->truncate(0); }), EINVAL);
  EXPECT_EQ(error_of([&] { reader->seek_data(1); }), ENXIO);
}

TEST_F(FaultyDiskTest, SparseFiles) {
  const auto file = volume_->create("file", 0600);
  file->write_at(2 * kBlock, bytes_of("x"));
  file->truncate(10 * kBlock);
  EXPECT_EQ(file->stat().st_blocks, 8);
  EXPECT_EQ(file->seek_data(0), 2 * kBlock);
  EXPECT_EQ(file->seek_hole(0), 0u);
  EXPECT_EQ(file->seek_hole(2 * kBlock + 1), 3 * kBlock);
  EXPECT_EQ(error_of([&] { file->seek_data(3 * kBlock); }), ENXIO);
  EXPECT_EQ(read_all(*file), overwritten(Bytes(10 * kBlock), 2 * kBlock, bytes_of("x")));

  file->allocate({.offset = 0, .bytes = 20 * kBlock}, AllocateKind::kKeepSize);
  EXPECT_EQ(file->size(), 10 * kBlock);
  EXPECT_EQ(file->stat().st_blocks, 20 * 8);
  file->allocate({.offset = 0, .bytes = 20 * kBlock}, AllocateKind::kGrow);
  EXPECT_EQ(file->size(), 20 * kBlock);
  file->punch_hole({.offset = kBlock, .bytes = 2 * kBlock});
  EXPECT_EQ(file->stat().st_blocks, 18 * 8);
  EXPECT_EQ(read_all(*file), Bytes(20 * kBlock));
}

TEST_F(FaultyDiskTest, InodesAndTimes) {
  const auto file = volume_->create("file", 0600);
  const std::string identity = file->identity();
  const timespec before = volume_->now();
  file->write_at(0, bytes_of("x"));
  EXPECT_NE(file->stat().st_mtim.tv_nsec, before.tv_nsec);
  EXPECT_EQ(file->stat().st_mtim.tv_nsec, volume_->now().tv_nsec);
  file->set_modification_time({.tv_sec = 5, .tv_nsec = 7});
  EXPECT_EQ(file->stat().st_mtim.tv_sec, 5);
  volume_->remove("file");
  const auto next = volume_->create("file", 0600);
  EXPECT_NE(next->identity(), identity);
  EXPECT_NE(next->stat().st_ino, file->stat().st_ino);
}

TEST_F(FaultyDiskTest, TimesNeedASyncOfTheirOwn) {
  const auto file = durable_file("file", bytes_of("x"));
  const timespec old = file->stat().st_mtim;
  file->set_modification_time({.tv_sec = 5, .tv_nsec = 7});
  file->sync(SyncKind::kData);
  restart(Survival::nothing_unsynced());
  EXPECT_EQ(volume_->stat("file").st_mtim.tv_sec, old.tv_sec);
  const auto again = volume_->open("file", OpenMode::kReadWrite);
  again->set_modification_time({.tv_sec = 5, .tv_nsec = 7});
  again->sync(SyncKind::kDataAndTimes);
  restart(Survival::nothing_unsynced());
  EXPECT_EQ(volume_->stat("file").st_mtim.tv_sec, 5);
}

TEST_F(FaultyDiskTest, OnlySyncedContentIsCertain) {
  const auto file = durable_file("file", bytes_of("old"));
  file->write_at(0, bytes_of("synced"));
  file->sync(SyncKind::kData);
  file->write_at(0, bytes_of("unsynced"));
  restart(Survival::nothing_unsynced());
  EXPECT_EQ(disk_.content("file"), bytes_of("synced"));
}

TEST_F(FaultyDiskTest, OnlySyncedNamesAreCertain) {
  volume_->make_directory("dir", 0700);
  volume_->sync_directory("");
  volume_->create("dir/named", 0600);
  volume_->sync_directory("dir");
  const auto file = volume_->create("dir/nameless", 0600);
  file->write_at(0, bytes_of("x"));
  file->sync(SyncKind::kDataAndTimes);
  restart(Survival::nothing_unsynced());
  EXPECT_THAT(disk_.list(), ElementsAre("dir/named"));
  EXPECT_EQ(disk_.content("dir/named"), Bytes());
}

TEST_F(FaultyDiskTest, SyncingTheFilesystemMakesAllCertain) {
  volume_->make_directory("dir", 0700);
  volume_->create("dir/file", 0600)->write_at(0, bytes_of("x"));
  volume_->sync_filesystem();
  restart(Survival::nothing_unsynced());
  EXPECT_EQ(disk_.content("dir/file"), bytes_of("x"));
}

TEST_F(FaultyDiskTest, EverythingSurvivesAKill) {
  volume_->make_directory("dir", 0700);
  volume_->create("dir/file", 0600)->write_at(0, bytes_of("x"));
  disk_.put("gone", bytes_of("x"));
  volume_->remove("gone");
  restart(Survival::everything());
  EXPECT_THAT(disk_.list(), ElementsAre("dir/file"));
  EXPECT_EQ(disk_.content("dir/file"), bytes_of("x"));
}

TEST_F(FaultyDiskTest, ALostMountIsOfTheSameBoot) {
  const std::string boot = volume_->boot_id();
  std::string mount = volume_->mount_id();
  durable_file("file", bytes_of("old"))->write_at(0, bytes_of("new"));
  restart(Survival::everything());
  EXPECT_EQ(volume_->mount_id(), mount);
  disk_.remount(Survival::nothing_unsynced());
  volume_ = disk_.volume();
  EXPECT_EQ(disk_.content("file"), bytes_of("old"));
  EXPECT_EQ(volume_->boot_id(), boot);
  EXPECT_NE(volume_->mount_id(), mount);
  mount = volume_->mount_id();
  restart(Survival::nothing_unsynced());
  EXPECT_NE(volume_->mount_id(), mount);
}

TEST_F(FaultyDiskTest, AKillMakesNothingDurable) {
  const std::string boot = volume_->boot_id();
  const auto file = durable_file("file", bytes_of("old"));
  file->write_at(0, bytes_of("new"));
  volume_->create("other", 0600);
  restart(Survival::everything());
  EXPECT_EQ(volume_->boot_id(), boot);
  EXPECT_EQ(disk_.content("file"), bytes_of("new"));
  restart(Survival::nothing_unsynced());
  EXPECT_NE(volume_->boot_id(), boot);
  EXPECT_EQ(disk_.content("file"), bytes_of("old"));
  EXPECT_THAT(disk_.list(), ElementsAre("file"));
}

TEST_F(FaultyDiskTest, UnsyncedRemovalsComeBack) {
  const auto file = durable_file("file", bytes_of("old"));
  volume_->remove("file");
  file->write_at(0, bytes_of("new"));
  file->sync(SyncKind::kData);
  restart(Survival::nothing_unsynced());
  EXPECT_EQ(disk_.content("file"), bytes_of("new"));
  volume_->remove("file");
  volume_->sync_directory("");
  restart(Survival::nothing_unsynced());
  EXPECT_THAT(disk_.list(), IsEmpty());
}

TEST_F(FaultyDiskTest, ARenameBetweenDirectoriesIsOneChange) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    disk_ = FaultyDisk();
    volume_ = disk_.volume();
    disk_.put("a/file", bytes_of("x"));
    disk_.put("b/other", bytes_of("y"));
    volume_->create("a/one", 0600);
    volume_->rename("a/file", "b/file");
    volume_->create("b/two", 0600);
    restart(Survival::random(seed));
    EXPECT_NE(disk_.content("a/file").has_value(), disk_.content("b/file").has_value());
    EXPECT_TRUE(disk_.content("a/one") || !disk_.content("b/file"));
    EXPECT_TRUE(disk_.content("b/file") || !disk_.content("b/two"));
  }
}

TEST_F(FaultyDiskTest, SyncingOneDirectoryOfARenameSyncsBoth) {
  disk_.put("a/file", bytes_of("x"));
  disk_.put("b/other", bytes_of("y"));
  volume_->create("a/one", 0600);
  volume_->rename("a/file", "b/file");
  volume_->create("a/later", 0600);
  volume_->sync_directory("b");
  restart(Survival::nothing_unsynced());
  EXPECT_THAT(disk_.list(), ElementsAre("a/one", "b/file", "b/other"));
}

TEST_F(FaultyDiskTest, RenameOverKeepsOneOfTheTwo) {
  bool old_seen = false;
  bool new_seen = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    disk_.put("file", bytes_of("old"));
    disk_.put("next", bytes_of("new"));
    volume_->rename("next", "file");
    restart(Survival::random(seed));
    const auto content = disk_.content("file");
    ASSERT_TRUE(content == bytes_of("old") || content == bytes_of("new")) << seed;
    EXPECT_EQ(disk_.content("next").has_value(), content == bytes_of("old"));
    (content == bytes_of("old") ? old_seen : new_seen) = true;
  }
  EXPECT_TRUE(old_seen && new_seen);
}

TEST_F(FaultyDiskTest, RandomSurvivalKeepsSectorsWhole) {
  const Bytes before = random_bytes(8 * kBlock, 1);
  const Bytes after = random_bytes(8 * kBlock, 2);
  bool mixed = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const auto file = durable_file("file", before);
    file->write_at(0, after);
    restart(Survival::random(seed));
    const Bytes content = disk_.content("file").value();
    ASSERT_EQ(content.size(), before.size());
    std::size_t new_sectors = 0;
    for (std::size_t at = 0; at < content.size(); at += 512) {
      const auto is = [&](const Bytes& whole) {
        return std::equal(content.begin() + static_cast<std::ptrdiff_t>(at),
                          content.begin() + static_cast<std::ptrdiff_t>(at + 512),
                          whole.begin() + static_cast<std::ptrdiff_t>(at));
      };
      ASSERT_TRUE(is(before) || is(after)) << at;
      if (is(after)) ++new_sectors;
    }
    mixed = mixed || (new_sectors > 0 && new_sectors < content.size() / 512);
  }
  EXPECT_TRUE(mixed);
}

TEST_F(FaultyDiskTest, ASectorHoldsWhatWasWrittenBesideBefore) {
  bool both_seen = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto file = durable_file("file", bytes_of("....."));
    file->write_at(0, bytes_of("ab"));
    file->write_at(3, bytes_of("cd"));
    restart(Survival::random(seed));
    const Bytes content = disk_.content("file").value();
    // The second without the first would need a page cache that forgets.
    EXPECT_TRUE(content == bytes_of(".....") || content == bytes_of("ab...") ||
                content == bytes_of("ab.cd"))
        << seed;
    both_seen = both_seen || content == bytes_of("ab.cd");
  }
  EXPECT_TRUE(both_seen);
}

TEST_F(FaultyDiskTest, AppendedSizeMaySurviveWithoutItsData) {
  const Bytes appended(kBlock, std::byte{'x'});
  std::size_t shorter = 0;
  std::size_t zeros = 0;
  std::size_t whole = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto file = durable_file("file", Bytes(kBlock, std::byte{'a'}));
    file->write_at(kBlock, appended);
    restart(Survival::random_unordered(seed));
    Bytes content = disk_.content("file").value();
    ASSERT_EQ(std::count(content.begin(), content.begin() + kBlock, std::byte{'a'}),
              static_cast<std::ptrdiff_t>(kBlock));
    content.erase(content.begin(), content.begin() + kBlock);
    shorter += content.empty() ? 1u : 0u;
    zeros += content == Bytes(kBlock) ? 1u : 0u;
    whole += content == appended ? 1u : 0u;
  }
  EXPECT_GT(shorter, 0u);
  EXPECT_GT(zeros, 0u);
  EXPECT_GT(whole, 0u);
}

TEST_F(FaultyDiskTest, OrderedDataIsThereWhereTheSizeIs) {
  const Bytes appended = random_bytes(3 * kBlock, 1);
  bool shorter = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto file = durable_file("file", Bytes(kBlock, std::byte{'a'}));
    file->write_at(kBlock, ByteSpan(appended).first(2 * kBlock));
    file->write_at(3 * kBlock, ByteSpan(appended).subspan(2 * kBlock));
    restart(Survival::random(seed));
    const Bytes content = disk_.content("file").value();
    ASSERT_TRUE(std::equal(content.begin() + kBlock, content.end(), appended.begin())) << seed;
    shorter = shorter || content.size() < 4 * kBlock;
  }
  EXPECT_TRUE(shorter);
}

TEST_F(FaultyDiskTest, WhatWasCutOffDoesNotShowAgain) {
  // Cut to nothing and written anew: old bytes may be there only if the cut is not.
  const Bytes before(4 * kBlock, std::byte{'o'});
  const Bytes after(2 * kBlock, std::byte{'n'});
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const auto file = durable_file("file", before);
    file->truncate(0);
    file->write_at(0, after);
    restart(Survival::random(seed));
    const Bytes content = disk_.content("file").value();
    const auto old_bytes = std::count(content.begin(), content.end(), std::byte{'o'});
    if (content.size() == before.size()) {
      EXPECT_EQ(old_bytes, static_cast<std::ptrdiff_t>(before.size()));
    } else {
      EXPECT_EQ(old_bytes, 0);
      EXPECT_LE(content.size(), after.size());
    }
  }
}

TEST_F(FaultyDiskTest, PunchedBytesAreOldOrZero) {
  bool punched = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Bytes before = random_bytes(4 * kBlock, seed);
    const auto file = durable_file("file", before);
    file->punch_hole({.offset = kBlock, .bytes = kBlock});
    restart(Survival::random(seed));
    const Bytes content = disk_.content("file").value();
    const Bytes after = overwritten(before, kBlock, Bytes(kBlock));
    ASSERT_TRUE(content == before || content == after) << seed;
    punched = punched || content == after;
  }
  EXPECT_TRUE(punched);
}

TEST_F(FaultyDiskTest, SyncedContentSurvivesEveryPolicy) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto file = durable_file("file", random_bytes(3 * kBlock, seed));
    file->truncate(kBlock + 7);
    file->write_at(5 * kBlock, bytes_of("end"));
    const Bytes expected = read_all(*file);
    file->sync(SyncKind::kData);
    restart(Survival::random(seed));
    EXPECT_EQ(disk_.content("file"), expected);
  }
}

TEST_F(FaultyDiskTest, ThePowerGoesAtTheCallAskedFor) {
  const auto file = durable_file("file", bytes_of("old"));
  disk_.cut_power_after(2);
  file->truncate(1);
  EXPECT_FALSE(disk_.power_is_off());
  EXPECT_THROW(file->truncate(0), PowerCut);
  EXPECT_TRUE(disk_.power_is_off());
  Bytes out(1);
  EXPECT_THROW(file->read_at(0, out), PowerCut);
  EXPECT_THROW(volume_->list(""), PowerCut);
  EXPECT_THROW(volume_->create("new", 0600), PowerCut);
  disk_.restart(Survival::everything());
  EXPECT_EQ(disk_.content("file"), bytes_of("o"));
  // Handles from before stay dead.
  EXPECT_THROW(file->read_at(0, out), PowerCut);
  EXPECT_THROW(volume_->stat("file"), PowerCut);
}

TEST_F(FaultyDiskTest, EveryChangingCallCounts) {
  const auto count = [&](auto call) {
    const std::uint64_t before = disk_.counted_calls();
    call();
    return disk_.counted_calls() - before;
  };
  std::unique_ptr<os::File> file;
  EXPECT_EQ(count([&] { volume_->make_directory("dir", 0700); }), 1u);
  EXPECT_EQ(count([&] { file = volume_->create("file", 0600); }), 1u);
  EXPECT_EQ(count([&] { file->write_at(0, bytes_of("x")); }), 1u);
  EXPECT_EQ(count([&] { file->truncate(9); }), 1u);
  EXPECT_EQ(count([&] { file->allocate({.offset = 0, .bytes = 5}, AllocateKind::kGrow); }), 1u);
  EXPECT_EQ(count([&] { file->punch_hole({.offset = 0, .bytes = 5}); }), 1u);
  EXPECT_EQ(count([&] { file->set_modification_time({}); }), 1u);
  EXPECT_EQ(count([&] { file->sync(SyncKind::kData); }), 1u);
  EXPECT_EQ(count([&] { volume_->sync_directory(""); }), 1u);
  EXPECT_EQ(count([&] { volume_->sync_filesystem(); }), 1u);
  EXPECT_EQ(count([&] { volume_->rename("file", "other"); }), 1u);
  EXPECT_EQ(count([&] { volume_->remove("other"); }), 1u);
  EXPECT_EQ(count([&] {
              volume_->open("other", OpenMode::kRead);
              volume_->list("");
              read_all(*file);
            }),
            0u);
  EXPECT_THAT(disk_.last_calls(2), testing::HasSubstr("rename file to other"));
}

TEST_F(FaultyDiskTest, AWriteThatThePowerCutsIsTorn) {
  std::size_t none = 0;
  std::size_t some = 0;
  std::size_t all = 0;
  const Bytes before(8 * kBlock, std::byte{'o'});
  for (int i = 0; i < 60; ++i) {
    const auto file = durable_file("file", before);
    disk_.cut_power_after(1);
    EXPECT_THROW(file->write_at(0, Bytes(8 * kBlock, std::byte{'n'})), PowerCut);
    restart(Survival::everything());
    const Bytes content = disk_.content("file").value();
    const auto written = std::count(content.begin(), content.end(), std::byte{'n'});
    EXPECT_EQ(written % 512, 0);
    ++(written == 0 ? none : written == 8 * kBlock ? all : some);
    // Another number of calls, so that the next one is torn elsewhere.
    volume_->open("file", OpenMode::kReadWrite)->truncate(0);
  }
  EXPECT_GT(none, 0u);
  EXPECT_GT(some, 0u);
  EXPECT_GT(all, 0u);
}

TEST_F(FaultyDiskTest, ChosenCallsFail) {
  const auto file = durable_file("dir/file", Bytes(2 * kBlock, std::byte{'o'}));
  disk_.fail_calls({.kind = CallKind::kSync, .path_prefix = "dir/", .error = EIO, .times = 2});
  const auto sync = [&] { file->sync(SyncKind::kData); };
  EXPECT_EQ(error_of(sync), EIO);
  EXPECT_EQ(error_of(sync), EIO);
  EXPECT_EQ(error_of(sync), 0);
  EXPECT_EQ(disk_.failed_calls(), 2u);

  disk_.fail_calls({.kind = CallKind::kWrite, .path_prefix = "elsewhere", .error = EIO});
  EXPECT_EQ(error_of([&] { file->write_at(0, bytes_of("x")); }), 0);
  disk_.fail_calls({.kind = CallKind::kRead, .path_prefix = "", .error = EIO});
  EXPECT_EQ(error_of([&] { read_all(*file); }), EIO);
  EXPECT_EQ(error_of([&] { read_all(*file); }), 0);
}

// As on Linux: what could not be written is taken for written, and the error is told once to
// whoever syncs the filesystem and once to whoever syncs the file.
TEST_F(FaultyDiskTest, AFailedSyncOfTheFilesystemIsToldOnceToEachFile) {
  const auto file = durable_file("file", Bytes(kBlock, std::byte{'o'}));
  const auto other = durable_file("other", Bytes(kBlock, std::byte{'o'}));
  const auto sync = [&] { volume_->sync_filesystem(); };
  file->write_at(0, Bytes(kBlock, std::byte{'n'}));
  disk_.fail_calls({.kind = CallKind::kSyncFilesystem, .path_prefix = "", .error = ENOSPC});
  EXPECT_EQ(error_of(sync), ENOSPC);
  EXPECT_EQ(error_of(sync), 0);
  EXPECT_EQ(error_of([&] { other->sync(SyncKind::kData); }), 0);
  EXPECT_EQ(error_of([&] { file->sync(SyncKind::kData); }), ENOSPC);
  EXPECT_EQ(error_of([&] { file->sync(SyncKind::kData); }), 0);
  disk_.restart(Survival::nothing_unsynced());
  EXPECT_EQ(disk_.content("file"), Bytes(kBlock, std::byte{'o'}));
}

// As on ext4: a page whose data did not get to its new block goes on failing, in silence.
TEST_F(FaultyDiskTest, WritingAgainAfterAFailedSyncTakesNewPages) {
  const auto file = durable_file("file", Bytes(3 * kBlock, std::byte{'o'}));
  const Bytes fresh(3 * kBlock, std::byte{'n'});
  file->write_at(0, fresh);
  disk_.fail_calls({.kind = CallKind::kSync, .path_prefix = "", .error = EIO});
  EXPECT_EQ(error_of([&] { file->sync(SyncKind::kData); }), EIO);
  // The first page is whole in it, the second is not.
  file->drop_clean_pages({0, kBlock + kBlock / 2});
  file->write_at(0, fresh);
  file->sync(SyncKind::kData);
  disk_.restart(Survival::nothing_unsynced());
  Bytes expected(3 * kBlock, std::byte{'o'});
  std::fill_n(expected.begin(), kBlock, std::byte{'n'});
  EXPECT_EQ(disk_.content("file"), expected);
}

TEST_F(FaultyDiskTest, WhatIsDroppedAfterAFailedSyncReadsAsTheDiskHasIt) {
  const auto file = durable_file("file", Bytes(kBlock, std::byte{'o'}));
  file->write_at(0, Bytes(2 * kBlock, std::byte{'n'}));
  disk_.fail_calls({.kind = CallKind::kSync, .path_prefix = "", .error = EIO});
  EXPECT_EQ(error_of([&] { file->sync(SyncKind::kData); }), EIO);
  EXPECT_EQ(read_all(*file), Bytes(2 * kBlock, std::byte{'n'}));
  file->write_at(kBlock, bytes_of("x"));  // and so not clean
  file->drop_clean_pages({0, 2 * kBlock});
  Bytes expected(2 * kBlock, std::byte{'n'});
  std::fill_n(expected.begin(), kBlock, std::byte{'o'});
  expected[kBlock] = std::byte{'x'};
  EXPECT_EQ(read_all(*file), expected);
}

TEST_F(FaultyDiskTest, TheNthChangingCallFails) {
  const auto file = durable_file("file", Bytes(kBlock, std::byte{'o'}));
  disk_.fail_calls({.kind = {}, .path_prefix = "", .error = ENOSPC, .skip = 1});
  file->truncate(2 * kBlock);
  EXPECT_EQ(error_of([&] { file->write_at(0, Bytes(kBlock, std::byte{'n'})); }), ENOSPC);
  const Bytes content = read_all(*file);
  EXPECT_EQ(std::count(content.begin(), content.end(), std::byte{'n'}), kBlock / 2);
  EXPECT_EQ(error_of([&] { file->write_at(0, bytes_of("x")); }), 0);
}

TEST_F(FaultyDiskTest, AFullDiskTakesWhatFits) {
  const auto file = durable_file("file", Bytes(kBlock, std::byte{'o'}));
  EXPECT_EQ(disk_.used_bytes(), kBlock);
  disk_.set_free_bytes(2 * kBlock + 100);
  EXPECT_EQ(disk_.free_bytes(), 2 * kBlock);
  const Bytes bytes = random_bytes(4 * kBlock, 1);
  EXPECT_EQ(error_of([&] { file->write_at(0, bytes); }), ENOSPC);
  EXPECT_EQ(read_all(*file), Bytes(bytes.begin(), bytes.begin() + 3 * kBlock));
  EXPECT_EQ(disk_.free_bytes(), 0u);
  // What is there can be written again.
  EXPECT_EQ(error_of([&] { file->write_at(kBlock, bytes_of("x")); }), 0);
  EXPECT_EQ(
      error_of([&] { file->allocate({.offset = 0, .bytes = 4 * kBlock}, AllocateKind::kGrow); }),
      ENOSPC);
  EXPECT_EQ(error_of([&] { volume_->create("empty", 0600); }), 0);
  disk_.set_unlimited();
  EXPECT_EQ(error_of([&] { file->write_at(0, bytes); }), 0);
}

TEST_F(FaultyDiskTest, RoomComesBack) {
  auto file = durable_file("file", Bytes(4 * kBlock, std::byte{'o'}));
  disk_.set_free_bytes(0);
  file->truncate(3 * kBlock - 1);
  EXPECT_EQ(disk_.free_bytes(), kBlock);
  file->punch_hole({.offset = 0, .bytes = kBlock});
  EXPECT_EQ(disk_.free_bytes(), 2 * kBlock);
  volume_->remove("file");
  EXPECT_EQ(disk_.free_bytes(), 2 * kBlock);
  file.reset();
  EXPECT_EQ(disk_.free_bytes(), 4 * kBlock);
}

TEST_F(FaultyDiskTest, LocksEndWithTheirHolderOrTheRestart) {
  pid_t holder = 0;
  auto lock = volume_->try_lock("lock", holder);
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(disk_.volume()->try_lock("lock", holder), nullptr);
  EXPECT_EQ(holder, ::getpid());
  lock.reset();
  lock = volume_->try_lock("lock", holder);
  ASSERT_NE(lock, nullptr);
  restart(Survival::everything());
  const auto next = volume_->try_lock("lock", holder);
  ASSERT_NE(next, nullptr);
  lock.reset();  // of before the restart: not the one that is held now
  EXPECT_EQ(disk_.volume()->try_lock("lock", holder), nullptr);
}

TEST_F(FaultyDiskTest, ManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 200;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const auto file = volume_->create("file" + std::to_string(i), 0600);
      for (std::size_t n = 0; n < kWrites; ++n) file->write_at(n, bytes_of("x"));
      file->sync(SyncKind::kData);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(disk_.list().size(), static_cast<std::size_t>(kThreads));
  EXPECT_EQ(disk_.counted_calls(), static_cast<std::uint64_t>(kThreads * (kWrites + 2)));
  EXPECT_EQ(disk_.content("file0"), Bytes(kWrites, std::byte{'x'}));
}

}  // namespace
}  // namespace zstdfs::test
