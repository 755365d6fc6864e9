// Damaged containers through a mount, and what recovery makes of them: what is intact is read, all
// else is an error, and nothing gets worse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "fs/store/log.hpp"
#include "tests/unit/store_fixture.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kChunk = kMinChunkBytes;
constexpr std::size_t kChunks = 12;
constexpr std::size_t kInTheHeader = 50;

enum class End { kKilled, kPowerLoss, kUnmounted };

class DamagedFile : public testing::TestWithParam<End> {
 protected:
  DamagedFile() {
    log() = {};
    store::set_log_sink([](store::LogLevel, const std::string& line) { log() += line + "\n"; });
    auto file = store_.open_file("f");
    file->write(0, ByteSpan(content_).first(kChunk));
    file->sync(os::SyncKind::kData);
    file->write(kChunk, ByteSpan(content_).subspan(kChunk));
    file->sync(os::SyncKind::kData);
    file->write(0, ByteSpan(content_).first(1));  // merged: so all frames count as durable
    file->flush();
    store_.store->close_file(file);
    file.reset();  // before its store
    store_.sync_names();
    EXPECT_TRUE(store_.store->settle_now());
    if (GetParam() == End::kUnmounted) {
      EXPECT_TRUE(store_.reopen());
    }
    stored_ = *store_.disk.content("f");
    index_ = load_container(MemorySource(stored_)).index;
    EXPECT_EQ(index_.size(), kChunks);
  }
  ~DamagedFile() override {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
  }

  static std::string& log() {
    static std::string lines;
    return lines;
  }

  /// The store ends, the file becomes these bytes, and there is another mount.
  void mount_with(const Bytes& damaged) {
    if (GetParam() == End::kUnmounted) {
      EXPECT_TRUE(store_.store->shut_down());
    }
    store_.store.reset();
    store_.disk.put("f", damaged);
    store_.crash(GetParam() == End::kPowerLoss ? Survival::nothing_unsynced()
                                               : Survival::everything());
  }

  Bytes with_damaged_header() const {
    Bytes bytes = stored_;
    bytes[kInTheHeader] ^= std::byte{1};
    return bytes;
  }
  std::size_t middle_of(std::size_t frame) const {
    return index_[frame].stored_offset + index_[frame].stored_bytes / 2;
  }

  /// What can be read of each chunk is right. Returns how many those are.
  std::size_t intact_chunks(store::StoredFile& file) {
    std::size_t intact = 0;
    for (std::size_t i = 0; i < kChunks; ++i) {
      Bytes chunk(kChunk);
      try {
        chunk.resize(file.read(i * kChunk, chunk));
      } catch (const CorruptError&) {
        continue;
      }
      const auto begin = content_.begin() + static_cast<std::ptrdiff_t>(i * kChunk);
      EXPECT_TRUE(std::equal(chunk.begin(), chunk.end(), begin)) << i;
      if (chunk.size() == kChunk) ++intact;
    }
    return intact;
  }

  /// Reading all of it, to wherever it seems to end.
  static bool is_an_error_to_read(store::StoredFile& file) {
    try {
      StoreOnDisk::read_all(file);
      return false;
    } catch (const CorruptError&) {
      return true;
    }
  }

  void expect_untouched(const Bytes& damaged) {
    EXPECT_EQ(*store_.disk.content("f"), damaged);
    if (GetParam() == End::kUnmounted) return;
    EXPECT_THAT(log(), testing::HasSubstr("f: damaged, left as it is"));
    EXPECT_THAT(log(), testing::HasSubstr("fsck --repair"));
  }

  const Bytes content_ = text_bytes(kChunks * kChunk, 1);
  StoreOnDisk store_;
  Bytes stored_;
  FrameIndex index_;
};

TEST_P(DamagedFile, WithoutItsHeaderNoIntactFrameIsCutOff) {
  Bytes damaged = with_damaged_header();
  damaged[middle_of(3)] ^= std::byte{1};
  mount_with(damaged);
  expect_untouched(damaged);
  const auto file = store_.open_file("f");
  EXPECT_EQ(file->logical_bytes(), content_.size());
  EXPECT_EQ(intact_chunks(*file), kChunks - 1);
  EXPECT_TRUE(is_an_error_to_read(*file));
  store_.store->close_file(file);
}

// Nobody can tell how much content there was, so it has no end that could be taken for the right
// one.
TEST_P(DamagedFile, WithoutHeaderAndTableItDoesNotEndQuietly) {
  Bytes damaged = with_damaged_header();
  damaged[index_[5].stored_offset] ^= std::byte{1};
  damaged.back() ^= std::byte{1};
  mount_with(damaged);
  expect_untouched(damaged);
  const auto file = store_.open_file("f");
  EXPECT_EQ(intact_chunks(*file), 5u);
  EXPECT_TRUE(is_an_error_to_read(*file));
  EXPECT_THROW(file->write(0, content_), CorruptError);
  file->truncate(0);
  EXPECT_EQ(file->logical_bytes(), 0u);
  store_.store->close_file(file);
}

TEST_P(DamagedFile, AHeaderThatIsAllThatIsDamagedIsWrittenAgain) {
  mount_with(with_damaged_header());
  const auto file = store_.open_file("f");
  EXPECT_EQ(StoreOnDisk::read_all(*file), content_);
  store_.store->close_file(file);
  const Bytes stored = *store_.disk.content("f");
  EXPECT_EQ(load_container(MemorySource(stored)).sealed, GetParam() != End::kUnmounted);
}

TEST_P(DamagedFile, OneThatWasCutIsAsLongAsItWas) {
  for (const std::size_t bytes : {middle_of(7), std::size_t(index_[7].stored_offset)}) {
    SCOPED_TRACE(bytes);
    const Bytes damaged(stored_.begin(), stored_.begin() + static_cast<std::ptrdiff_t>(bytes));
    mount_with(damaged);
    expect_untouched(damaged);
    const auto file = store_.open_file("f");
    EXPECT_EQ(file->logical_bytes(), content_.size());
    EXPECT_EQ(intact_chunks(*file), 7u);
    EXPECT_TRUE(is_an_error_to_read(*file));
    EXPECT_THROW(file->write(0, content_), CorruptError);
    store_.store->close_file(file);
  }
}

INSTANTIATE_TEST_SUITE_P(After, DamagedFile,
                         testing::Values(End::kKilled, End::kPowerLoss, End::kUnmounted),
                         [](const testing::TestParamInfo<End>& end) {
                           switch (end.param) {
                             case End::kKilled:
                               return "AKill";
                             case End::kPowerLoss:
                               return "APowerLoss";
                             default:
                               return "AnUnmount";
                           }
                         });

}  // namespace
}  // namespace zstdfs::test
