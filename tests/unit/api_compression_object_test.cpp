#include "tests/unit/api_compression_fixture.hpp"

namespace zstdfs::test {
namespace {

void append(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}

TEST(CompressionObject, PiecesOfAnySizeMakeOneFrame) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(300000, 1);
  for (const std::size_t step : {7u, 1000u, 131072u, 300000u}) {
    ZstdCompressionObj object = compressor.compressobj();
    Bytes frame;
    for (std::size_t at = 0; at < content.size(); at += step) {
      append(frame,
             object.compress(ByteSpan(content).subspan(at, std::min(step, content.size() - at))));
    }
    append(frame, object.flush());
    EXPECT_EQ(content_of(frame), content) << step;
  }
}

TEST(CompressionObject, SmallInputIsHeldBackUntilAFlush) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj();
  EXPECT_EQ(object.compress(bytes_of("foobar")), Bytes());
  const Bytes block = object.flush(kCompressObjFlushBlock);
  EXPECT_EQ(hex(block), "28b52ffd0058300000666f6f626172");
  EXPECT_EQ(content_so_far(block), bytes_of("foobar"));
}

TEST(CompressionObject, ASecondBlockFlushReturnsNothing) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj();
  object.compress(bytes_of("foobar"));
  object.flush(kCompressObjFlushBlock);
  EXPECT_EQ(object.flush(kCompressObjFlushBlock), Bytes());
  EXPECT_EQ(hex(object.flush()), "010000");
}

TEST(CompressionObject, NothingIsAnEmptyFrame) {
  ZstdCompressor compressor;
  EXPECT_EQ(hex(compressor.compressobj().flush()), kEmptyFrame);
  EXPECT_EQ(hex(compressor.compressobj(0).flush()), kEmptyFrame);
  ZstdCompressionObj begun = compressor.compressobj();
  EXPECT_EQ(begun.flush(kCompressObjFlushBlock), Bytes());
  EXPECT_EQ(hex(begun.flush()), "28b52ffd0058010000");
  EXPECT_EQ(hex(ZstdCompressor({.write_content_size = false}).compressobj().flush()),
            kEmptyFrameOfUnknownSize);
}

TEST(CompressionObject, NothingCanFollowTheFinish) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj();
  object.flush();
  EXPECT_THROW(object.compress(bytes_of("x")), UsageError);
  EXPECT_THROW(object.compress({}), UsageError);
  EXPECT_THROW(object.flush(), UsageError);
  EXPECT_THROW(object.flush(kCompressObjFlushBlock), UsageError);
}

TEST(CompressionObject, DeclaredSizeIsInTheHeader) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj(6);
  Bytes frame = object.compress(bytes_of("foo"));
  append(frame, object.compress(bytes_of("bar")));
  append(frame, object.flush());
  EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), 6u);
  EXPECT_EQ(content_of(frame), bytes_of("foobar"));
}

TEST(CompressionObject, TooMuchInputIsFoundByCompress) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj(3);
  expect_wrong_size([&] { object.compress(bytes_of("foobar")); });
  expect_wrong_size([&] { object.compress(bytes_of("f")); });
  expect_wrong_size([&] { object.flush(); });
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CompressionObject, TooLittleInputIsFoundByTheFinish) {
  ZstdCompressor compressor;
  ZstdCompressionObj object = compressor.compressobj(9);
  object.compress(bytes_of("foobar"));
  EXPECT_FALSE(object.flush(kCompressObjFlushBlock).empty());
  expect_wrong_size([&] { object.flush(); });
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CompressionObject, NoInputAtAllIsTooLittleToo) {
  ZstdCompressor compressor;
  expect_wrong_size([&] { compressor.compressobj(10).flush(); });
  expect_wrong_size([&] { all_of(compressor.chunker({.size = 10}).finish()); });
  EXPECT_EQ(hex(compressor.compressobj(0).flush()), kEmptyFrame);
}

