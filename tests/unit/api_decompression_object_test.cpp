#include <gtest/gtest.h>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompression_object.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs {
namespace {

using test::bytes_of;
using test::frame_of;
using test::joined;
using test::skippable_frame;
using test::text_bytes;
using test::without_end;
using test::zstd_error_of;

const Bytes kContent = text_bytes(300'000, 1);
const Bytes kOther = test::compressible_bytes(5'000, 2);

Bytes copy_of(ByteSpan bytes) {
  return Bytes(bytes.begin(), bytes.end());
}

/// Feeds `data` in pieces and returns everything that comes out.
Bytes fed(ZstdDecompressionObj& object, ByteSpan data, std::size_t piece) {
  Bytes all;
  while (!data.empty()) {
    const ByteSpan now = data.first(std::min(piece, data.size()));
    data = data.subspan(now.size());
    const Bytes out = object.decompress(now);
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}

TEST(DecompressionObject, TakesInputInPiecesOfAnySize) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 30}) {
      for (const std::size_t write_size : {std::size_t{1}, std::size_t{131072}}) {
        ZstdDecompressionObj object = decompressor.decompressobj({.write_size = write_size});
        const Bytes frame = frame_of(kOther, {.magicless = magicless});
        EXPECT_FALSE(object.eof());
        EXPECT_EQ(fed(object, frame, piece), kOther);
        EXPECT_TRUE(object.eof());
        EXPECT_TRUE(object.unused_data().empty());
        EXPECT_TRUE(object.unconsumed_tail().empty());
        EXPECT_EQ(object.bytes_consumed(), frame.size());
        EXPECT_EQ(object.bytes_produced(), kOther.size());
      }
    }
  }
}

TEST(DecompressionObject, EmptyInputGivesEmptyOutput) {
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(object.decompress({}).empty());
  EXPECT_FALSE(object.eof());
  EXPECT_EQ(object.decompress(frame_of(kOther)), kOther);
}

TEST(DecompressionObject, AfterTheFramesEndItIsUsedUp) {
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  EXPECT_EQ(object.decompress(joined({frame_of(kOther), bytes_of("rest")})), kOther);
  EXPECT_TRUE(object.eof());
  EXPECT_EQ(copy_of(object.unused_data()), bytes_of("rest"));
  EXPECT_EQ(object.bytes_consumed(), frame_of(kOther).size());
  EXPECT_THROW(object.decompress({}), UsageError);
  EXPECT_THROW(object.decompress(frame_of(kOther)), UsageError);
  EXPECT_TRUE(object.flush().empty());
}

TEST(DecompressionObject, ASkippableFrameIsNotTheFrame) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1} << 30}) {
    ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
    const Bytes data = joined({skippable_frame(20), skippable_frame(0), frame_of(kOther)});
    EXPECT_EQ(fed(object, data, piece), kOther);
    EXPECT_TRUE(object.eof());
  }
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  EXPECT_TRUE(object.decompress(skippable_frame(20)).empty());
  EXPECT_FALSE(object.eof());
}

TEST(DecompressionObject, AnEmptyFrameIsAFrame) {
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  EXPECT_TRUE(object.decompress(joined({frame_of({}), bytes_of("x")})).empty());
  EXPECT_TRUE(object.eof());
  EXPECT_EQ(copy_of(object.unused_data()), bytes_of("x"));
}

TEST(DecompressionObject, ReadsAcrossFramesWhenAsked) {
  const Bytes data =
      joined({frame_of(kOther), skippable_frame(9), frame_of({}), frame_of(kContent)});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 30}) {
    ZstdDecompressionObj object = ZstdDecompressor().decompressobj({.read_across_frames = true});
    EXPECT_FALSE(object.eof());
    EXPECT_EQ(fed(object, data, piece), joined({kOther, kContent}));
    EXPECT_TRUE(object.eof());
    EXPECT_TRUE(object.decompress(without_end(frame_of({}), 1)).empty());
    EXPECT_FALSE(object.eof()) << "the input ends within a frame";
  }
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj({.read_across_frames = true});
  EXPECT_EQ(zstd_error_of([&] {
              object.decompress(joined({frame_of(kOther), Bytes(50)}));
            }),
            ZSTD_error_prefix_unknown);
}

TEST(DecompressionObject, HandsOutNoMoreThanAskedFor) {
  const Bytes frame = frame_of(kContent);
  for (const std::size_t max_length : {std::size_t{1000}, std::size_t{131072}, kContent.size()}) {
    ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
    Bytes all = object.decompress(frame, max_length);
    EXPECT_EQ(all.size(), max_length);
    int calls = 0;
    while (!object.eof()) {
      ASSERT_LT(++calls, 1000);
      EXPECT_FALSE(object.needs_input());
      const Bytes more = object.decompress(object.unconsumed_tail(), max_length);
      EXPECT_LE(more.size(), max_length);
      all.insert(all.end(), more.begin(), more.end());
    }
    EXPECT_EQ(all, kContent);
    EXPECT_TRUE(object.unconsumed_tail().empty());
    EXPECT_EQ(object.bytes_consumed(), frame.size());
  }
}

// Or small steps through much input would take a time that grows with its square.
TEST(DecompressionObject, ATailThatIsPassedAgainStaysInItsPlace) {
  const Bytes frame = frame_of(kContent);
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj({.read_across_frames = true});
  Bytes all = object.decompress(joined({frame, frame}), 1000);
  const std::byte* const end = &object.unconsumed_tail().back() + 1;
  while (!object.unconsumed_tail().empty()) {
    ASSERT_EQ(&object.unconsumed_tail().back() + 1, end);
    const Bytes more = object.decompress(object.unconsumed_tail(), 50'000);
    all.insert(all.end(), more.begin(), more.end());
  }
  EXPECT_EQ(joined({all, object.flush()}), joined({kContent, kContent}));
}

TEST(DecompressionObject, WithNoRoomItTakesNothing) {
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  const Bytes frame = frame_of(kOther);
  EXPECT_TRUE(object.decompress(frame, 0).empty());
  EXPECT_EQ(copy_of(object.unconsumed_tail()), frame);
  EXPECT_EQ(object.bytes_consumed(), 0u);
}

TEST(DecompressionObject, FlushGivesWhatWasHeldBack) {
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  EXPECT_TRUE(object.flush().empty());
  const Bytes data = joined({frame_of(kContent), bytes_of("behind")});
  const Bytes first = object.decompress(data, 10);
  EXPECT_EQ(joined({first, object.flush()}), kContent);
  EXPECT_TRUE(object.eof());
  EXPECT_EQ(copy_of(object.unused_data()), bytes_of("behind"));
  EXPECT_TRUE(object.flush().empty());
}

TEST(DecompressionObject, AFlushedUnfinishedFrameGivesAllThatIsInIt) {
  const Bytes flushed = frame_of(kContent, {.finished = false});
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj({.write_size = 10});
  EXPECT_EQ(object.decompress(flushed), kContent);
  EXPECT_FALSE(object.eof());
}

TEST(DecompressionObject, AnErrorStays) {
  Bytes damaged = frame_of(kOther);
  damaged.back() ^= std::byte{1};
  ZstdDecompressionObj object = ZstdDecompressor().decompressobj();
  EXPECT_EQ(zstd_error_of([&] { object.decompress(damaged); }), ZSTD_error_checksum_wrong);
  EXPECT_EQ(zstd_error_of([&] { object.decompress(frame_of(kOther)); }), ZSTD_error_checksum_wrong);
  EXPECT_FALSE(object.eof());
}

TEST(DecompressionObject, RefusesAStepOfNoBytes) {
  EXPECT_THROW(ZstdDecompressor().decompressobj({.write_size = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs
