// What a write log says after a crash: once it was more than the file had, once less.
#include <gtest/gtest.h>

#include <cerrno>
#include <system_error>

#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kFileBytes = 200'000;

class RestoredLog : public testing::TestWithParam<bool> {
 protected:
  RestoredLog() {
    file_->write(0, text_bytes(kFileBytes, 1));
    file_->sync(os::SyncKind::kDataAndTimes);
    disk_.sync_names();
  }

  void crash() {
    file_.reset();
    disk_.crash(GetParam() ? Survival::everything() : Survival::nothing_unsynced());
    file_ = disk_.open_file("file");
  }

  StoreOnDisk disk_;
  std::shared_ptr<store::StoredFile> file_ = disk_.open_file("file");
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

INSTANTIATE_TEST_SUITE_P(Survives, RestoredLog, testing::Bool(),
                         [](const auto& test) { return test.param ? "All" : "WhatWasSynced"; });

}  // namespace
}  // namespace zstdfs::test