TEST(CompressionObject, AnotherOperationOvertakesIt) {
  ZstdCompressor compressor;
  ZstdCompressionObj first = compressor.compressobj();
  first.compress(bytes_of("lost"));
  ZstdCompressionObj second = compressor.compressobj();
  EXPECT_THROW(first.compress(bytes_of("x")), UsageError);
  EXPECT_THROW(first.flush(), UsageError);
  second.compress(bytes_of("kept"));
  EXPECT_EQ(content_of(second.flush()), bytes_of("kept"));
}

TEST(CompressionObject, OutlivesItsCompressor) {
  auto compressor = std::make_unique<ZstdCompressor>();
  ZstdCompressionObj object = compressor->compressobj();
  compressor.reset();
  object.compress(bytes_of("alone"));
  ZstdCompressionObj moved = std::move(object);
  EXPECT_EQ(content_of(moved.flush()), bytes_of("alone"));
}

TEST(CompressionChunker, PiecesHaveTheChunkSize) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(700000, 2);
  for (const std::size_t chunk_size : {1u, 4u, 1000u, 32768u, 131591u, 1u << 20}) {
    if (chunk_size == 1 && ZSTDFS_SANITIZED) continue;
    ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = chunk_size});
    std::vector<Bytes> pieces;
    for (const std::size_t half : {0u, 350000u}) {
      for (ByteSpan piece : chunker.compress(ByteSpan(content).subspan(half, 350000))) {
        EXPECT_EQ(piece.size(), chunk_size);
        pieces.emplace_back(piece.begin(), piece.end());
      }
    }
    const std::vector<Bytes> last = all_of(chunker.finish());
    for (std::size_t i = 0; i + 1 < last.size(); ++i) EXPECT_EQ(last[i].size(), chunk_size);
    EXPECT_LE(last.back().size(), chunk_size);
    EXPECT_EQ(content_of(joined({joined(pieces), joined(last)})), content) << chunk_size;
  }
}

TEST(CompressionChunker, FlushAndFinishMayEndInAShortPiece) {
  ZstdCompressor compressor;
  ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = 4});
  const Bytes content = bytes_of("foofoofoofoofoo");
  EXPECT_TRUE(all_of(chunker.compress(content)).empty());
  const std::vector<Bytes> flushed = all_of(chunker.flush());
  EXPECT_THAT(sizes_of(flushed), testing::ElementsAre(4, 4, 4, 4, 2));
  EXPECT_EQ(content_so_far(joined(flushed)), content);
  EXPECT_TRUE(all_of(chunker.flush()).empty());
  EXPECT_THAT(sizes_of(all_of(chunker.finish())), testing::ElementsAre(3));
}

TEST(CompressionChunker, ChunksThatFitExactlyAreNotFollowedByAnything) {
  ZstdCompressor compressor;
  ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = 3});
  EXPECT_EQ(hex(joined(all_of(chunker.finish()))), kEmptyFrame);
  EXPECT_THROW(chunker.finish(), UsageError);
}

TEST(CompressionChunker, OutputHasToBeConsumedBeforeTheNextCall) {
  ZstdCompressor compressor;
  ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = 1000});
  const Bytes content = random_bytes(300000, 3);
  ByteChunks output = chunker.compress(content);
  const ByteSpan first = output.next();
  const Bytes begun(first.begin(), first.end());
  EXPECT_EQ(begun.size(), 1000u);
  EXPECT_THROW(chunker.compress(content), UsageError);
  EXPECT_THROW(chunker.flush(), UsageError);
  EXPECT_THROW(chunker.finish(), UsageError);
  std::vector<Bytes> rest;
  for (ByteSpan piece = output.next(); !piece.empty(); piece = output.next()) {
    rest.emplace_back(piece.begin(), piece.end());
  }
  EXPECT_EQ(output.bytes_consumed(), content.size());
  const std::vector<Bytes> last = all_of(chunker.finish());
  EXPECT_EQ(content_of(joined({begun, joined(rest), joined(last)})), content);
}

