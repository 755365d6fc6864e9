#include <system_error>

#include "tests/unit/api_compression_fixture.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::test {
namespace {

TEST(ReadToIter, YieldsPiecesOfAtMostTheWriteSize) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(300000, 1);
  RecordingSource source(content, 5000);
  const std::vector<Bytes> pieces =
      all_of(compressor.read_to_iter(source, {.read_size = 7000, .write_size = 1000}));
  for (const Bytes& piece : pieces) {
    EXPECT_FALSE(piece.empty());
    EXPECT_LE(piece.size(), 1000u);
  }
  EXPECT_EQ(content_of(joined(pieces)), content);
  EXPECT_EQ(source.largest, 7000u);
}

TEST(ReadToIter, ReadsOnlyAsFarAsItIsWalked) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(2000000, 2);
  RecordingSource source(content);
  ByteChunks pieces = compressor.read_to_iter(source);
  EXPECT_EQ(source.reads, 0);
  pieces.next();
  EXPECT_LE(source.reads, 2);
}

TEST(ReadToIter, NothingIsAnEmptyFrame) {
  ZstdCompressor compressor;
  EXPECT_EQ(hex(joined(all_of(compressor.read_to_iter(ByteSpan())))), kEmptyFrame);
  EXPECT_EQ(hex(joined(all_of(compressor.read_to_iter(std::make_unique<SpanSource>(ByteSpan()))))),
            kEmptyFrame);
}

TEST(ReadToIter, MemoryOverridesTheSizeThatWasGiven) {
  ZstdCompressor compressor;
  const Bytes content = bytes_of("foo");
  const Bytes frame = joined(all_of(compressor.read_to_iter(content, {.size = 9})));
  EXPECT_EQ(hex(frame), "28b52ffd2003190000666f6f");
  SpanSource source(content);
  expect_wrong_size([&] { all_of(compressor.read_to_iter(source, {.size = 9})); });
}

// What was given away lives as long as what reads it: also in a loop's head, and when that is
// moved.
TEST(CompressorSources, MemoryThatIsGivenAwayStays) {
  ZstdCompressor compressor;
  const Bytes content = text_bytes(300000, 2);
  const Bytes frame = compressor.stream_reader(ByteSpan(content)).readall();
  ZstdCompressionReader reader = compressor.stream_reader(text_bytes(300000, 2));
  ZstdCompressionReader moved = std::move(reader);
  EXPECT_EQ(moved.readall(), frame);
  Bytes whole;
  for (const ByteSpan piece : compressor.read_to_iter(text_bytes(300000, 2), {.size = 9})) {
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(whole, frame);
  ZstdCompressionChunker chunker = compressor.chunker({.size = content.size()});
  whole.clear();
  for (const ByteSpan piece : chunker.compress(text_bytes(300000, 2))) {
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  EXPECT_TRUE(all_of(chunker.compress({})).empty());
  EXPECT_EQ(content_of(joined({whole, joined(all_of(chunker.finish()))})), content);
  EXPECT_THROW(compressor.stream_reader(Bytes(3), {.read_size = 0}), std::invalid_argument);
  EXPECT_THROW(chunker.compress(Bytes(3)), UsageError);
}

TEST(CompressorSources, ASpanAsASourceKnowsItsSize) {
  ZstdCompressor compressor;
  const Bytes content = text_bytes(5000, 1);
  const auto size_in = [](const Bytes& frame) { return frame_content_size(frame); };
  SpanSource one(content);
  EXPECT_EQ(size_in(compressor.stream_reader(one).readall()), 5000u);
  SpanSource two(content);
  EXPECT_EQ(size_in(joined(all_of(compressor.read_to_iter(two)))), 5000u);
  EXPECT_EQ(size_in(compressor.stream_reader(std::make_unique<SpanSource>(content)).readall()),
            5000u);
  SpanSource three(content);
  Bytes begun(1000);
  three.read(begun);
  Bytes frame;
  BytesSink sink(frame);
  compressor.copy_stream(three, sink);
  EXPECT_EQ(size_in(frame), 4000u);
  SpanSource memory(content);
  CallbackSource unknown([&](MutableByteSpan out) { return memory.read(out); });
  EXPECT_EQ(size_in(compressor.stream_reader(unknown).readall()), std::nullopt);
}

TEST(ReadToIter, SizesOfNothingAreRefused) {
  ZstdCompressor compressor;
  EXPECT_THROW(compressor.read_to_iter(ByteSpan(), {.write_size = 0}), std::invalid_argument);
  EXPECT_THROW(compressor.read_to_iter(ByteSpan(), {.read_size = 0}), std::invalid_argument);
}

TEST(CompressionReader, ReadsOfAnySizeGiveTheSameFrame) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(300000, 3);
  const Bytes frame = compressor.stream_reader(content).readall();
  EXPECT_EQ(content_of(frame), content);
  EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), content.size());
  for (const std::int64_t size : {13, 1000, 131072, 10000000}) {
    RecordingSource source(content, 999);
    ZstdCompressionReader reader = compressor.stream_reader(source, {.size = content.size()});
    Bytes whole;
    for (;;) {
      const Bytes piece = reader.read(size);
      if (std::ssize(piece) < size) {
        EXPECT_TRUE(reader.read(size).empty());
      }
      whole.insert(whole.end(), piece.begin(), piece.end());
      if (piece.empty()) break;
    }
    EXPECT_EQ(whole, frame) << size;
    EXPECT_EQ(reader.tell(), frame.size());
    EXPECT_EQ(reader.bytes_consumed(), content.size());
  }
}

