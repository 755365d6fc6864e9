// What a write log says after a crash: once it was more than the file had, once less.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "fs/store/repair.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kFileBytes = 200'000;

/// A file of text that is on the disk, with its name.
std::shared_ptr<store::StoredFile> make_file(StoreOnDisk& disk) {
  auto file = disk.open_file("file");
  file->write(0, text_bytes(kFileBytes, 1));
  file->sync(os::SyncKind::kDataAndTimes);
  disk.sync_names();
  return file;
}

class RestoredLog : public testing::TestWithParam<bool> {
 protected:
  void crash() {
    file_.reset();
    disk_.crash(GetParam() ? Survival::everything() : Survival::nothing_unsynced());
    file_ = disk_.open_file("file");
  }

  StoreOnDisk disk_;
  std::shared_ptr<store::StoredFile> file_ = make_file(disk_);
};

TEST_P(RestoredLog, WhatWasTruncatedToTheFramesAgainStaysSo) {
  file_->write(kFileBytes, random_bytes(100, 2));
  file_->sync(os::SyncKind::kData);
  file_->truncate(kFileBytes);
  file_->sync(os::SyncKind::kData);
  crash();
  EXPECT_EQ(file_->logical_bytes(), kFileBytes);
}

TEST_P(RestoredLog, WhatHadGrownByZerosAndWasTruncatedToTheFramesAgainStaysSo) {
  file_->truncate(kFileBytes + (1u << 20));
  file_->sync(os::SyncKind::kData);
  file_->truncate(kFileBytes);
  file_->sync(os::SyncKind::kData);
  crash();
  EXPECT_EQ(file_->logical_bytes(), kFileBytes);
}

// Frames behind those that the log builds on hold what was never promised.
TEST_P(RestoredLog, FramesThatItDoesNotKnowStayHiddenByLaterBatches) {
  const Bytes promised = random_bytes(100, 2);
  file_->write(kFileBytes, promised);
  file_->sync(os::SyncKind::kData);
  file_->write(kFileBytes, random_bytes(30'000, 3));
  disk_.disk.fail_calls({.kind = CallKind::kWrite, .path_prefix = ".zstdfs/journal", .error = EIO});
  EXPECT_THROW(file_->flush(), std::system_error);
  disk_.disk.clear_faults();
  crash();
  const Bytes seen = overwritten(text_bytes(kFileBytes, 1), kFileBytes, promised);
  ASSERT_TRUE(StoreOnDisk::read_all(*file_) == seen);

  file_->write(0, random_bytes(10, 4));
  file_->sync(os::SyncKind::kData);
  crash();
  EXPECT_TRUE(StoreOnDisk::read_all(*file_) == overwritten(seen, 0, random_bytes(10, 4)));
}

/// A power loss: the log is on the disk, the frames that its last batches build on are not.
class RefusedLog : public testing::Test {
 protected:
  void lose_frames() {
    const Bytes stored = *disk_.disk.content("file");
    file_->write(kFileBytes, more_);
    file_->flush();
    file_->write(10, bytes_of("lost"));
    file_->flush();
    file_.reset();
    disk_.end(Survival::everything());
    {
      const auto backing = disk_.disk.volume()->open("file", os::OpenMode::kReadWrite);
      backing->write_at(0, stored);
      backing->truncate(stored.size());
    }
    disk_.open();
    file_ = disk_.open_file("file");
  }

  StoreOnDisk disk_;
  std::shared_ptr<store::StoredFile> file_ = make_file(disk_);
  const Bytes more_ = random_bytes(40'960, 2);
};

// Others take their place, and are synced: it must not be taken up then.
TEST_F(RefusedLog, FitsNothingThatComesLater) {
  lose_frames();
  ASSERT_TRUE(StoreOnDisk::read_all(*file_) == text_bytes(kFileBytes, 1));
  file_->write(kFileBytes, more_);
  file_->write(kFileBytes + more_.size(), more_);
  file_->sync(os::SyncKind::kDataAndTimes);
  const Bytes content = StoreOnDisk::read_all(*file_);
  file_.reset();
  disk_.crash(Survival::everything());
  EXPECT_TRUE(StoreOnDisk::read_all(*disk_.open_file("file")) == content);
}

// As above, behind a batch that is taken up. Until the next one is written, the log is not to hold
// what was refused: then others have taken the place of the frames that were gone.
TEST_F(RefusedLog, LeavesNothingBehindBatchesThatAreTakenUp) {
  file_->write(10, bytes_of("kept"));
  file_->sync(os::SyncKind::kData);
  lose_frames();
  const Bytes kept = overwritten(text_bytes(kFileBytes, 1), 10, bytes_of("kept"));
  ASSERT_TRUE(StoreOnDisk::read_all(*file_) == kept);
  file_->write(kFileBytes, more_);
  const std::string journal = ".zstdfs/journal";
  for (const CallKind kind : {CallKind::kTruncate, CallKind::kWrite}) {
    disk_.disk.fail_calls({.kind = kind, .path_prefix = journal, .error = EIO});
  }
  EXPECT_THROW(file_->flush(), std::system_error);
  file_.reset();
  disk_.crash(Survival::everything());
  file_ = disk_.open_file("file");
  Bytes beginning(kFileBytes);
  EXPECT_EQ(file_->read(0, beginning), beginning.size());
  EXPECT_TRUE(beginning == kept);
}

// The header vouches for frames that the log's last batch on the disk does not build on. Others
// come in their place, and nobody gets to write another header.
TEST(RestoredLogOnDurableFrames, TheHeaderVouchesForNoneThatAreDropped) {
  StoreOnDisk disk;
  auto file = make_file(disk);
  file->write(10, bytes_of("x"));
  file->flush();
  const std::string log = ".zstdfs/journal/1.log";
  const std::uint64_t first_batch = disk.disk.content(log)->size();
  const Bytes promised = StoreOnDisk::read_all(*file);
  file->write(kFileBytes, random_bytes(40'960, 2));
  file->sync(os::SyncKind::kDataAndTimes);
  file->write(kFileBytes + 40'960, random_bytes(40'960, 3));
  file->flush();  // with a header that vouches for the first of them
  file.reset();
  disk.end(Survival::everything());
  disk.disk.volume()->open(log, os::OpenMode::kReadWrite)->truncate(first_batch);
  disk.open();
  file = disk.open_file("file");
  ASSERT_TRUE(StoreOnDisk::read_all(*file) == promised);

  file->write(kFileBytes, random_bytes(8'192, 4));
  disk.disk.fail_calls({.kind = CallKind::kWrite,
                        .path_prefix = "file",
                        .error = EIO,
                        .skip = 2,
                        .times = 1'000'000});
  EXPECT_THROW(file->flush(), std::system_error);
  file.reset();
  disk.disk.clear_faults();
  disk.crash(Survival::everything());
  file = disk.open_file("file");
  Bytes beginning(promised.size());
  EXPECT_EQ(file->read(0, beginning), beginning.size());
  EXPECT_TRUE(beginning == promised);
}

// A repair makes one hole of several frames, and the log goes on in the middle of that.
TEST(RestoredLogOnARepairedFile, IsTakenUp) {
  StoreOnDisk disk;
  auto file = make_file(disk);
  file->write(10, bytes_of("first"));
  file->flush();
  file->write(kFileBytes, random_bytes(40'960, 2));
  file->flush();
  file->write(20, bytes_of("second"));
  file->sync(os::SyncKind::kDataAndTimes);
  const Bytes promised = StoreOnDisk::read_all(*file);
  file.reset();
  disk.end(Survival::everything());
  const std::uint64_t left = disk.disk.content("file")->size() / 8;
  disk.disk.volume()->open("file", os::OpenMode::kReadWrite)->truncate(left);
  {
    const auto volume = disk.disk.volume();
    const auto told = [](const store::RepairAction&) {};
    store::StoreRepair(*volume, store::StoreRepair::Mode::kRepair, told).repair_file("file");
  }
  for (int mounts = 0; mounts < 2; ++mounts) {
    disk.open();
    file = disk.open_file("file");
    Bytes beginning(30);
    EXPECT_EQ(file->read(0, beginning), beginning.size());
    EXPECT_TRUE(std::equal(beginning.begin(), beginning.end(), promised.begin())) << mounts;
    EXPECT_EQ(file->logical_bytes(), promised.size());
    file->write(30, bytes_of("third"));
    file->sync(os::SyncKind::kData);
    file.reset();
    disk.end(Survival::nothing_unsynced());
  }
}

// All of its frames stay where they are, and there is no seek table.
TEST(Merge, OfAFileThatSavesBytesAndHasOneFrame) {
  store::StoreOptions options;
  options.settings.saving = store::Settings::Saving::kBytes;
  StoreOnDisk disk(options);
  auto file = disk.open_file("file");
  file->write(0, text_bytes(20'000, 1));
  file->flush();
  file.reset();
  ASSERT_TRUE(disk.reopen());
  file = disk.open_file("file");
  file->write(20'000, text_bytes(100, 2));
  file->flush();
  file->truncate(20'000);
  file->flush();
  file->settle();
  EXPECT_TRUE(StoreOnDisk::read_all(*file) == text_bytes(20'000, 1));
  file.reset();
  EXPECT_TRUE(disk.reopen());
  EXPECT_TRUE(StoreOnDisk::read_all(*disk.open_file("file")) == text_bytes(20'000, 1));
}

// Inode numbers and birth times are others there.
TEST(CopiedStore, KeepsWhatItsLogsHold) {
  StoreOnDisk disk;
  auto file = disk.open_file("file");
  file->write(0, text_bytes(kFileBytes, 1));
  file->flush();
  file->write(1000, random_bytes(100, 2));
  file->flush();
  const Bytes content = StoreOnDisk::read_all(*file);
  file.reset();
  disk.end(Survival::everything());
  {
    const auto volume = disk.disk.volume();
    const Bytes stored = *disk.disk.content("file");
    volume->remove("file");
    volume->create("file", 0644)->write_at(0, stored);
  }
  disk.open();
  EXPECT_TRUE(StoreOnDisk::read_all(*disk.open_file("file")) == content);
}

INSTANTIATE_TEST_SUITE_P(Survives, RestoredLog, testing::Bool(),
                         [](const auto& test) { return test.param ? "All" : "WhatWasSynced"; });

}  // namespace
}  // namespace zstdfs::test