TEST(CompressionChunker, OutputThatWasNeverLookedAtIsNotConsumed) {
  ZstdCompressor compressor;
  ZstdCompressionChunker chunker = compressor.chunker();
  chunker.compress(bytes_of("x"));
  EXPECT_THROW(chunker.finish(), UsageError);
}

TEST(CompressionChunker, NothingCanFollowTheFinish) {
  ZstdCompressor compressor;
  ZstdCompressionChunker chunker = compressor.chunker();
  all_of(chunker.finish());
  EXPECT_THROW(chunker.compress({}), UsageError);
  EXPECT_THROW(chunker.flush(), UsageError);
  EXPECT_THROW(chunker.finish(), UsageError);
}

TEST(CompressionChunker, WrongSizesAreFoundByTheStepThatCan) {
  ZstdCompressor compressor;
  const Bytes content = bytes_of("foobar");
  ZstdCompressionChunker too_much = compressor.chunker({.size = 3});
  ByteChunks output = too_much.compress(content);
  expect_wrong_size([&] { output.next(); });
  expect_wrong_size([&] { too_much.finish(); });
  ZstdCompressionChunker too_little = compressor.chunker({.size = 9});
  all_of(too_little.compress(content));
  expect_wrong_size([&] { all_of(too_little.finish()); });
  ZstdCompressionChunker right = compressor.chunker({.size = 6});
  all_of(right.compress(content));
  const Bytes frame = joined(all_of(right.finish()));
  EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), 6u);
}

TEST(CompressionChunker, RangesAreOvertakenByOtherOperations) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(300000, 4);
  ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = 1000});
  ByteChunks output = chunker.compress(content);
  output.next();
  compressor.compress(content);
  EXPECT_THROW(output.next(), UsageError);
  EXPECT_THROW(chunker.flush(), UsageError);
}

TEST(CompressionChunker, RangesOutliveChunkerAndCompressor) {
  ByteChunks output = [] {
    ZstdCompressor compressor;
    return compressor.chunker().finish();
  }();
  EXPECT_EQ(hex(joined(all_of(std::move(output)))), kEmptyFrame);
}

TEST(CompressionChunker, ChunksOfNoBytesAreRefused) {
  ZstdCompressor compressor;
  EXPECT_THROW(compressor.chunker({.chunk_size = 0}), std::invalid_argument);
}

/// Pieces of 5, 4, … bytes.
class Countdown final : public ByteChunks::Maker {
 public:
  Countdown(std::size_t from, int* calls) : left_(from), calls_(calls) {}
  ByteSpan next() override {
    ++*calls_;
    return ByteSpan(memory_).first(left_ == 0 ? 0 : left_--);
  }
  std::uint64_t bytes_consumed() const override { return 0; }

 private:
  const Bytes memory_ = Bytes(5);
  std::size_t left_;
  int* calls_;
};

TEST(ByteChunks, AreAnInputRange) {
  static_assert(std::ranges::input_range<ByteChunks>);
  static_assert(std::same_as<std::ranges::range_value_t<ByteChunks>, ByteSpan>);
  int calls = 0;
  ByteChunks countdown(std::make_unique<Countdown>(5, &calls));
  for (const ByteSpan piece : countdown) {
    if (piece.size() == 4) break;
  }
  // A second walk begins where the first was left, also when the range was moved.
  EXPECT_THAT(sizes_of(all_of(std::move(countdown))), testing::ElementsAre(4, 3, 2, 1));
}

TEST(ByteChunks, EndStaysTheEnd) {
  int calls = 0;
  ByteChunks none(std::make_unique<Countdown>(0, &calls));
  EXPECT_TRUE(none.next().empty());
  EXPECT_TRUE(none.next().empty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace zstdfs::test
