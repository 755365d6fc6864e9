#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/patterns.hpp"
#include "tests/unit/store_fixture.hpp"

// Reads while a file's changes are merged into its frames.

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kFileBytes = 40 * kMinChunkBytes;

class Merging : public testing::Test {
 protected:
  Merging() : file_(store_.open_file("f")) {
    file_->write(0, content_);
    file_->sync(os::SyncKind::kData);
  }

  void overwrite(std::uint64_t seed) {
    const Bytes bytes = random_bytes(100, seed);
    const std::uint64_t offset = seed * 7919 % (kFileBytes - bytes.size());
    file_->write(offset, bytes);
    file_->flush();
    std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  Bytes content_ = text_bytes(kFileBytes, 1);
  StoreOnDisk store_;
  std::shared_ptr<store::StoredFile> file_;
};

TEST_F(Merging, ReadersNeverNotice) {
  std::atomic<bool> done{false};
  std::atomic<bool> failed{false};
  std::atomic<int> reads{0};
  std::string error;
  std::thread reader([&] {
    try {
      while (!done) {
        EXPECT_EQ(StoreOnDisk::read_all(*file_).size(), kFileBytes);
        ++reads;
      }
    } catch (const std::exception& caught) {
      error = caught.what();
      failed = true;
    }
  });
  for (std::uint64_t seed = 0; (seed < 300 || reads < 10) && !failed; ++seed) {
    overwrite(seed);
    file_->settle();
  }
  done = true;
  reader.join();
  EXPECT_EQ(error, "");
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
}

TEST_F(Merging, ARewriteThatCannotBeginLeavesTheFileReadable) {
  overwrite(1);
  store_.disk.fail_calls(
      {.kind = CallKind::kRead, .path_prefix = ".zstdfs/journal", .error = EIO, .skip = 0});
  EXPECT_THROW(file_->settle(), std::system_error);
  store_.disk.clear_faults();
  EXPECT_TRUE(file_->needs_settling());
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
  file_->settle();
  EXPECT_FALSE(file_->needs_settling());
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
}

TEST_F(Merging, ARewriteThatFindsNoRoomLeavesTheFileReadable) {
  const Bytes more = random_bytes(kFileBytes, 9);  // which the file has to grow for
  file_->write(0, more);
  file_->flush();
  // The first reservation is made before the redo file counts.
  store_.disk.fail_calls(
      {.kind = CallKind::kAllocate, .path_prefix = "f", .error = ENOSPC, .skip = 1});
  EXPECT_THROW(file_->settle(), std::system_error);
  EXPECT_EQ(store_.disk.failed_calls(), 1);
  EXPECT_EQ(StoreOnDisk::read_all(*file_), more);
  file_->settle();
  EXPECT_EQ(StoreOnDisk::read_all(*file_), more);
}

// After a sync that failed, the kernel takes for written what it could not write; and on a disk
// that fails, writing it once more may fail, too. A later success still means that all is there.
TEST_F(Merging, ALogWhoseSyncFailedIsWrittenAgainBeforeTheNext) {
  overwrite(1);
  store_.sync_names();
  const std::string journal = ".zstdfs/journal";
  store_.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = journal, .error = EIO});
  store_.disk.fail_calls({.kind = CallKind::kRead, .path_prefix = journal, .error = EIO});
  EXPECT_THROW(file_->sync(os::SyncKind::kData), std::system_error);
  EXPECT_EQ(store_.disk.failed_calls(), 2);
  file_->sync(os::SyncKind::kData);
  file_.reset();
  store_.crash(Survival::nothing_unsynced());
  EXPECT_EQ(StoreOnDisk::read_all(*store_.open_file("f")), content_);
}

// What the kernel was told to drop, so that it takes new pages for it, was nowhere else: it is not
// lost when these cannot be written.
TEST_F(Merging, WhatASyncLostIsKeptUntilItIsWrittenAgain) {
  for (const std::string path : {"f", ".zstdfs/journal"}) {
    SCOPED_TRACE(path);
    overwrite(1);
    const Bytes more = random_bytes(5 * kMinChunkBytes, 7);
    file_->write(content_.size(), more);
    content_.insert(content_.end(), more.begin(), more.end());
    file_->flush();
    store_.sync_names();
    store_.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = path, .error = EIO});
    store_.disk.fail_calls({.kind = CallKind::kWrite, .path_prefix = path, .error = ENOSPC});
    const std::uint64_t failed_before = store_.disk.failed_calls();
    EXPECT_THROW(file_->sync(os::SyncKind::kData), std::system_error);
    EXPECT_EQ(store_.disk.failed_calls(), failed_before + 2);
    // What comes in between goes over nothing that is kept, nor the other way round.
    file_->write(content_.size(), more);
    content_.insert(content_.end(), more.begin(), more.end());
    overwrite(2);
    file_->sync(os::SyncKind::kData);
    file_.reset();
    store_.crash(Survival::nothing_unsynced());
    file_ = store_.open_file("f");
    EXPECT_TRUE(StoreOnDisk::read_all(*file_) == content_);
  }
}

