#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <utility>

#include "tests/patterns.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frames.hpp"

// Buffers with segments, and the batch operations.

namespace zstdfs::test {
namespace {

// Items live as long as their buffers, which a temporary does not.
template <typename Buffers>
concept HasItems = requires(Buffers&& buffers) {
  items_of(std::forward<Buffers>(buffers));
};
static_assert(HasItems<BufferWithSegments&> && HasItems<const BufferWithSegmentsCollection&>);
static_assert(!HasItems<BufferWithSegments> && !HasItems<BufferWithSegmentsCollection>);

using testing::HasSubstr;

/// What `call` throws says `text`.
template <typename Error, typename Call>
void expect_error(Call call, const std::string& text) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown; expected: " << text;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

std::vector<Bytes> some_items() {
  std::vector<Bytes> items;
  for (std::size_t i = 0; i < 300; ++i) items.push_back(text_bytes(i * i % 30000, i));
  items.push_back(text_bytes(3'000'000, 7));
  items.emplace_back();  // the last one is empty
  return items;
}

std::vector<ByteSpan> spans_of(const std::vector<Bytes>& items) {
  return {items.begin(), items.end()};
}

std::vector<Bytes> copied(const BufferWithSegmentsCollection& buffers) {
  std::vector<Bytes> items;
  for (std::size_t i = 0; i < buffers.segment_count(); ++i) items.push_back(buffers[i].tobytes());
  return items;
}

TEST(Buffers, SegmentsShowTheirPartAndKeepItAlive) {
  std::optional<BufferSegment> segment;
  {
    const BufferWithSegments buffer(bytes_of("abcdef"), {{0, 2}, {1, 4}, {6, 0}});
    EXPECT_EQ(buffer.size(), 6u);
    EXPECT_EQ(buffer.segment_count(), 3u);
    EXPECT_EQ(buffer.segments()[1], (ByteRange{1, 4}));
    EXPECT_EQ(buffer[2].size(), 0u);
    EXPECT_EQ(buffer[2].offset(), 6u);
    EXPECT_THROW(buffer[3], std::out_of_range);
    segment = buffer[1];
  }
  EXPECT_EQ(segment->tobytes(), bytes_of("bcde"));
  EXPECT_EQ(segment->offset(), 1u);
}

TEST(Buffers, ASegmentOutsideOfTheDataIsRefused) {
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  const std::vector<ByteRange> outside = {{huge, 2}, {2, huge}, {0, 4}, {4, 0}, {3, 1}};
  for (const ByteRange& segment : outside) {
    expect_error<std::invalid_argument>(
        [&] {
          BufferWithSegments(bytes_of("abc"), {{0, 1}, segment});
        },
        "segment 1");
  }
}

TEST(Buffers, ACollectionIsOneSequence) {
  const BufferWithSegments first(bytes_of("abc"), {{0, 1}, {1, 1}});
  const BufferWithSegments second(bytes_of("defg"), {{0, 2}, {2, 1}, {3, 1}});
  const BufferWithSegmentsCollection both({first, second});
  EXPECT_EQ(both.segment_count(), 5u);
  EXPECT_EQ(both.size(), 6u);
  EXPECT_EQ(both.buffers().size(), 2u);
  EXPECT_EQ(both[1].tobytes(), bytes_of("b"));
  EXPECT_EQ(both[2].tobytes(), bytes_of("de"));
  EXPECT_EQ(both[4].tobytes(), bytes_of("g"));
  EXPECT_THROW(both[5], std::out_of_range);
  EXPECT_THROW(BufferWithSegmentsCollection({}), std::invalid_argument);
  expect_error<std::invalid_argument>(
      [&] {
        BufferWithSegmentsCollection({first, BufferWithSegments(bytes_of("x"), {})});
      },
      "buffer 1");
}

static_assert(std::ranges::forward_range<const BufferWithSegments>);
static_assert(std::ranges::forward_range<const BufferWithSegmentsCollection>);

TEST(Buffers, AreWalkedSegmentBySegment) {
  const BufferWithSegments one(bytes_of("abcdef"), {{0, 2}, {4, 2}, {3, 0}});
  const BufferWithSegments two(bytes_of("xyz"), {{1, 2}});
  const BufferWithSegmentsCollection both({one, two});
  std::vector<Bytes> walked;
  for (const BufferSegment& segment : one) walked.push_back(segment.tobytes());
  EXPECT_EQ(walked, (std::vector{bytes_of("ab"), bytes_of("ef"), Bytes()}));
  walked.clear();
  for (const BufferSegment& segment : both) walked.push_back(segment.tobytes());
  EXPECT_EQ(walked, (std::vector{bytes_of("ab"), bytes_of("ef"), Bytes(), bytes_of("yz")}));
}

TEST(Batch, GivesItemsBackWhateverTheThreads) {
  const std::vector<Bytes> items = some_items();
  ZstdCompressor compressor({.level = 1, .write_checksum = true});
  ZstdDecompressor decompressor;
  WorkerPool pool(3);
  std::vector<Bytes> one_by_one;
  for (const Bytes& item : items) one_by_one.push_back(compressor.compress(item));
  const std::vector<BatchOptions> ways = {
      {}, {.threads = 2}, {.threads = 7}, {.threads = -1}, {.pool = &pool}};
  std::size_t buffers = 0;
  for (const BatchOptions& way : ways) {
    SCOPED_TRACE(way.threads);
    const auto frames = compressor.multi_compress_to_buffer(spans_of(items), way);
    EXPECT_EQ(copied(frames), one_by_one);
    const auto contents = decompressor.multi_decompress_to_buffer(frames, {}, way);
    EXPECT_EQ(copied(contents), items);
    if (buffers == 0) buffers = frames.buffers().size();
    EXPECT_EQ(frames.buffers().size(), buffers);
  }
  EXPECT_GT(buffers, 2u);
}

TEST(Batch, TellsHowManyItemsAreDone) {
  const std::vector<Bytes> items = some_items();
  ZstdCompressor compressor;
  for (const int threads : {1, 3}) {
    std::vector<std::size_t> told;
    const BatchOptions options = {.threads = threads,
                                  .progress = [&](std::size_t done) { told.push_back(done); }};
    const auto frames = compressor.multi_compress_to_buffer(spans_of(items), options);
    EXPECT_GT(told.size(), 2u);
    EXPECT_TRUE(std::ranges::is_sorted(told));
    EXPECT_EQ(told.back(), items.size());
    told.clear();
    ZstdDecompressor().multi_decompress_to_buffer(frames, {}, options);
    EXPECT_EQ(told.back(), items.size());
  }
}

TEST(Batch, TrailingEmptyItemsAreKept) {
  const std::vector<Bytes> items = {bytes_of("a"), Bytes()};
  ZstdCompressor compressor;
  const auto frames = compressor.multi_compress_to_buffer(spans_of(items), {.threads = 2});
  ASSERT_EQ(frames.segment_count(), 2u);
  EXPECT_EQ(copied(ZstdDecompressor().multi_decompress_to_buffer(frames)), items);
}

TEST(Batch, FramesOfNothingGiveNothing) {
  const Bytes frame = compress({});
  const std::vector<ByteSpan> frames(5, ByteSpan(frame));
  const auto contents = ZstdDecompressor().multi_decompress_to_buffer(frames);
  EXPECT_EQ(copied(contents), std::vector<Bytes>(5));
}

TEST(Batch, SkippableFramesBeforeAFrameArePassedOver) {
  const Bytes content = text_bytes(1000, 1);
  const Bytes skipped = write_skippable_frame(bytes_of("not looked at"));
  Bytes frame = skipped;
  frame.insert(frame.end(), skipped.begin(), skipped.end());
  const Bytes stored = compress(content);
  frame.insert(frame.end(), stored.begin(), stored.end());
  const std::vector<ByteSpan> frames = {stored, frame};
  const std::vector<std::uint64_t> sizes = {1000, 1000};
  ZstdDecompressor decompressor;
  EXPECT_EQ(decompressor.multi_decompress_to_buffer(frames)[1].tobytes(), content);
  EXPECT_EQ(decompressor.multi_decompress_to_buffer(frames, sizes)[1].tobytes(), content);
}

TEST(Batch, APoolOfFarTooManyThreadsIsRefused) {
  EXPECT_THROW(WorkerPool(static_cast<unsigned>(-1)), std::invalid_argument);
}

TEST(Batch, NothingToDoIsAnError) {
  ZstdCompressor compressor;
  ZstdDecompressor decompressor;
  const std::vector<ByteSpan> empty_items(2);
  EXPECT_THROW(compressor.multi_compress_to_buffer(std::vector<ByteSpan>()), std::invalid_argument);
  EXPECT_THROW(compressor.multi_compress_to_buffer(empty_items), std::invalid_argument);
  EXPECT_THROW(decompressor.multi_decompress_to_buffer(std::vector<ByteSpan>()),
               std::invalid_argument);
}

class BatchErrors : public testing::Test {
 protected:
  /// Decompresses good frames with `frame` as the third, and expects an error about it.
  void expect_refused(const Bytes& frame, const std::string& text,
                      const DecompressorOptions& options = {},
                      const std::vector<std::uint64_t>& sizes = {}) {
    const std::vector<ByteSpan> frames = {good_, good_, frame, good_, frame};
    ZstdDecompressor decompressor(options);
    for (const int threads : {1, 4}) {
      const auto decompress_all = [&] {
        decompressor.multi_decompress_to_buffer(frames, sizes, {.threads = threads});
      };
      expect_error<ZstdError>(decompress_all, "item 2");
      expect_error<ZstdError>(decompress_all, text);
    }
  }

