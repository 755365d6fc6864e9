// What is fetched from the disk before it is asked for.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "fs/store/read_ahead.hpp"
#include "tests/patterns.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

TEST(ReadAheadTest, FetchesAsMuchAsWasReadInOrder) {
  store::ReadAhead ahead(store::kReadAhead);
  EXPECT_EQ(ahead.note({0, kMiB}), (ByteRange{kMiB, kMiB}));
  EXPECT_EQ(ahead.note({kMiB, kMiB}), (ByteRange{2 * kMiB, 2 * kMiB}));
}

TEST(ReadAheadTest, FetchesEachByteOnceAndNoMoreThanAFewMiB) {
  store::ReadAhead ahead(store::kReadAhead);
  std::uint64_t fetched_to = kMiB;
  for (std::uint64_t at = 0; at < 100 * kMiB; at += kMiB) {
    const ByteRange fetched = ahead.note({at, kMiB});
    if (!fetched.empty()) {
      EXPECT_EQ(fetched.offset, fetched_to);
      fetched_to = fetched.end();
    }
    EXPECT_GT(fetched_to, at + kMiB);
    EXPECT_LE(fetched_to, at + 9 * kMiB);
  }
}

TEST(ReadAheadTest, SmallReadsInOrderFetchTogether) {
  store::ReadAhead ahead(store::kReadAhead);
  std::uint64_t fetched_bytes = 0;
  std::uint64_t calls = 0;
  for (std::uint64_t at = 0; at < 4 * kMiB; at += 4096) {
    const ByteRange fetched = ahead.note({at, 4096});
    fetched_bytes += fetched.bytes;
    if (!fetched.empty()) ++calls;
  }
  EXPECT_GT(fetched_bytes, 4 * kMiB);
  EXPECT_LE(calls, 10u);
}

TEST(ReadAheadTest, ThreadsMayComeInAnyOrder) {
  store::ReadAhead ahead(store::kReadAhead);
  ahead.note({0, kMiB});
  const ByteRange early = ahead.note({2 * kMiB, kMiB});
  EXPECT_EQ(early.offset, 3 * kMiB);
  const ByteRange late = ahead.note({kMiB, kMiB});
  EXPECT_TRUE(late.empty() || late.offset >= early.end()) << "fetched twice";
}

TEST(ReadAheadTest, ReadsHereAndThereFetchNothing) {
  store::ReadAhead ahead(store::kReadAhead);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_TRUE(ahead.note({i * 37 % 1000 * 10 * kMiB, 4096}).empty());
  }
}

TEST(ReadAheadTest, BeginsAnewElsewhere) {
  store::ReadAhead ahead(store::kReadAhead);
  for (std::uint64_t at = 0; at < 20 * kMiB; at += kMiB) ahead.note({at, kMiB});
  EXPECT_EQ(ahead.note({500 * kMiB, kMiB}), (ByteRange{501 * kMiB, kMiB}));
  EXPECT_EQ(ahead.note({0, kMiB}), (ByteRange{kMiB, kMiB}));
}

class FetchedFile : public testing::Test {
 protected:
  void store(const Bytes& content) {
    auto file = disk_.open_file("file");
    file->write(0, content);
    file->flush();
    file.reset();
    disk_.reopen();
  }

  /// Reads all of the file and returns what of the backing file was fetched, which has to be in
  /// order and fetched once.
  std::vector<ByteRange> fetched_by_reading(std::size_t content_bytes) {
    const auto file = disk_.open_file("file");
    const std::size_t before = disk_.disk.announced_reads().size();
    Bytes piece(kMiB / 2);
    for (std::size_t at = 0; at < content_bytes; at += piece.size()) file->read(at, piece);
    std::vector<ByteRange> fetched = disk_.disk.announced_reads();
    fetched.erase(fetched.begin(), fetched.begin() + static_cast<std::ptrdiff_t>(before));
    return fetched;
  }

  StoreOnDisk disk_;
};

TEST_F(FetchedFile, FramesOfAContainerUpToTheLast) {
  const Bytes content = text_bytes(6 * kMiB, 1);
  store(content);
  const std::uint64_t stored_bytes = disk_.disk.content("file")->size();
  ASSERT_LT(stored_bytes, content.size() / 2);
  const std::vector<ByteRange> fetched = fetched_by_reading(content.size());
  ASSERT_GE(fetched.size(), 2u);
  for (std::size_t i = 1; i < fetched.size(); ++i) {
    // A frame at the boundary may belong to both.
    EXPECT_LE(fetched[i].offset, fetched[i - 1].end());
    EXPECT_GT(fetched[i].end(), fetched[i - 1].end());
  }
  EXPECT_LT(fetched.front().offset, stored_bytes / 4);
  EXPECT_LE(fetched.back().end(), stored_bytes);
  EXPECT_GT(fetched.back().end(), stored_bytes - stored_bytes / 10);
}

TEST_F(FetchedFile, BytesOfARawFile) {
  const Bytes content = random_bytes(6 * kMiB, 1);
  store(content);
  ASSERT_EQ(disk_.disk.content("file")->size(), content.size());
  const std::vector<ByteRange> fetched = fetched_by_reading(content.size());
  ASSERT_GE(fetched.size(), 2u);
  EXPECT_EQ(fetched.front(), (ByteRange{kMiB / 2, kMiB / 2}));
  EXPECT_GE(fetched.back().end(), content.size());
}

}  // namespace
}  // namespace zstdfs::test