TEST(CompressionReader, ReadsIntoMemoryOfTheCallers) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(5000, 4);
  const Bytes frame = compressor.compress(content);
  ZstdCompressionReader reader = compressor.stream_reader(content);
  Bytes out(frame.size() + 100);
  EXPECT_EQ(reader.readinto({}), 0u);
  EXPECT_EQ(reader.readinto(MutableByteSpan(out).first(1000)), 1000u);
  EXPECT_EQ(reader.tell(), 1000u);
  EXPECT_EQ(reader.readinto(MutableByteSpan(out).subspan(1000)), frame.size() - 1000);
  out.resize(frame.size());
  EXPECT_EQ(out, frame);
  EXPECT_EQ(reader.readinto(out), 0u);
}

TEST(CompressionReader, Read1ReturnsAtTheFirstOutput) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(1000000, 5);
  RecordingSource source(content);
  ZstdCompressionReader reader = compressor.stream_reader(source);
  const Bytes first = reader.read1(1 << 20);
  EXPECT_FALSE(first.empty());
  EXPECT_LT(first.size(), 200000u);
  EXPECT_LE(source.reads, 2);
  Bytes out(1 << 20);
  const std::size_t second = reader.readinto1(out);
  EXPECT_GT(second, 0u);
  EXPECT_LT(second, 200000u);
  out.resize(second);
  EXPECT_EQ(content_of(joined({first, out, reader.read()})), content);
  EXPECT_EQ(reader.read1(), Bytes());
}

TEST(CompressionReader, RefusesSizesBelowMinusOne) {
  ZstdCompressor compressor;
  const Bytes content = text_bytes(5000, 3);
  ZstdCompressionReader reader = compressor.stream_reader(content);
  EXPECT_THROW(reader.read(-2), std::invalid_argument);
  EXPECT_THROW(reader.read1(-2), std::invalid_argument);
  EXPECT_EQ(content_of(reader.read(-1)), content);
  EXPECT_TRUE(reader.read1(-1).empty());
}

TEST(CompressionReader, NothingComesToAnEnd) {
  ZstdCompressor compressor;
  EXPECT_EQ(hex(compressor.stream_reader(ByteSpan()).read1()), kEmptyFrame);
  ZstdCompressionReader reader = compressor.stream_reader(ByteSpan());
  Bytes out(100);
  EXPECT_EQ(reader.readinto1(out), 9u);
  EXPECT_EQ(reader.readinto1(out), 0u);
  EXPECT_EQ(reader.read1(10), Bytes());
  EXPECT_EQ(reader.read1(0), Bytes());
  EXPECT_EQ(reader.read(0), Bytes());
}

TEST(CompressionReader, WrongSizesAreErrorsAndStayThem) {
  ZstdCompressor compressor;
  const Bytes content = bytes_of("foo");
  for (const std::uint64_t size : {2u, 9u}) {
    SpanSource source(content);
    ZstdCompressionReader reader = compressor.stream_reader(source, {.size = size});
    expect_wrong_size([&] { reader.read(); });
    expect_wrong_size([&] { reader.read1(); });
    EXPECT_EQ(reader.tell(), 0u);
  }
  EXPECT_EQ(hex(compressor.stream_reader(content, {.size = 9}).read()), "28b52ffd2003190000666f6f");
}

TEST(CompressionReader, PassesOnWhatTheSourceThrows) {
  ZstdCompressor compressor;
  CallbackSource broken([](MutableByteSpan) -> std::size_t { throw std::runtime_error("gone"); });
  ZstdCompressionReader reader = compressor.stream_reader(broken);
  EXPECT_THROW(reader.read(), std::runtime_error);
  CallbackSource liar([](MutableByteSpan out) { return out.size() + 1; });
  ZstdCompressionReader second = compressor.stream_reader(liar);
  EXPECT_THROW(second.read(), std::system_error);
}

TEST(CompressionReader, ClosesItsSourceOnceIfItMay) {
  ZstdCompressor compressor;
  RecordingSource source{ByteSpan()};
  ZstdCompressionReader reader = compressor.stream_reader(source);
  reader.read();
  EXPECT_FALSE(reader.closed());
  reader.close();
  reader.close();
  EXPECT_TRUE(reader.closed());
  EXPECT_EQ(source.closes, 1);
  EXPECT_EQ(reader.tell(), 9u);
  EXPECT_THROW(reader.read(), UsageError);
  EXPECT_THROW(reader.readinto({}), UsageError);
  compressor.stream_reader(source, {.closefd = false}).close();
  EXPECT_EQ(source.closes, 1);
}

TEST(CompressionReader, IsOvertakenUnlessItWasAtItsEnd) {
  ZstdCompressor compressor;
  ZstdCompressionReader ended = compressor.stream_reader(ByteSpan());
  ended.readall();
  ZstdCompressionReader begun = compressor.stream_reader(ByteSpan());
  compressor.compress({});
  EXPECT_EQ(ended.read(), Bytes());
  EXPECT_THROW(begun.read(), UsageError);
  EXPECT_NO_THROW(begun.close());
}

TEST(CompressionWriter, WritesOneFrame) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(500000, 6);
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink, {.write_size = 1000});
  for (std::size_t at = 0; at < content.size(); at += 50000) {
    EXPECT_EQ(writer.write(ByteSpan(content).subspan(at, 50000)), 50000u);
    EXPECT_EQ(writer.tell(), sink.content.size());
  }
  writer.close();
  EXPECT_EQ(content_of(sink.content), content);
  EXPECT_EQ(sink.largest, 1000u);
  EXPECT_EQ(writer.tell(), sink.content.size());
  EXPECT_EQ(writer.bytes_consumed(), content.size());
}

// Sinks may take less than they are given; python-zstandard then loses data.
TEST(CompressionWriter, ShortWritesOfTheSinkLoseNothing) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(300000, 7);
  RecordingSink sink(77);
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  writer.write(content);
  writer.close();
  EXPECT_EQ(content_of(sink.content), content);
}

TEST(CompressionWriter, SinkThatTakesNothingIsAnErrorThatStays) {
  ZstdCompressor compressor;
  RecordingSink sink(0);
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  EXPECT_THROW(writer.write(random_bytes(300000, 8)), std::system_error);
  EXPECT_THROW(writer.write(bytes_of("x")), std::system_error);
  EXPECT_THROW(writer.close(), std::system_error);
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(sink.closes, 0);
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CompressionWriter, ReturnsWhatWasEmittedIfAskedFor) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer =
      compressor.stream_writer(sink, {.size = 3, .write_return_read = false});
  EXPECT_EQ(writer.write(bytes_of("foo")), 0u);
  EXPECT_EQ(writer.flush(kFlushFrame), 12u);
  EXPECT_EQ(hex(sink.content), "28b52ffd2003190000666f6f");
}

TEST(CompressionWriter, FlushedBlocksCanBeDecompressed) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  EXPECT_EQ(writer.write(bytes_of("foo")), 3u);
  EXPECT_EQ(writer.tell(), 0u);
  EXPECT_EQ(writer.flush(), 12u);
  EXPECT_EQ(content_so_far(sink.content), bytes_of("foo"));
  EXPECT_EQ(writer.flush(), 0u);
  EXPECT_EQ(writer.flush(kFlushFrame), 3u);
  EXPECT_EQ(writer.tell(), 15u);
  EXPECT_EQ(sink.flushes, 3);
  EXPECT_EQ(content_of(sink.content), bytes_of("foo"));
}

// python-zstandard appends an empty frame here.
TEST(CompressionWriter, CloseAddsNothingBehindAFlushedFrame) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  writer.write(bytes_of("foo"));
  writer.flush(kFlushFrame);
  EXPECT_EQ(writer.flush(), 0u);
  EXPECT_EQ(writer.write({}), 0u);
  const Bytes before = sink.content;
  writer.close();
  EXPECT_EQ(sink.content, before);
  EXPECT_EQ(sink.closes, 1);
}

TEST(CompressionWriter, FramesThatAreAskedForAreWrittenEvenIfEmpty) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  EXPECT_EQ(writer.flush(kFlushFrame), 9u);
  EXPECT_EQ(writer.flush(kFlushFrame), 9u);
  EXPECT_EQ(hex(sink.content), std::string(kEmptyFrame) + kEmptyFrame);
  RecordingSink only_closed;
  compressor.stream_writer(only_closed).close();
  EXPECT_EQ(hex(only_closed.content), kEmptyFrame);
  RecordingSink flushed;
  ZstdCompressionWriter begun = compressor.stream_writer(flushed);
  EXPECT_EQ(begun.flush(), 0u);
  begun.close();
  EXPECT_EQ(hex(flushed.content), "28b52ffd0058010000");
}

TEST(CompressionWriter, DeclaredSizeIsThatOfTheFirstFrame) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink, {.size = 3});
  writer.write(bytes_of("foo"));
  writer.flush(kFlushFrame);
  EXPECT_EQ(hex(sink.content), "28b52ffd2003190000666f6f");
  writer.write(bytes_of("barbaz"));
  writer.close();
  EXPECT_EQ(content_of(sink.content), bytes_of("foobarbaz"));
}

TEST(CompressionWriter, TooMuchInputIsFoundByWrite) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink, {.size = 3});
  expect_wrong_size([&] { writer.write(bytes_of("foobar")); });
  expect_wrong_size([&] { writer.write(bytes_of("x")); });
  expect_wrong_size([&] { writer.close(); });
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CompressionWriter, NoInputAtAllIsTooLittleToo) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink, {.size = 10});
  expect_wrong_size([&] { writer.close(); });
  EXPECT_TRUE(sink.content.empty());
  RecordingSource source({});
  expect_wrong_size([&] { compressor.stream_reader(source, {.size = 10}).readall(); });
}

TEST(CompressionWriter, TooLittleInputIsFoundByTheEndOfTheFrame) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink, {.size = 9});
  writer.write(bytes_of("foo"));
  expect_wrong_size([&] { writer.close(); });
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(sink.closes, 0);
  EXPECT_NO_THROW(writer.close());
}

TEST(CompressionWriter, ClosesItsSinkOnceAndDoesNotFlushIt) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  writer.close();
  writer.close();
  EXPECT_EQ(sink.closes, 1);
  EXPECT_EQ(sink.flushes, 0);
  EXPECT_THROW(writer.write({}), UsageError);
  EXPECT_THROW(writer.flush(), UsageError);
  EXPECT_EQ(writer.tell(), 9u);
  compressor.stream_writer(sink, {.closefd = false}).close();
  EXPECT_EQ(sink.closes, 1);
}

TEST(CompressionWriter, TellsMemoryAndDescriptor) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter writer = compressor.stream_writer(sink);
  writer.write(bytes_of("x"));
  EXPECT_GT(writer.memory_size(), 100000u);
  EXPECT_EQ(writer.memory_size(), compressor.memory_size());
  EXPECT_EQ(writer.fileno(), 77);
  Bytes out;
  EXPECT_EQ(compressor.stream_writer(std::make_unique<BytesSink>(out)).fileno(), std::nullopt);
}

TEST(CompressionWriter, IsOvertakenButForAFrameThatHasEnded) {
  ZstdCompressor compressor;
  RecordingSink sink;
  ZstdCompressionWriter ended = compressor.stream_writer(sink);
  ended.flush(kFlushFrame);
  ZstdCompressionWriter begun = compressor.stream_writer(sink);
  begun.write(bytes_of("x"));
  compressor.compress({});
  EXPECT_NO_THROW(ended.close());
  EXPECT_THROW(begun.write({}), UsageError);
  EXPECT_THROW(begun.close(), UsageError);
  EXPECT_TRUE(begun.closed());
}

TEST(CompressionWriter, SizesOfNothingAndSinksOfNothingAreRefused) {
  ZstdCompressor compressor;
  RecordingSink sink;
  EXPECT_THROW(compressor.stream_writer(sink, {.write_size = 0}), std::invalid_argument);
  EXPECT_THROW(compressor.stream_writer(std::unique_ptr<Sink>()), std::invalid_argument);
  EXPECT_THROW(compressor.stream_reader(std::unique_ptr<Source>()), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs::test