  Bytes with_option(const CompressorOptions& options) {
    return ZstdCompressor(options).compress(content_);
  }

  Bytes content_ = text_bytes(1000, 1);
  Bytes good_ = compress(content_);
};

TEST_F(BatchErrors, NameTheItem) {
  Bytes longer = good_;
  longer.push_back(std::byte{0});
  expect_refused(longer, "1 bytes of extra data");
  expect_refused(Bytes(good_.begin(), good_.end() - 1), "truncated");
  expect_refused(Bytes(good_.begin(), good_.begin() + 3), "have 3");
  expect_refused(bytes_of("no frame at all"), "find a frame");
  expect_refused(with_option({.write_content_size = false}), "could not determine content size");
  expect_refused(bytes_of(std::string("\x50\x2a\x4d\x18\0\0\0\0", 8)), "skippable");
  Bytes damaged = with_option({.write_checksum = true});
  damaged.back() ^= std::byte{1};
  expect_refused(damaged, "checksum");
}

TEST_F(BatchErrors, AWrongSizeIsRefused) {
  const Bytes unknown = with_option({.write_content_size = false});
  const std::vector<std::uint64_t> less = {1000, 1000, 999, 1000, 999};
  expect_refused(good_, "1000 bytes of content, not 999", {}, less);
  expect_refused(unknown, "too small", {}, less);
  const std::vector<std::uint64_t> more = {1000, 1000, 1001, 1000, 1001};
  expect_refused(good_, "1000 bytes of content, not 1001", {}, more);
  expect_refused(unknown, "1000 bytes of content, not 1001", {}, more);
  const std::vector<ByteSpan> frames = {good_};
  EXPECT_THROW(ZstdDecompressor().multi_decompress_to_buffer(frames, less), std::invalid_argument);
}

TEST_F(BatchErrors, ASizeThatAFrameCannotHoldTakesNoMemory) {
  // A header that claims 2^56 bytes, in front of one empty block.
  const Bytes lie = bytes_of(std::string("\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\1\1\0\0", 16));
  expect_refused(lie, "cannot hold");
  const std::vector<std::uint64_t> huge(5, std::uint64_t{1} << 56);
  const Bytes unknown = with_option({.write_content_size = false});
  const std::vector<ByteSpan> frames(5, ByteSpan(unknown));
  expect_error<ZstdError>([&] { ZstdDecompressor().multi_decompress_to_buffer(frames, huge); },
                          "item 0");
}

TEST_F(BatchErrors, TheWindowLimitAndTheChecksumPolicyHold) {
  expect_refused(ZstdCompressor().compress(text_bytes(100000, 1)), "window",
                 {.max_window_size = 1024});
  good_ = with_option({.write_checksum = true});
  expect_refused(compress(content_), "checksum", {.checksums = ChecksumPolicy::kRequire});
}

TEST(Batch, ParametersThatWereSetLaterHold) {
  const std::vector<Bytes> items = {text_bytes(5000, 1), text_bytes(5000, 2)};
  ZstdCompressor compressor;
  const Bytes before = compressor.compress(items[1]);
  compressor.set_parameter(kParameterChecksumFlag, 1);
  compressor.set_parameter(kParameterCompressionLevel, 19);
  const auto frames = compressor.multi_compress_to_buffer(spans_of(items));
  EXPECT_EQ(frames[1].tobytes(), compressor.compress(items[1]));
  EXPECT_NE(frames[1].tobytes(), before);
  compressor.reset_parameters();
  EXPECT_EQ(compressor.multi_compress_to_buffer(spans_of(items))[1].tobytes(), before);
}

TEST(Batch, MagiclessFramesAndDictionariesWork) {
  const std::vector<Bytes> items = {text_bytes(5000, 1), text_bytes(5000, 2)};
  const auto dictionary = std::make_shared<const ZstdCompressionDict>(text_bytes(5000, 1));
  CompressionParameterValues values;
  values.format = kFormatZstd1Magicless;
  ZstdCompressor compressor(
      {.dict_data = dictionary, .compression_params = ZstdCompressionParameters(values)});
  const auto frames = compressor.multi_compress_to_buffer(spans_of(items));
  EXPECT_LT(frames[0].size(), 100u);
  ZstdDecompressor decompressor({.dict_data = dictionary, .format = kFormatZstd1Magicless});
  EXPECT_EQ(copied(decompressor.multi_decompress_to_buffer(frames)), items);
}

}  // namespace
}  // namespace zstdfs::test