TEST_F(Merging, WhatASyncLostOutlivesTheLastClose) {
  const Bytes more = random_bytes(5 * kMinChunkBytes, 7);
  file_->write(content_.size(), more);
  content_.insert(content_.end(), more.begin(), more.end());
  file_->flush();
  store_.sync_names();
  store_.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = "f", .error = EIO});
  store_.disk.fail_calls(
      {.kind = CallKind::kWrite, .path_prefix = "f", .error = ENOSPC, .times = 2});
  EXPECT_THROW(file_->sync(os::SyncKind::kData), std::system_error);
  store_.store->close_file(std::exchange(file_, nullptr));
  EXPECT_FALSE(store_.store->settle_now());
  EXPECT_TRUE(store_.store->settle_now());
  file_ = store_.open_file("f");
  file_->sync(os::SyncKind::kData);
  file_.reset();
  store_.crash(Survival::nothing_unsynced());
  EXPECT_TRUE(StoreOnDisk::read_all(*store_.open_file("f")) == content_);
}

TEST_F(Merging, ARewriteWhoseSyncFailedIsWrittenAgainBeforeTheNext) {
  store_.sync_names();
  std::uint64_t both = 0;
  for (std::uint64_t reads = 0; reads < 40; ++reads) {
    SCOPED_TRACE(reads);
    overwrite(reads);
    file_->sync(os::SyncKind::kData);
    const std::uint64_t failed_before = store_.disk.failed_calls();
    store_.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = "f", .error = EIO});
    store_.disk.fail_calls(
        {.kind = CallKind::kRead, .path_prefix = ".zstdfs/journal", .error = EIO, .skip = reads});
    EXPECT_THROW(file_->settle(), std::system_error);
    if (store_.disk.failed_calls() == failed_before + 2) ++both;
    store_.disk.clear_faults();
    file_->settle();
    file_.reset();
    store_.crash(Survival::nothing_unsynced());
    file_ = store_.open_file("f");
    EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
  }
  EXPECT_GT(both, 0);  // The redo file could not be read for writing once more.
}

// A file large enough that moving what follows a change costs more than compressing harder.
class MergingOfALargeFile : public testing::Test {
 protected:
  static constexpr std::uint64_t kChunks = 800;
  static constexpr std::uint64_t kBytes = kChunks * kMinChunkBytes;

  MergingOfALargeFile() : file_(store_.open_file("f")) {
    file_->write(0, content_);
    file_->sync(os::SyncKind::kData);
    store_.store->close_file(file_);
    file_.reset();  // it must not outlive its store
    EXPECT_TRUE(store_.reopen());
    file_ = store_.open_file("f");
  }

  /// The middle of `chunks` chunks, which lie evenly over the file, is changed.
  void change(std::uint64_t chunks, std::uint64_t seed) {
    for (std::uint64_t i = 0; i < chunks; ++i) {
      const Bytes bytes = text_bytes(kMinChunkBytes / 2, seed + i);
      const std::uint64_t offset = kBytes / chunks * i + kMinChunkBytes / 4;
      file_->write(offset, bytes);
      std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    file_->flush();
  }

  /// How many bytes of the backing file differ between two moments.
  static std::size_t differences(const Bytes& before, const Bytes& after) {
    std::size_t count = before.size() < after.size() ? after.size() - before.size() : 0;
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
      if (before[i] != after[i]) ++count;
    }
    return count;
  }

  Bytes stored() {
    const auto backing = store_.disk.volume()->open("f", os::OpenMode::kRead);
    Bytes bytes(static_cast<std::size_t>(backing->size()));
    backing->read_at(0, bytes);
    return bytes;
  }

  Bytes content_ = text_bytes(kBytes, 1);
  StoreOnDisk store_;
  std::shared_ptr<store::StoredFile> file_;
};

TEST_F(MergingOfALargeFile, ASmallChangeMovesNothing) {
  std::size_t in_place = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    change(1, seed * 100);
    EXPECT_EQ(file_->settling_cost(), 0);
    const Bytes before = stored();
    file_->settle();
    EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
    // The chunk, its padding, the seek table's entries for it, the header.
    if (differences(before, stored()) <= 2 * kMinChunkBytes) ++in_place;
  }
  EXPECT_GE(in_place, 19);  // a frame that does not fit at any level moves what follows
}

TEST_F(MergingOfALargeFile, WhatMovesMuchCanWait) {
  change(100, 7);
  EXPECT_GT(file_->settling_cost(), stored().size() / 2);
  file_->settle();
  EXPECT_EQ(file_->settling_cost(), 0);
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
}

// Each holds too little to be stored early, but there are many.
TEST(ManyOpenFiles, HoldNoMoreTogetherThanTheyMay) {
  store::StoreOptions options = StoreOnDisk::small_chunks();
  options.overlay_bytes = 1u << 20;
  StoreOnDisk store(options);
  constexpr std::size_t kFiles = 60;
  std::vector<std::shared_ptr<store::StoredFile>> files;
  for (std::size_t i = 0; i < kFiles; ++i) {
    files.push_back(store.open_file("f" + std::to_string(i)));
    files.back()->write(0, text_bytes(kFileBytes, i));
    files.back()->flush();
  }
  for (std::size_t i = 0; i < kFiles; ++i) files[i]->write(1000, random_bytes(100'000, i));
  std::uint64_t held = 0;
  for (const auto& file : files) held += file->held_bytes();
  EXPECT_LE(held, 2 * options.overlay_bytes + 200'000);
  for (std::size_t i = 0; i < kFiles; ++i) {
    const Bytes wanted = overwritten(text_bytes(kFileBytes, i), 1000, random_bytes(100'000, i));
    EXPECT_EQ(StoreOnDisk::read_all(*files[i]), wanted);
    store.store->close_file(files[i]);
  }
}

}  // namespace
}  // namespace zstdfs::test
