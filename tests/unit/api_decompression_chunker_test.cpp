#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/api_decompression_frames.hpp"
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
using testing::ElementsAre;

const Bytes kContent = text_bytes(300'000, 1);

std::vector<std::size_t> append(Bytes& all, ByteChunks chunks) {
  std::vector<std::size_t> sizes;
  for (const ByteSpan piece : chunks) {
    sizes.push_back(piece.size());
    all.insert(all.end(), piece.begin(), piece.end());
  }
  return sizes;
}

TEST(DecompressionChunker, YieldsPiecesOfOneSizeWhateverTheInputs) {
  const Bytes data = joined({skippable_frame(9), frame_of(kContent), frame_of({}),
                             frame_of(kContent, {.content_size = false})});
  for (const std::size_t input : {std::size_t{1}, std::size_t{1000}, data.size()}) {
    ZstdDecompressor decompressor;
    ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 7000});
    Bytes all;
    for (ByteSpan rest = data; !rest.empty();) {
      const ByteSpan now = rest.first(std::min(input, rest.size()));
      rest = rest.subspan(now.size());
      EXPECT_THAT(append(all, chunker.decompress(now)), testing::Each(7000u));
    }
    EXPECT_THAT(append(all, chunker.finish()), ElementsAre(600'000 % 7000));
    EXPECT_EQ(all, joined({kContent, kContent}));
  }
}

TEST(DecompressionChunker, AFlushYieldsWhatWasCarriedOver) {
  ZstdDecompressor decompressor;
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 131072});
  Bytes all;
  const Bytes begun = frame_of(bytes_of("some"), {.finished = false});
  ByteChunks first = chunker.decompress(begun);
  EXPECT_TRUE(first.next().empty());
  EXPECT_GT(first.bytes_consumed(), 0u);
  EXPECT_THAT(append(all, chunker.flush()), ElementsAre(4));
  EXPECT_EQ(all, bytes_of("some"));
  EXPECT_TRUE(append(all, chunker.flush()).empty());
  EXPECT_EQ(zstd_error_of([&] { append(all, chunker.finish()); }), ZSTD_error_srcSize_wrong);
}

TEST(DecompressionChunker, ContentThatFitsExactlyIsNotFollowedByAnything) {
  ZstdDecompressor decompressor;
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 100'000});
  Bytes all;
  EXPECT_THAT(append(all, chunker.decompress(frame_of(kContent))),
              ElementsAre(100'000, 100'000, 100'000));
  EXPECT_TRUE(append(all, chunker.finish()).empty());
  EXPECT_THROW(chunker.decompress({}), UsageError);
  EXPECT_THROW(chunker.flush(), UsageError);
  EXPECT_THROW(chunker.finish(), UsageError);
}

TEST(DecompressionChunker, NoInputYieldsNothing) {
  ZstdDecompressor decompressor;
  Bytes all;
  EXPECT_TRUE(append(all, decompressor.chunker().finish()).empty());
}

TEST(DecompressionChunker, InputThatIsGivenAwayStays) {
  ZstdDecompressor decompressor;
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 1000});
  Bytes content;
  append(content, chunker.decompress(frame_of(kContent)));
  EXPECT_EQ(chunker.decompress({}).next().size(), 0u);
  append(content, chunker.finish());
  EXPECT_EQ(content, kContent);
}

TEST(DecompressionChunker, OutputHasToBeConsumedBeforeTheNextCall) {
  ZstdDecompressor decompressor;
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 1000});
  const Bytes frame = frame_of(kContent);
  ByteChunks output = chunker.decompress(frame);
  EXPECT_EQ(output.next().size(), 1000u);
  EXPECT_THROW(chunker.decompress(frame), UsageError);
  EXPECT_THROW(chunker.flush(), UsageError);
  EXPECT_THROW(chunker.finish(), UsageError);
}

TEST(DecompressionChunker, TruncationAndJunkAreErrorsAfterTheContentBefore) {
  ZstdDecompressor decompressor;
  Bytes all;
  ZstdDecompressionChunker cut = decompressor.chunker({.chunk_size = 1000});
  const Bytes unfinished = frame_of(kContent, {.finished = false});
  append(all, cut.decompress(unfinished));
  EXPECT_EQ(all, kContent);
  EXPECT_EQ(zstd_error_of([&] { append(all, cut.finish()); }), ZSTD_error_srcSize_wrong);

  ZstdDecompressionChunker junk = decompressor.chunker({.chunk_size = 1000});
  const Bytes data = joined({frame_of(bytes_of("x")), bytes_of("junk, not zstd")});
  EXPECT_EQ(zstd_error_of([&] { append(all, junk.decompress(data)); }), ZSTD_error_prefix_unknown);
}

TEST(DecompressionChunker, RangesOutliveChunkerAndDecompressorAndAreOvertaken) {
  const Bytes frame = frame_of(kContent);
  ByteChunks output = [&] {
    ZstdDecompressor decompressor;
    return decompressor.chunker({.chunk_size = 300'000}).decompress(frame);
  }();
  Bytes all;
  append(all, std::move(output));
  EXPECT_EQ(all, kContent);

  ZstdDecompressor decompressor;
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = 1000});
  ByteChunks overtaken = chunker.decompress(frame);
  overtaken.next();
  decompressor.decompress(frame);
  EXPECT_THROW(overtaken.next(), UsageError);
  EXPECT_THROW(decompressor.chunker({.chunk_size = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs
