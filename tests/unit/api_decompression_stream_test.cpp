#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ranges>
#include <stdexcept>
#include <system_error>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"

// The range, the writer and copy_stream.

namespace zstdfs {
namespace {

using test::bytes_of;
using test::frame_of;
using test::joined;
using test::message_of;
using test::PiecewiseSink;
using test::PiecewiseSource;
using test::skippable_frame;
using test::text_bytes;
using test::without_end;
using test::zstd_error_of;

const Bytes kContent = text_bytes(300'000, 1);
const Bytes kOther = test::compressible_bytes(5'000, 2);
const Bytes kFlushed = frame_of(kContent, {.finished = false});
const std::size_t kPieces[] = {1, 777, 131075, std::size_t{1} << 24};

Bytes content_of(ByteChunks range) {
  Bytes all;
  for (const ByteSpan piece : range) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

TEST(DecompressionRange, YieldsTheContentInPieces) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    const Bytes frame = frame_of(kContent, {.magicless = magicless});
    EXPECT_EQ(content_of(decompressor.read_to_iter(frame)), kContent);
    for (const std::size_t piece : kPieces) {
      PiecewiseSource source(frame, piece);
      ByteChunks range = decompressor.read_to_iter(source, {.read_size = 5000, .write_size = 7000});
      Bytes all;
      for (const ByteSpan part : range) {
        EXPECT_LE(part.size(), 7000u);
        EXPECT_FALSE(part.empty());
        all.insert(all.end(), part.begin(), part.end());
      }
      EXPECT_EQ(all, kContent);
      EXPECT_EQ(range.bytes_consumed(), frame.size());
      EXPECT_LE(source.largest_request, 5000u);
    }
  }
}

TEST(DecompressionRange, IsWalkedOnceAndOnDemand) {
  PiecewiseSource source(frame_of(kContent), 10'000);
  ZstdDecompressor decompressor;
  ByteChunks range = decompressor.read_to_iter(source);
  EXPECT_EQ(source.reads, 0);
  auto at = range.begin();
  const int reads = source.reads;
  EXPECT_GT(reads, 0);
  EXPECT_EQ((*at).data(), (*range.begin()).data());
  EXPECT_EQ(source.reads, reads) << "a second begin() stays where the walk is";
  while (at != range.end()) ++at;
  EXPECT_TRUE(range.begin() == range.end());
}

TEST(DecompressionRange, NoInputYieldsNothing) {
  PiecewiseSource nothing({}, 1);
  EXPECT_TRUE(content_of(ZstdDecompressor().read_to_iter(nothing)).empty());
  EXPECT_TRUE(content_of(ZstdDecompressor().read_to_iter(ByteSpan{})).empty());
}

TEST(DecompressionRange, ASkippableFrameIsNotTheFrame) {
  const Bytes data = joined({skippable_frame(50), frame_of(kOther), bytes_of("anything")});
  for (const std::size_t piece : kPieces) {
    PiecewiseSource source(data, piece);
    EXPECT_EQ(content_of(ZstdDecompressor().read_to_iter(source)), kOther);
  }
}

TEST(DecompressionRange, ReadsAcrossFramesWhenAsked) {
  const Bytes data =
      joined({frame_of(kOther), frame_of({}), skippable_frame(7), frame_of(kContent)});
  EXPECT_EQ(content_of(ZstdDecompressor().read_to_iter(data)), kOther);
  EXPECT_EQ(content_of(ZstdDecompressor().read_to_iter(data, {.read_across_frames = true})),
            joined({kOther, kContent}));
  EXPECT_EQ(zstd_error_of([&] {
              content_of(ZstdDecompressor().read_to_iter(joined({data, bytes_of("junkjunk")}),
                                                         {.read_across_frames = true}));
            }),
            ZSTD_error_prefix_unknown);
}

TEST(DecompressionRange, SkipsBytesWithinTheFirstPiece) {
  ZstdDecompressor decompressor;
  const Bytes data = joined({bytes_of("12345"), frame_of(kOther)});
  EXPECT_EQ(content_of(decompressor.read_to_iter(data, {.skip_bytes = 5})), kOther);
  PiecewiseSource source(data, 100);
  EXPECT_EQ(content_of(decompressor.read_to_iter(source, {.read_size = 6, .skip_bytes = 5})),
            kOther);
  EXPECT_THROW(decompressor.read_to_iter(data, {.read_size = 5, .skip_bytes = 5}),
               std::invalid_argument);
  PiecewiseSource slow(data, 5);
  ByteChunks range = decompressor.read_to_iter(slow, {.skip_bytes = 5});
  EXPECT_THROW(range.begin(), std::invalid_argument);
  EXPECT_THROW(range.begin(), std::invalid_argument);
  EXPECT_THROW(content_of(decompressor.read_to_iter(bytes_of("123"), {.skip_bytes = 3})),
               std::invalid_argument);
}

TEST(DecompressionRange, MayOwnItsSource) {
  bool closed = false;
  const Bytes frame = frame_of(kOther);
  Bytes content;
  for (const ByteSpan piece :
       ZstdDecompressor().read_to_iter(std::make_unique<PiecewiseSource>(frame, 9, &closed))) {
    content.insert(content.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(content, kOther);
  EXPECT_THROW(ZstdDecompressor().read_to_iter(std::unique_ptr<Source>{}), std::invalid_argument);
}

TEST(DecompressionRange, TruncationIsReportedAfterTheBytesBeforeIt) {
  ZstdDecompressor decompressor;
  ByteChunks range = decompressor.read_to_iter(kFlushed, {.write_size = 10});
  Bytes all;
  EXPECT_EQ(zstd_error_of([&] {
              for (const ByteSpan part : range) all.insert(all.end(), part.begin(), part.end());
            }),
            ZSTD_error_srcSize_wrong);
  EXPECT_EQ(all, kContent);
}

TEST(DecompressionRange, RefusesSizesOfZero) {
  ZstdDecompressor decompressor;
  EXPECT_THROW(decompressor.read_to_iter(ByteSpan{}, {.read_size = 0}), std::invalid_argument);
  EXPECT_THROW(decompressor.read_to_iter(ByteSpan{}, {.write_size = 0}), std::invalid_argument);
}

TEST(DecompressionWriter, WritesWhatItIsGivenToTheSink) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    const Bytes frame = frame_of(kOther, {.magicless = magicless});
    const Bytes data = joined({frame, frame_of({}, {.magicless = magicless}), frame});
    for (const std::size_t piece : kPieces) {
      PiecewiseSink sink(33);  // short writes must not lose anything
      ZstdDecompressionWriter writer = decompressor.stream_writer(sink, {.write_size = 100});
      for (ByteSpan rest = data; !rest.empty();) {
        const ByteSpan now = rest.first(std::min(piece, rest.size()));
        EXPECT_EQ(writer.write(now), now.size());
        rest = rest.subspan(now.size());
      }
      EXPECT_EQ(sink.content, joined({kOther, kOther}));
      EXPECT_LE(sink.largest_write, 100u);
      EXPECT_EQ(writer.bytes_consumed(), data.size());
      EXPECT_EQ(writer.bytes_produced(), 2 * kOther.size());
      writer.close();
    }
  }
}

TEST(DecompressionWriter, MayReturnHowMuchItWrote) {
  PiecewiseSink sink(1u << 20);
  ZstdDecompressionWriter writer =
      ZstdDecompressor().stream_writer(sink, {.write_return_read = false});
  const Bytes frame = frame_of(kOther);
  EXPECT_EQ(writer.write(ByteSpan(frame).first(4)), 0u);
  EXPECT_EQ(writer.write(ByteSpan(frame).subspan(4)), kOther.size());
  EXPECT_EQ(writer.write({}), 0u);
}

TEST(DecompressionWriter, FlushesAndClosesItsSink) {
  PiecewiseSink sink(100);
  ZstdDecompressionWriter writer = ZstdDecompressor().stream_writer(sink);
  EXPECT_EQ(writer.fileno(), 42);
  EXPECT_GT(writer.memory_size(), 50'000u);
  writer.flush();
  EXPECT_EQ(sink.flushes, 1);
  EXPECT_FALSE(writer.closed());
  writer.close();
  writer.close();
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(sink.closes, 1);
  EXPECT_EQ(sink.flushes, 1) << "close() does not flush";
  EXPECT_THROW(writer.write(frame_of(kOther)), UsageError);
  EXPECT_THROW(writer.flush(), UsageError);
  ZstdDecompressor().stream_writer(sink, {.closefd = false}).close();
  EXPECT_EQ(sink.closes, 1);
}

TEST(DecompressionWriter, GivesAllOfAFlushedFrameAndReportsTruncationWhenItIsClosed) {
  PiecewiseSink sink(1u << 20);
  ZstdDecompressionWriter writer = ZstdDecompressor().stream_writer(sink);
  writer.write(kFlushed);
  EXPECT_EQ(sink.content, kContent);
  EXPECT_EQ(zstd_error_of([&] { writer.close(); }), ZSTD_error_srcSize_wrong);
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(sink.closes, 1);
  writer.close();
  const Bytes skippable = skippable_frame(9);
  ZstdDecompressionWriter another = ZstdDecompressor().stream_writer(sink);
  another.write(without_end(skippable, 1));
  EXPECT_THROW(another.close(), ZstdError);
}

TEST(DecompressionWriter, AfterAFailedWriteNothingIsWrittenAnyMore) {
  PiecewiseSink sink(100);
  ZstdDecompressionWriter writer = ZstdDecompressor().stream_writer(sink);
  writer.write(frame_of({}));
  EXPECT_EQ(zstd_error_of([&] { writer.write(bytes_of("junk, not zstd")); }),
            ZSTD_error_prefix_unknown);
  EXPECT_EQ(zstd_error_of([&] { writer.write(frame_of(kOther)); }), ZSTD_error_prefix_unknown);
  EXPECT_EQ(zstd_error_of([&] { writer.close(); }), ZSTD_error_prefix_unknown);
  EXPECT_EQ(sink.closes, 0);
  CallbackSink full([](ByteSpan) -> std::size_t { return 0; });
  ZstdDecompressionWriter stuck = ZstdDecompressor().stream_writer(full);
  EXPECT_THROW(stuck.write(frame_of(kOther)), std::system_error);
  EXPECT_THROW(stuck.write({}), std::system_error);
}

// What is in the sink is not all: nothing may look as if it was.
TEST(DecompressionWriter, AfterAFailedWriteFlushAndCloseFailTooAndTheSinkStaysOpen) {
  struct FullSink final : Sink {
    std::size_t write(ByteSpan) override { throw std::runtime_error("disk full"); }
    void flush() override { ++flushes; }
    void close() override { ++closes; }
    int flushes = 0;
    int closes = 0;
  } sink;
  ZstdDecompressionWriter writer = ZstdDecompressor().stream_writer(sink);
  const auto say = [](const auto& call) { return message_of<std::runtime_error>(call); };
  EXPECT_EQ(say([&] { writer.write(frame_of(kOther)); }), "disk full");
  EXPECT_EQ(say([&] { writer.flush(); }), "disk full");
  EXPECT_EQ(say([&] { writer.close(); }), "disk full");
  EXPECT_TRUE(writer.closed());
  EXPECT_NO_THROW(writer.close());
  EXPECT_EQ(sink.flushes, 0);
  EXPECT_EQ(sink.closes, 0);
}

TEST(DecompressionWriter, MayOwnItsSink) {
  Bytes out;
  ZstdDecompressionWriter writer =
      ZstdDecompressor().stream_writer(std::make_unique<BytesSink>(out));
  writer.write(frame_of(kOther));
  writer.close();
  EXPECT_EQ(out, kOther);
  EXPECT_THROW(ZstdDecompressor().stream_writer(std::unique_ptr<Sink>{}), std::invalid_argument);
  EXPECT_THROW(
      ZstdDecompressor().stream_writer(std::make_unique<BytesSink>(out), {.write_size = 0}),
      std::invalid_argument);
}

TEST(DecompressingCopy, CopiesAllFrames) {
  const Bytes data =
      joined({skippable_frame(4), frame_of(kContent), frame_of({}), frame_of(kOther)});
  for (const std::size_t piece : kPieces) {
    PiecewiseSource source(data, piece);
    PiecewiseSink sink(500);
    EXPECT_EQ(ZstdDecompressor().copy_stream(source, sink, {.read_size = 999, .write_size = 777}),
              (DecompressingCopyResult{data.size(), kContent.size() + kOther.size()}));
    EXPECT_EQ(sink.content, joined({kContent, kOther}));
    EXPECT_LE(source.largest_request, 999u);
    EXPECT_LE(sink.largest_write, 777u);
    EXPECT_EQ(sink.closes + sink.flushes, 0);
  }
  PiecewiseSource nothing({}, 1);
  PiecewiseSink sink(1);
  EXPECT_EQ(ZstdDecompressor().copy_stream(nothing, sink), DecompressingCopyResult{});
}

TEST(DecompressingCopy, TellsHowFarItHasGot) {
  const Bytes frame = frame_of(kContent);
  SpanSource source(frame);
  PiecewiseSink sink(1u << 20);
  std::vector<DecompressingCopyResult> told;
  const DecompressingCopyResult whole = ZstdDecompressor().copy_stream(
      source, sink, {.read_size = 1000, .progress = [&](const auto& now) { told.push_back(now); }});
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), whole);
  EXPECT_TRUE(std::ranges::is_sorted(told, {}, &DecompressingCopyResult::written));
  EXPECT_TRUE(std::ranges::is_sorted(told, {}, &DecompressingCopyResult::read));
  EXPECT_LT(told.front().written, kContent.size());
}

TEST(DecompressingCopy, ReportsTruncationAndJunkAfterWritingWhatCameBefore) {
  PiecewiseSource source(kFlushed, 1000);
  PiecewiseSink sink(1u << 20);
  EXPECT_EQ(zstd_error_of([&] { ZstdDecompressor().copy_stream(source, sink); }),
            ZSTD_error_srcSize_wrong);
  EXPECT_EQ(sink.content, kContent);
  PiecewiseSource junk(joined({frame_of({}), bytes_of("junk, not zstd")}), 1000);
  EXPECT_EQ(zstd_error_of([&] { ZstdDecompressor().copy_stream(junk, sink); }),
            ZSTD_error_prefix_unknown);
  EXPECT_THROW(ZstdDecompressor().copy_stream(source, sink, {.read_size = 0}),
               std::invalid_argument);
  EXPECT_THROW(ZstdDecompressor().copy_stream(source, sink, {.write_size = 0}),
               std::invalid_argument);
}

TEST(DecompressingCopy, CopiesBetweenFiles) {
  std::FILE* const in = std::tmpfile();
  std::FILE* const out = std::tmpfile();
  ASSERT_TRUE(in != nullptr && out != nullptr);
  FileSink fill(::fileno(in), FileOwnership::kBorrowed);
  write_all(fill, frame_of(kContent));
  ASSERT_EQ(::lseek(::fileno(in), 0, SEEK_SET), 0);
  FileSource source(::fileno(in), FileOwnership::kBorrowed);
  FileSink sink(::fileno(out), FileOwnership::kBorrowed);
  EXPECT_EQ(ZstdDecompressor().copy_stream(source, sink).written, kContent.size());
  Bytes content(kContent.size() + 1);
  EXPECT_EQ(::pread(::fileno(out), content.data(), content.size(), 0), std::ssize(kContent));
  content.pop_back();
  EXPECT_EQ(content, kContent);
  (void)std::fclose(in);
  (void)std::fclose(out);
}

}  // namespace
}  // namespace zstdfs
