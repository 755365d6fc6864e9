#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <system_error>

#include "fs/store/journal.hpp"
#include "fs/store/write_log.hpp"
#include "tests/crash/faulty_content.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"

// The room that a write log gets ahead, and what its readers make of it. What batches hold is in
// store_journal_test.cpp.

namespace zstdfs::test {
namespace {

using store::LogRest;
using store::LogSizes;
using store::Overlay;
using store::PowerLoss;
using store::WriteLog;

const std::string kName = "1.log";
const std::string kPath = ".zstdfs/journal/" + kName;
constexpr std::size_t kMaxRoom = 1u << 20;

/// A log that is synced again and again, on a disk that loses power, runs full and fails.
class WriteLogRoomTest : public testing::Test {
 protected:
  WriteLogRoomTest() {
    volume_->make_directory(".zstdfs", 0700);
    volume_->make_directory(".zstdfs/journal", 0700);
    volume_->sync_filesystem();
    begin_log();
  }

  void begin_log() {
    journal_ = std::make_unique<store::Journal>(*volume_);
    log_ = std::make_unique<WriteLog>(*journal_, store::JournalTarget{"id", "hint"}, 5);
    appended_ = 0;
  }

  void append(std::size_t bytes = 4096) {
    Overlay overlay;
    overlay.write(0, random_bytes(bytes, ++appended_));
    log_->append({0, bytes, 0}, overlay);
  }
  void append_and_sync(int times) {
    for (int i = 0; i < times; ++i) {
      append();
      log_->sync();
    }
  }
  void begin_with_room() {
    append_and_sync(3);
    ASSERT_GT(room(), 0u);
  }

  void lose_power(Survival survival) {
    log_.reset();
    disk_.restart(survival);
    volume_ = disk_.volume();
  }

  std::size_t file_bytes() { return static_cast<std::size_t>(volume_->stat(kPath).st_size); }
  std::size_t room() { return file_bytes() - static_cast<std::size_t>(log_->bytes()); }
  Bytes stored() const { return *disk_.content(kPath); }

  struct Found {
    store::WriteLogContent content;
    LogRest rest;
  };
  Found read(const Bytes& stored, PowerLoss power_loss = PowerLoss::kNone) {
    disk_.put("copy", stored);
    const auto file = volume_->open("copy", os::OpenMode::kRead);
    const auto content =
        store::read_write_log(*file, [](const LogSizes&, Overlay::Pieces&&) { return true; });
    return {*content, store::rest_of_log(*file, *content, power_loss)};
  }

