// Reads of a file while a redo file is applied to it, and after that failed.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <system_error>
#include <vector>

#include "fs/store/log.hpp"
#include "tests/unit/store_fixture.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kChunk = kMinChunkBytes;
constexpr std::uint64_t kFileBytes = 40 * kChunk;
// A reader that takes longer waits for the rewrite.
constexpr std::chrono::seconds kPatience{10};

/// A change that leads to a rewrite of "f", which holds text.
struct Rewrite {
  std::string name;
  std::function<void(store::StoredFile&)> change;
};

void overwrite_some(store::StoredFile& file) {
  // Incompressible: what follows has to move.
  for (std::uint64_t i = 0; i < 5; ++i) file.write((8 * i + 2) * kChunk, random_bytes(kChunk, i));
}

void overwrite_in_place(store::StoredFile& file) {
  for (std::uint64_t i = 0; i < 10; ++i) file.write((4 * i + 1) * kChunk, Bytes(kChunk));
}

void leave_half_a_block(store::StoredFile& file) {
  file.truncate(kChunk / 2);
}

void leave_a_part_and_grow(store::StoredFile& file) {
  file.truncate(10 * kChunk + 17);
  file.write(90 * kChunk, text_bytes(3 * kChunk, 5));
}

/// A raw file that is compressed.
void begin_anew(store::StoredFile& file) {
  file.truncate(0);
  file.write(0, random_bytes(kChunk, 3));
  file.flush();
  file.write(kChunk, text_bytes(kFileBytes, 4));
}

class Rewriting : public testing::TestWithParam<Rewrite> {
 protected:
  Rewriting() : store_(without_cache()), file_(store_.open_file("f")) {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
    file_->write(0, text_bytes(kFileBytes, 1));
    file_->sync(os::SyncKind::kData);
    store_.sync_names();
    GetParam().change(*file_);
    file_->flush();
    content_ = StoreOnDisk::read_all(*file_);
    data_ = data_offsets();
  }

  /// Every read gets to the stored bytes.
  static store::StoreOptions without_cache() {
    store::StoreOptions options = StoreOnDisk::small_chunks();
    options.cache_bytes = 0;
    return options;
  }

  /// Where SEEK_DATA and SEEK_HOLE lead, from the beginning on.
  std::vector<std::uint64_t> data_offsets() {
    std::vector<std::uint64_t> offsets;
    try {
      while (true) {
        offsets.push_back(file_->seek_data(offsets.empty() ? 0 : offsets.back()));
        offsets.push_back(file_->seek_hole(offsets.back()));
      }
    } catch (const std::system_error&) {
      return offsets;
    }
  }

  void expect_readable() {
    EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
    for (const std::uint64_t offset : {kChunk / 3, 2 * kChunk, 7 * kChunk + 1}) {
      Bytes some(1000);
      some.resize(file_->read(offset, some));
      const std::size_t from = std::min<std::size_t>(offset, content_.size());
      EXPECT_TRUE(std::equal(some.begin(), some.end(),
                             content_.begin() + static_cast<std::ptrdiff_t>(from)));
    }
    for (std::size_t i = 0; i + 1 < data_.size(); i += 2) {
      EXPECT_LE(file_->seek_data(data_[i]), data_[i]);
    }
    EXPECT_EQ(file_->logical_bytes(), content_.size());
    EXPECT_EQ(file_->present().st_size, static_cast<off_t>(content_.size()));
  }

  /// The `number`-th write to the file (from 0) fails, and so does what wanted it.
  bool fail_write(std::uint64_t number) {
    store_.disk.fail_calls(
        {.kind = CallKind::kWrite, .path_prefix = "f", .error = ENOSPC, .skip = number});
    try {
      file_->settle();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ENOSPC);
      return true;
    }
    return false;
  }

  StoreOnDisk store_;
  std::shared_ptr<store::StoredFile> file_;
  Bytes content_;
  std::vector<std::uint64_t> data_;
};

TEST_P(Rewriting, ReadersDoNotWaitForIt) {
  std::vector<std::future<void>> readers;  // the last is waited for when nothing holds it up
  int writes = 0;
  bool waits = false;
  store_.disk.before_writes("f", [&] {
    ++writes;
    if (waits) return;
    readers.push_back(std::async(std::launch::async, [this] { expect_readable(); }));
    waits = readers.back().wait_for(kPatience) != std::future_status::ready;
  });
  file_->settle();
  store_.disk.before_writes("f", {});
  EXPECT_FALSE(waits) << "a reader waits for a write to the backing file";
  EXPECT_GT(writes, 0);
  readers.clear();
  EXPECT_FALSE(file_->needs_settling());
  expect_readable();
}

