#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/frames.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

static_assert(std::ranges::input_range<FrameRange>);

// The range does not own the buffer: a temporary is gone before the walk begins.
template <typename Data>
concept HasFrames = requires(Data&& data) {
  frames_of(std::forward<Data>(data));
};
static_assert(HasFrames<Bytes&> && HasFrames<const Bytes&> && HasFrames<ByteSpan>);
static_assert(!HasFrames<Bytes> && !HasFrames<const Bytes>);

std::vector<FrameView> all_frames(ByteSpan data, int format = kFormatZstd1) {
  std::vector<FrameView> frames;
  for (const FrameView& frame : frames_of(data, format)) frames.push_back(frame);
  return frames;
}

Bytes copy_of(ByteSpan bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(ApiFramesOf, FindsEachFrameWithItsPlaceAndParameters) {
  const Bytes first = frame_of(text_bytes(1000, 1));
  const Bytes second = skippable_frame(20, 5);
  const Bytes third = frame_of(text_bytes(300000, 2), {.content_size = false, .checksum = false});
  const Bytes data = joined({first, second, third});
  const std::vector<FrameView> frames = all_frames(data);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(copy_of(frames[0].bytes), first);
  EXPECT_EQ(copy_of(frames[1].bytes), second);
  EXPECT_EQ(copy_of(frames[2].bytes), third);
  EXPECT_EQ(frames[0].offset, 0U);
  EXPECT_EQ(frames[1].offset, first.size());
  EXPECT_EQ(frames[2].offset, first.size() + second.size());
  EXPECT_EQ(frames[2].bytes.data(), data.data() + frames[2].offset);

  EXPECT_EQ(frames[0].content_size, 1000U);
  EXPECT_TRUE(frames[0].parameters.has_checksum);
  EXPECT_TRUE(frames[1].parameters.is_skippable);
  EXPECT_EQ(frames[1].content_size, 0U);
  EXPECT_EQ(frames[1].content_bound, 0U);
  EXPECT_FALSE(frames[2].parameters.has_checksum);
  EXPECT_EQ(frames[2].content_size, std::nullopt);
  EXPECT_GE(frames[2].content_bound, 300000U);
}

TEST(ApiFramesOf, NothingHasNoFrames) {
  EXPECT_TRUE(all_frames({}).empty());
  EXPECT_EQ(decompressed_size({}), 0U);
  EXPECT_EQ(decompressed_bound({}), 0U);
}

TEST(ApiFramesOf, CanBeWalkedAgainAndLazily) {
  const Bytes frame = frame_of(text_bytes(10, 1));
  const Bytes data = joined({frame, bytes_of("no frame at all")});
  const FrameRange range = frames_of(data);
  for (int walk = 0; walk < 2; ++walk) {
    auto at = range.begin();
    EXPECT_EQ(at->bytes.size(), frame.size());
    EXPECT_EQ(zstd_error_of([&] { ++at; }), ZSTD_error_prefix_unknown);
  }
}

TEST(ApiFramesOf, AnErrorNamesTheFrameAndItsOffset) {
  const Bytes frame = frame_of(text_bytes(10, 1));
  const std::string offset = std::to_string(2 * frame.size());
  EXPECT_THAT(message_of<ZstdError>([&] {
                all_frames(joined({frame, frame, bytes_of("garbage, no frame")}));
              }),
              HasSubstr("frame 2 at offset " + offset));
  const Bytes three = joined({frame, frame, frame});
  EXPECT_THAT(message_of<ZstdError>([&] { all_frames(without_end(three, 1)); }),
              AllOf(HasSubstr("frame 2 at offset " + offset), HasSubstr("truncated")));
}

TEST(ApiFramesOf, EveryTruncationIsAnError) {
  const Bytes data = joined({frame_of(text_bytes(300, 1)), skippable_frame(5)});
  const std::size_t first = all_frames(data)[0].bytes.size();
  for (std::size_t bytes = 1; bytes < data.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    const auto walk = [&] { all_frames(ByteSpan(data).first(bytes)); };
    EXPECT_EQ(zstd_error_of(walk),
              bytes == first ? std::nullopt : std::optional<int>(ZSTD_error_srcSize_wrong));
  }
}

TEST(ApiFramesOf, TakesFramesWithoutMagicNumber) {
  const Bytes frame = frame_of(text_bytes(500, 1), {.magicless = true});
  const Bytes data = joined({frame, frame});
  const std::vector<FrameView> frames = all_frames(data, kFormatZstd1Magicless);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1].offset, frame.size());
  EXPECT_EQ(decompressed_size(data, kFormatZstd1Magicless), 1000U);
  EXPECT_THROW(all_frames(data), ZstdError);
  EXPECT_THROW(all_frames(data, 7), std::invalid_argument);
}

// Property: of random frames, the walk finds all, and sizes and bounds are those of the contents.
TEST(ApiFramesOf, RandomFramesAreFoundWithTheirSizes) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 20 : 100); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Bytes data;
    std::uint64_t content = 0;
    bool all_sizes = true;
    const std::size_t count = random.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      if (random.chance(30)) {
        data = joined(
            {data, skippable_frame(random.below(100), static_cast<unsigned>(random.below(16)))});
        continue;
      }
      const std::size_t bytes = random.below(random.chance(20) ? 400000 : 2000);
      const bool with_size = random.chance(70);
      const Bytes of_frame =
          random.chance(50) ? text_bytes(bytes, seed) : random_bytes(bytes, seed);
      data = joined({data, frame_of(of_frame, {.level = static_cast<int>(random.below(8)),
                                               .content_size = with_size,
                                               .checksum = random.chance(50)})});
      content += bytes;
      all_sizes = all_sizes && with_size;
    }
    EXPECT_EQ(all_frames(data).size(), count);
    EXPECT_EQ(decompressed_size(data), all_sizes ? std::optional(content) : std::nullopt);
    EXPECT_GE(decompressed_bound(data), content);
    EXPECT_LE(decompressed_bound(data), ZSTD_decompressBound(data.data(), data.size()));
    if (all_sizes) {
      EXPECT_EQ(decompressed_bound(data), content);
    }
  }
}

TEST(ApiFramesOf, RandomBytesAreErrorsOrFrames) {
  const Bytes whole = joined({frame_of(text_bytes(3000, 1)), skippable_frame(9),
                              frame_of(random_bytes(50, 2), {.content_size = false})});
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    Bytes data = whole;
    for (int change = 0; change < 3; ++change) {
      data[random.below(random.chance(50) ? 20 : data.size())] =
          static_cast<std::byte>(random.below(256));
    }
    try {
      std::uint64_t stored = 0;
      for (const FrameView& frame : frames_of(data)) {
        EXPECT_EQ(frame.offset, stored);
        EXPECT_LE(frame.content_size.value_or(0), frame.content_bound);
        stored += frame.bytes.size();
      }
      EXPECT_EQ(stored, data.size());
    } catch (const ZstdError& error) {
      EXPECT_THAT(error.what(), HasSubstr(" at offset "));
    }
  }
}

TEST(ApiSkippableFrame, IsReadAsItWasWritten) {
  const Bytes content = text_bytes(100, 1);
  for (unsigned variant = 0; variant < kSkippableFrameVariants; ++variant) {
    const Bytes frame = write_skippable_frame(content, variant);
    EXPECT_EQ(frame.size(), content.size() + kSkippableFrameOverhead);
    EXPECT_TRUE(is_skippable_frame(frame));
    const Bytes data = joined({frame, bytes_of("behind")});
    const SkippableFrame read = read_skippable_frame(data);
    EXPECT_EQ(read.variant, variant);
    EXPECT_EQ(read.frame_bytes, frame.size());
    EXPECT_EQ(copy_of(read.content), content);
    EXPECT_EQ(read.content.data(), data.data() + kSkippableFrameOverhead);
  }
}

TEST(ApiSkippableFrame, IsLibzstds) {
  for (const std::size_t bytes : {0U, 1U, 1000U}) {
    const Bytes content = random_bytes(bytes, 1);
    const Bytes ours = write_skippable_frame(content, 9);
    Bytes theirs(ours.size());
    ASSERT_EQ(
        ZSTD_writeSkippableFrame(theirs.data(), theirs.size(), content.data(), content.size(), 9),
        theirs.size());
    EXPECT_EQ(ours, theirs);
    Bytes read(bytes + 1);
    unsigned variant = 0;
    ASSERT_EQ(ZSTD_readSkippableFrame(read.data(), read.size(), &variant, ours.data(), ours.size()),
              bytes);
    read.resize(bytes);
    EXPECT_EQ(read, content);
    EXPECT_EQ(variant, 9U);
    EXPECT_EQ(copy_of(read_skippable_frame(theirs).content), content);
  }
}

TEST(ApiSkippableFrame, IsPassedOverByADecompressor) {
  const Bytes content = text_bytes(1000, 1);
  const Bytes data = joined({write_skippable_frame(bytes_of("note"), 3), frame_of(content)});
  EXPECT_EQ(decompress(data), content);
}

TEST(ApiSkippableFrame, GoesToTheCallersMemory) {
  const Bytes content = text_bytes(30, 1);
  Bytes out(50, std::byte{0xEE});
  EXPECT_EQ(write_skippable_frame_into(out, content, 2), 38U);
  EXPECT_EQ(copy_of(ByteSpan(out).first(38)), write_skippable_frame(content, 2));
  EXPECT_EQ(out[38], std::byte{0xEE});
  const auto write_short = [&] {
    write_skippable_frame_into(MutableByteSpan(out).first(37), content);
  };
  EXPECT_EQ(zstd_error_of(write_short), ZSTD_error_dstSize_tooSmall);
  EXPECT_THAT(message_of<ZstdError>(write_short),
              AllOf(HasSubstr("38 bytes"), HasSubstr("into 37")));
}

TEST(ApiSkippableFrame, RefusesWhatCannotBe) {
  EXPECT_THAT(message_of<std::invalid_argument>([] { write_skippable_frame({}, 16); }),
              HasSubstr("less than 16"));
  // Only the size is looked at.
  const std::byte one{};
  const ByteSpan huge(&one, std::size_t{std::numeric_limits<std::uint32_t>::max()} + 1);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { write_skippable_frame(huge); }),
              HasSubstr("4294967296"));
}

TEST(ApiSkippableFrame, SomethingElseIsAnError) {
  const Bytes frame = frame_of(text_bytes(10, 1));
  EXPECT_FALSE(is_skippable_frame(frame));
  EXPECT_FALSE(is_skippable_frame({}));
  EXPECT_EQ(zstd_error_of([&] { read_skippable_frame(frame); }), ZSTD_error_prefix_unknown);
  const Bytes skippable = write_skippable_frame(text_bytes(10, 1));
  for (std::size_t bytes = 0; bytes < skippable.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    EXPECT_EQ(zstd_error_of([&] { read_skippable_frame(ByteSpan(skippable).first(bytes)); }),
              ZSTD_error_srcSize_wrong);
  }
}

}  // namespace
}  // namespace zstdfs::test