  FaultyDisk disk_;
  std::unique_ptr<os::Volume> volume_ = disk_.volume();
  std::unique_ptr<store::Journal> journal_;
  std::unique_ptr<WriteLog> log_;
  std::uint64_t appended_ = 0;
};

TEST_F(WriteLogRoomTest, MostSyncsLeaveTheSizeAsItIs) {
  std::set<std::size_t> sizes;
  for (int i = 0; i < 2'000; ++i) {
    append_and_sync(1);
    sizes.insert(file_bytes());
    EXPECT_LT(room(), kMaxRoom + kDiskBlockBytes);
  }
  EXPECT_LE(sizes.size(), 16u);
  const Found found = read(stored());
  EXPECT_EQ(found.content.batches, appended_);
  EXPECT_EQ(found.rest, LogRest::kNothing);
}

TEST_F(WriteLogRoomTest, NoRoomIsMadeForALogThatIsSyncedOnce) {
  append();
  append();
  log_->sync();
  append();
  EXPECT_EQ(room(), 0u);
}

TEST_F(WriteLogRoomTest, WhatWasSyncedSurvivesAndOfTheRestNothingButWholeBatches) {
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    for (const Survival survival : {Survival::random(seed), Survival::random_unordered(seed)}) {
      SCOPED_TRACE(survival.describe());
      append_and_sync(1 + static_cast<int>(seed % 40));
      append(1 + seed * 131 % 9'000);
      lose_power(survival);
      const Found found = read(stored(), PowerLoss::kPossible);
      EXPECT_GE(found.content.batches, appended_ - 1);
      EXPECT_NE(found.rest, LogRest::kOther);
      volume_->remove(kPath);
      begin_log();
    }
  }
}

TEST_F(WriteLogRoomTest, WhatIsSyncedWithinTheRoomIsDurable) {
  append_and_sync(2);
  const std::size_t bytes = file_bytes();
  for (int i = 0; i < 14; ++i) {
    append_and_sync(1);
    ASSERT_EQ(file_bytes(), bytes);
  }
  lose_power(Survival::nothing_unsynced());
  EXPECT_EQ(read(stored()).content.batches, appended_);
}

TEST_F(WriteLogRoomTest, AFullDiskFailsNoSync) {
  append();
  log_->sync();
  append();
  disk_.set_free_bytes(0);
  log_->sync();
  EXPECT_EQ(room(), 0u);
  disk_.set_free_bytes(1u << 20);  // too little to take of it for what may come
  append();
  log_->sync();
  EXPECT_EQ(room(), 0u);
}

TEST_F(WriteLogRoomTest, AUsedUpQuotaFailsNoSyncAndNothingIsKeptOfTheRoom) {
  append();
  log_->sync();
  append();
  const std::uint64_t used = disk_.used_bytes();
  disk_.fail_calls({.kind = CallKind::kWrite, .path_prefix = ".zstdfs", .error = EDQUOT});
  log_->sync();
  EXPECT_EQ(disk_.failed_calls(), 1u);
  EXPECT_EQ(room(), 0u);
  EXPECT_EQ(disk_.used_bytes(), used);
  append_and_sync(2);
  EXPECT_EQ(room(), 0u);
  lose_power(Survival::nothing_unsynced());
  EXPECT_EQ(read(stored()).content.batches, appended_);
}

TEST_F(WriteLogRoomTest, HalfOfTheRoomThatCannotBeGivenBackDoesNoHarm) {
  append();
  log_->sync();
  append();
  disk_.fail_calls({.kind = CallKind::kWrite, .path_prefix = ".zstdfs", .error = ENOSPC});
  disk_.fail_calls({.kind = CallKind::kTruncate, .path_prefix = ".zstdfs", .error = EIO});
  log_->sync();
  EXPECT_EQ(disk_.failed_calls(), 2u);
  EXPECT_EQ(read(stored()).content.batches, appended_);
  append_and_sync(1);
  lose_power(Survival::nothing_unsynced());
  EXPECT_EQ(read(stored()).content.batches, appended_);
}

// As where space is only asked for when it is written to the disk.
TEST_F(WriteLogRoomTest, ASyncThatFailsForTheRoomSucceedsWithoutIt) {
  append();
  log_->sync();
  append();
  disk_.fail_calls({.kind = CallKind::kSync, .path_prefix = ".zstdfs", .error = ENOSPC});
  log_->sync();
  EXPECT_EQ(disk_.failed_calls(), 1u);
  EXPECT_EQ(room(), 0u);
  lose_power(Survival::nothing_unsynced());
  EXPECT_EQ(read(stored()).content.batches, appended_);
}

TEST_F(WriteLogRoomTest, AfterASyncThatFailsWithinTheRoomTheNextIsTrue) {
  begin_with_room();
  append();
  disk_.fail_calls({.kind = CallKind::kSync, .path_prefix = ".zstdfs", .error = EIO});
  EXPECT_THROW(log_->sync(), std::system_error);
  append_and_sync(3);
  lose_power(Survival::nothing_unsynced());
  EXPECT_EQ(read(stored()).content.batches, appended_);
}

TEST_F(WriteLogRoomTest, AnAppendThatFailsWithinTheRoomLeavesNoTrace) {
  begin_with_room();
  disk_.fail_calls({.kind = CallKind::kWrite, .path_prefix = ".zstdfs", .error = EIO});
  EXPECT_THROW(append(9'000), std::system_error);
  --appended_;
  EXPECT_EQ(read(stored()).rest, LogRest::kTorn);
  append(10);
  EXPECT_EQ(room(), 0u);
  log_->sync();
  EXPECT_GT(room(), 0u);
  EXPECT_EQ(read(stored()).content.batches, appended_);
  EXPECT_EQ(read(stored()).rest, LogRest::kNothing);
}

TEST_F(WriteLogRoomTest, ALogWithoutRoomGoesOnAsOneWithIt) {
  for (const bool with_room : {false, true}) {
    append_and_sync(with_room ? 3 : 1);
    const auto before = read(stored());
    log_ = std::make_unique<WriteLog>(*journal_, kName, before.content.head.nonce,
                                      before.content.end_offset, before.content.batches);
    append_and_sync(3);
    EXPECT_GT(room(), 0u);
    lose_power(Survival::nothing_unsynced());
    EXPECT_EQ(read(stored()).content.batches, appended_);
    volume_->remove(kPath);
    begin_log();
  }
}

/// A log with room whose last batch, of several sectors, was not synced.
class WriteLogRestTest : public WriteLogRoomTest {
 protected:
  WriteLogRestTest() {
    append_and_sync(3);
    begin_ = static_cast<std::size_t>(log_->bytes());
    before_ = stored();
    append(1'900);
    end_ = static_cast<std::size_t>(log_->bytes());
    whole_ = stored();
    EXPECT_EQ(before_.size(), whole_.size());
  }

  std::size_t begin_ = 0;  // of the last batch
  std::size_t end_ = 0;
  Bytes before_;
  Bytes whole_;
};

TEST_F(WriteLogRestTest, ZerosAreNothing) {
  for (const PowerLoss power_loss : {PowerLoss::kNone, PowerLoss::kPossible}) {
    EXPECT_EQ(read(before_, power_loss).rest, LogRest::kNothing);
    EXPECT_EQ(read(whole_, power_loss).rest, LogRest::kNothing);
  }
}

// As a daemon leaves it that is killed while it writes.
TEST_F(WriteLogRestTest, ABatchThatBreaksOffIsTorn) {
  for (std::size_t bytes = 1; begin_ + bytes <= end_ - sizeof(std::uint64_t); ++bytes) {
    const std::size_t written = begin_ + bytes;
    const Bytes torn = overwritten(before_, begin_, ByteSpan(whole_).subspan(begin_, bytes));
    const Found found = read(torn);
    EXPECT_EQ(found.content.batches, 3u);
    EXPECT_EQ(found.rest, LogRest::kTorn) << bytes;
    // In a log without room the file ends there.
    EXPECT_EQ(read(Bytes(torn.begin(), torn.begin() + std::ptrdiff_t(written))).rest,
              LogRest::kTorn)
        << bytes;
  }
}

TEST_F(WriteLogRestTest, ABatchThatLacksSectorsIsTornIfThePowerWent) {
  const std::size_t first = begin_ / kSectorBytes;
  const std::size_t sectors = (end_ - 1) / kSectorBytes - first + 1;
  for (std::size_t there = 1; there + 1 < std::size_t{1} << sectors; ++there) {
    Bytes torn = before_;
    for (std::size_t i = 0; i < sectors; ++i) {
      const std::size_t at = (first + i) * kSectorBytes;
      if ((there >> i & 1) != 0)
        torn = overwritten(torn, at, ByteSpan(whole_).subspan(at, kSectorBytes));
    }
    const Found found = read(torn, PowerLoss::kPossible);
    EXPECT_EQ(found.content.batches, 3u);
    EXPECT_EQ(found.rest, LogRest::kTorn) << there;
    // Nothing but that takes the beginning and leaves the end.
    if ((there & 1) == 0) {
      EXPECT_EQ(read(torn).rest, LogRest::kOther) << there;
    }
  }
}

TEST_F(WriteLogRestTest, ADamagedBatchIsNotTakenForATornOne) {
  for (std::size_t at = begin_; at < end_; ++at) {
    // A changed length is as if more was to come.
    if (at >= begin_ + 8 && at < begin_ + 16) continue;
    Bytes damaged = whole_;
    damaged[at] ^= std::byte{0x41};
    for (const PowerLoss power_loss : {PowerLoss::kNone, PowerLoss::kPossible}) {
      const Found found = read(damaged, power_loss);
      EXPECT_EQ(found.content.batches, 3u);
      EXPECT_EQ(found.rest, LogRest::kOther) << at;
    }
  }
}

TEST_F(WriteLogRestTest, ABatchThatOthersFollowIsNotTorn) {
  append();
  Bytes damaged = stored();
  std::fill(damaged.begin() + std::ptrdiff_t(end_ - kSectorBytes),
            damaged.begin() + std::ptrdiff_t(end_), std::byte{0});
  for (const PowerLoss power_loss : {PowerLoss::kNone, PowerLoss::kPossible}) {
    EXPECT_EQ(read(damaged, power_loss).rest, LogRest::kOther);
  }
}

}  // namespace
}  // namespace zstdfs::test