TEST_P(Rewriting, TheFileStaysReadableWhenItCannotBeApplied) {
  std::uint64_t failures = 0;
  while (fail_write(failures)) {
    SCOPED_TRACE("write " + std::to_string(failures));
    ++failures;
    expect_readable();
    EXPECT_TRUE(file_->needs_settling());
    store_.disk.clear_faults();
  }
  store_.disk.clear_faults();
  EXPECT_GT(failures, 0);
  EXPECT_FALSE(file_->needs_settling());
  expect_readable();
}

// Until there is room, what was stored stays, also when the daemon ends.
TEST_P(Rewriting, TheNextMountAppliesWhatCouldNotBeApplied) {
  ASSERT_TRUE(fail_write(0));
  const Bytes more = random_bytes(100, 8);
  store_.disk.fail_calls(
      {.kind = CallKind::kWrite, .path_prefix = "f", .error = ENOSPC, .times = 1000});
  EXPECT_THROW(file_->write(0, more), std::system_error);
  EXPECT_THROW(file_->sync(os::SyncKind::kData), std::system_error);
  expect_readable();
  file_.reset();
  store_.crash(Survival::nothing_unsynced());
  file_ = store_.open_file("f");
  expect_readable();
}

// The disk takes nothing while a mount applies it, and the next mount finds the pages that failed.
TEST_P(Rewriting, AMountAfterOneWhoseDiskFailedAppliesItForGood) {
  ASSERT_TRUE(fail_write(0));
  file_.reset();
  store_.end(Survival::everything());
  store_.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = "f", .error = EIO});
  EXPECT_THROW(store_.open(), std::system_error);
  EXPECT_EQ(store_.disk.failed_calls(), 2);
  store_.disk.restart(Survival::everything());
  store_.open();
  store_.crash(Survival::nothing_unsynced());
  file_ = store_.open_file("f");
  expect_readable();
}

// What a raw file's failed sync leaves on the way is no ground for frames.
/// A raw file, to which `more` was added before a sync that failed.
std::shared_ptr<store::StoredFile> raw_file_that_lost_a_sync(StoreOnDisk& store, ByteSpan more) {
  auto file = store.open_file("f");
  file->write(0, random_bytes(kChunk, 3));
  file->flush();
  store.sync_names();
  file->write(kChunk, more);
  store.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = "f", .error = EIO});
  EXPECT_THROW(file->sync(os::SyncKind::kData), std::system_error);
  return file;
}

void expect_synced_and_kept(StoreOnDisk& store, std::shared_ptr<store::StoredFile> file) {
  const Bytes content = StoreOnDisk::read_all(*file);
  file->settle();
  ASSERT_TRUE(file->facts().is_container);
  file->sync(os::SyncKind::kData);
  file.reset();
  store.crash(Survival::nothing_unsynced());
  EXPECT_TRUE(StoreOnDisk::read_all(*store.open_file("f")) == content);
}

TEST(CompressingARawFile, AfterASyncOfItFailed) {
  StoreOnDisk store;
  auto file = raw_file_that_lost_a_sync(store, text_bytes(kFileBytes, 4));
  expect_synced_and_kept(store, std::move(file));
}

// As above, and between the two nobody has the file open.
TEST(CompressingARawFile, AfterASyncOfItFailedAndItWasClosed) {
  StoreOnDisk store;
  auto file = raw_file_that_lost_a_sync(store, random_bytes(kFileBytes, 4));
  store.store->close_file(std::exchange(file, nullptr));
  ASSERT_TRUE(store.store->settle_now());

  file = store.open_file("f");
  ASSERT_FALSE(file->facts().is_container);
  file->write(0, text_bytes(kFileBytes, 5));
  expect_synced_and_kept(store, std::move(file));
}

// What has never been written need not be written again.
TEST(CompressingARawFile, WithLargeHolesAfterASyncOfItFailed) {
  StoreOnDisk store;
  auto file = store.open_file("f");
  file->write(0, random_bytes(kChunk, 3));
  file->truncate(8u << 20);
  file->flush();
  store.sync_names();
  file->write(kChunk, text_bytes(2u << 20, 4));
  store.disk.fail_calls({.kind = CallKind::kSync, .path_prefix = "f", .error = EIO});
  EXPECT_THROW(file->sync(os::SyncKind::kData), std::system_error);
  store.disk.set_free_bytes(4u << 20);
  file->settle();
  EXPECT_TRUE(file->facts().is_container);
  file.reset();
  EXPECT_TRUE(store.reopen());
}

INSTANTIATE_TEST_SUITE_P(Changes, Rewriting,
                         testing::Values(Rewrite{"Overwriting", overwrite_some},
                                         Rewrite{"OverwritingInPlace", overwrite_in_place},
                                         Rewrite{"Shrinking", leave_half_a_block},
                                         Rewrite{"ShrinkingAndGrowing", leave_a_part_and_grow},
                                         Rewrite{"Compressing", begin_anew}),
                         [](const testing::TestParamInfo<Rewrite>& rewrite) {
                           return rewrite.param.name;
                         });

}  // namespace
}  // namespace zstdfs::test
