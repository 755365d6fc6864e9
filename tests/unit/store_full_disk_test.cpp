// What files look like after a change for which there was no room.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>

#include "fs/store/log.hpp"
#include "tests/unit/store_fixture.hpp"
#include "zstdfs/container.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kBlockBytes = 4096;

class FullDisk : public testing::Test {
 protected:
  /// A file of two blocks that is stored verbatim, and room for two more.
  std::shared_ptr<store::StoredFile> raw_file() {
    auto file = store.open_file("f");
    file->write(0, content);
    file->flush();
    EXPECT_EQ(store.disk.content("f"), content);
    store.disk.set_free_bytes(2 * kBlockBytes);
    return file;
  }

  static int error_of(const std::function<void()>& change) {
    try {
      change();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }

  /// `file` is given up, as it must not outlive its store.
  Bytes content_after_kill(std::shared_ptr<store::StoredFile> file) {
    file.reset();
    store.crash(Survival::everything());
    file = store.open_file("f");
    Bytes found = StoreOnDisk::read_all(*file);
    store.store->close_file(file);
    return found;
  }

  const Bytes content = random_bytes(2 * kBlockBytes, 1);
  StoreOnDisk store;
};

// The lower filesystem takes what it has room for, and then says that there is none.
TEST_F(FullDisk, AWriteThatWasRefusedLeavesARawFileAsLongAsItWas) {
  auto file = raw_file();
  const Bytes more = random_bytes(5 * kBlockBytes, 2);
  EXPECT_EQ(error_of([&] { file->write(content.size(), more); }), ENOSPC);
  EXPECT_EQ(file->logical_bytes(), content.size());
  file->flush();
  EXPECT_EQ(content_after_kill(std::move(file)), content);
}

TEST_F(FullDisk, WhatWasRefusedDoesNotShowThroughWhenARawFileGrows) {
  auto file = raw_file();
  const Bytes more = random_bytes(5 * kBlockBytes, 2);
  EXPECT_EQ(error_of([&] { file->write(content.size(), more); }), ENOSPC);
  store.disk.set_unlimited();
  file->truncate(6 * kBlockBytes);
  Bytes wanted = content;
  wanted.resize(6 * kBlockBytes);
  EXPECT_EQ(StoreOnDisk::read_all(*file), wanted);
  store.store->close_file(file);
}

// A container's changes wait in memory up to a bound. At the bound they have to be stored; a write
// for which that finds no room is refused, and then it has not been made either.
TEST_F(FullDisk, AWriteThatWasRefusedHasNotBeenMade) {
  store::set_log_sink([](store::LogLevel, const std::string&) {});
  auto file = store.open_file("f");
  file->write(0, text_bytes(8u << 20, 4));
  file->flush();
  store.disk.set_free_bytes(0);
  const Bytes piece = random_bytes(512u << 10, 5);
  Bytes wanted = StoreOnDisk::read_all(*file);
  int error = 0;
  for (std::uint64_t i = 0; error == 0 && i < 100; ++i) {
    const std::uint64_t offset = i % 2 == 0 ? wanted.size() : i * 1000;
    error = error_of([&] { file->write(offset, piece); });
    if (error == 0) wanted = overwritten(std::move(wanted), offset, piece);
  }
  EXPECT_EQ(error, ENOSPC);
  EXPECT_EQ(StoreOnDisk::read_all(*file), wanted);
  EXPECT_EQ(error_of([&] { file->flush(); }), ENOSPC);
  EXPECT_EQ(StoreOnDisk::read_all(*file), wanted);
  store.disk.set_unlimited();
  file->flush();
  EXPECT_EQ(content_after_kill(std::move(file)), wanted);
}

// A long log is merged. Where there is no room for that, there may be some for what was written.
TEST_F(FullDisk, ALogThatCannotBeMergedStillTakesWhatIsSynced) {
  int warnings = 0;
  store::set_log_sink([&](store::LogLevel, const std::string&) { ++warnings; });
  auto file = store.open_file("f");
  file->write(0, text_bytes(4u << 20, 4));
  file->sync(os::SyncKind::kData);
  store.sync_names();
  Bytes wanted = StoreOnDisk::read_all(*file);
  for (const std::uint64_t seed : {5u, 6u}) {
    const Bytes all = random_bytes(4'000'000, seed);
    file->write(0, all);
    file->flush();
    wanted = overwritten(std::move(wanted), 0, all);
  }
  store.disk.set_free_bytes(2u << 20);
  for (const std::uint64_t seed : {7u, 8u}) {
    const Bytes piece = random_bytes(512u << 10, seed);
    file->write(seed * 1000, piece);
    wanted = overwritten(std::move(wanted), seed * 1000, piece);
    EXPECT_EQ(error_of([&] { file->sync(os::SyncKind::kData); }), 0);
    EXPECT_TRUE(file->needs_settling());
  }
  EXPECT_EQ(warnings, 1);
  file.reset();
  store.crash(Survival::nothing_unsynced());
  store.disk.set_unlimited();
  file = store.open_file("f");
  EXPECT_TRUE(StoreOnDisk::read_all(*file) == wanted);
  file->settle();
  EXPECT_FALSE(file->needs_settling());
  EXPECT_TRUE(StoreOnDisk::read_all(*file) == wanted);
  store.store->close_file(file);
  store::set_log_sink([](store::LogLevel, const std::string&) {});
}

// Of a new file that found no room a part may have been stored. It must not come back.
TEST_F(FullDisk, WhatWasTruncatedAwayAfterItFoundNoRoomStaysAway) {
  store.disk.set_free_bytes(8 * kBlockBytes);
  auto file = store.open_file("f");
  file->write(0, compressible_bytes(200'000, 6));
  EXPECT_EQ(error_of([&] { file->flush(); }), ENOSPC);
  file->truncate(0);
  file->flush();
  EXPECT_EQ(content_after_kill(std::move(file)), Bytes());
}

// Its header must not speak of what is not there: fsck would call that damage.
TEST_F(FullDisk, ANewFileThatFoundNoRoomClaimsNoMoreThanThereIs) {
  store.disk.set_free_bytes(8 * kBlockBytes);
  const Bytes wanted = compressible_bytes(400'000, 6);
  auto file = store.open_file("f");
  file->write(0, wanted);
  EXPECT_EQ(error_of([&] { file->flush(); }), ENOSPC);
  const Bytes left = *store.disk.content("f");
  EXPECT_LE(load_container(MemorySource(left)).header.stored_bytes, left.size());
  const Bytes found = content_after_kill(std::move(file));
  ASSERT_LE(found.size(), wanted.size());
  EXPECT_TRUE(std::equal(found.begin(), found.end(), wanted.begin()));
}

// A raw file with holes becomes a container, whose frames go where the holes are. Without room for
// that it stays raw.
TEST_F(FullDisk, ASparseFileStaysReadableWhileThereIsNoRoomToCompressIt) {
  constexpr std::uint64_t kHoleBytes = 64 * kBlockBytes;
  constexpr std::uint64_t kMostRoom = 40;
  const Bytes text = text_bytes(32 * kBlockBytes, 3);
  const Bytes wanted = overwritten({}, kHoleBytes, text);
  store::set_log_sink([](store::LogLevel, const std::string&) {});
  for (std::uint64_t room = 0; room < kMostRoom; ++room) {
    SCOPED_TRACE(room);
    StoreOnDisk small;
    auto file = small.open_file("sparse");
    file->write(kHoleBytes, ByteSpan(text).first(kBlockBytes));
    file->flush();  // One block, and so raw.
    file->write(kHoleBytes, text);
    small.store->close_file(file);
    small.disk.set_free_bytes(room * kBlockBytes);
    small.store->settle_now();
    file = small.open_file("sparse");
    EXPECT_EQ(StoreOnDisk::read_all(*file), wanted);
    small.store->close_file(file);
  }
}

}  // namespace
}  // namespace zstdfs::test
