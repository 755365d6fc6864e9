#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "tests/unit/api_seekable_fixture.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "tests/unit/zstd_command.hpp"

namespace zstdfs::test {
namespace {

const Bytes kContent = compressible_bytes(100'000, 1);

/// Fails from its `good`-th write on, and counts.
class FailingSink final : public Sink {
 public:
  explicit FailingSink(int good) : good_(good) {}
  std::size_t write(ByteSpan bytes) override {
    if (writes++ >= good_) throw std::system_error(ENOSPC, std::generic_category(), "full");
    return bytes.size();
  }
  void close() override { ++closes; }

  int writes = 0;
  int closes = 0;

 private:
  int good_;
};

TEST(SeekableWriter, FileIsFramesAndATable) {
  const Bytes file = seekable(kContent, {.frame_size = 30'000});
  std::vector<Entry> entries;
  Bytes frames;
  for (std::size_t at = 0; at < kContent.size(); at += 30'000) {
    const ByteSpan part = part_of(kContent, at, 30'000);
    const Bytes frame = ZstdCompressor().compress(part);
    entries.push_back({static_cast<std::uint32_t>(frame.size()),
                       static_cast<std::uint32_t>(part.size()), content_checksum(part)});
    frames.insert(frames.end(), frame.begin(), frame.end());
  }
  EXPECT_EQ(entries.size(), 4u);
  EXPECT_EQ(file, concatenated(frames, table_bytes(entries)));
  EXPECT_TRUE(zstd_accepts(file));
  EXPECT_EQ(unpacked_by_zstd(file), kContent);
}

TEST(SeekableWriter, TableIsWhatAScanFinds) {
  for (const auto checksums : {SeekTableChecksums::kAbsent, SeekTableChecksums::kPresent}) {
    const Bytes file = seekable(kContent, {.frame_size = 9'999, .checksums = checksums});
    const MemorySource source(file);
    const auto table = read_seek_table(source);
    ASSERT_TRUE(table);
    EXPECT_EQ(*table, scan_seek_table(source, {.checksums = checksums}));
    EXPECT_EQ(table->has_checksums(), checksums == SeekTableChecksums::kPresent);
    EXPECT_EQ(table->frame_count(), 11u);
    EXPECT_EQ(table->decompressed_size(), kContent.size());
    const std::size_t entry_bytes = table->has_checksums() ? 12 : 8;
    EXPECT_EQ(file.size() - table->compressed_size(), 17 + 11 * entry_bytes);
    EXPECT_EQ(unpacked_by_zstd(file), kContent);
  }
}

TEST(SeekableWriter, OutputDoesNotDependOnHowTheWritesWereSplit) {
  Random random(7);
  for (const std::size_t frame_size :
       {std::size_t{1'000}, std::size_t{4'096}, std::size_t{1} << 20}) {
    const Bytes expected = seekable(kContent, {.frame_size = frame_size});
    for (const std::uint64_t most : {1'001u, 3'000u, 50'000u}) {
      Bytes file;
      BytesSink sink(file);
      ZstdSeekableWriter writer(sink, {.frame_size = frame_size});
      for (ByteSpan rest = kContent; !rest.empty();) {
        const std::size_t n = std::min<std::size_t>(rest.size(), random.below(most));
        EXPECT_EQ(writer.write(rest.first(n)), n);
        rest = rest.subspan(n);
      }
      writer.close();
      EXPECT_EQ(file, expected) << frame_size << " " << most;
    }
  }
}

TEST(SeekableWriter, FramesEndWhereTheyAreAskedTo) {
  Bytes file;
  BytesSink sink(file);
  ZstdSeekableWriter writer(sink, {.frame_size = 100});
  writer.end_frame();
  EXPECT_EQ(writer.seek_table().frame_count(), 0u) << "no frame without content";
  writer.write(ByteSpan(kContent).first(250));
  writer.end_frame();
  writer.end_frame();
  writer.write(ByteSpan(kContent).subspan(250, 100));
  writer.end_frame();
  writer.write(ByteSpan(kContent).subspan(350, 1));
  EXPECT_EQ(writer.seek_table().frame_count(), 4u);
  writer.close();
  std::vector<std::uint32_t> sizes;
  const auto table = read_seek_table(MemorySource(file));
  ASSERT_TRUE(table);
  for (const SeekableFrame& frame : *table) {
    sizes.push_back(frame.decompressed_size);
  }
  EXPECT_EQ(sizes, (std::vector<std::uint32_t>{100, 100, 50, 100, 1}));
}

TEST(SeekableWriter, FlushEndsTheFrameAndFlushesTheSink) {
  PiecewiseSink sink(7);
  ZstdSeekableWriter writer(sink);
  writer.flush();
  EXPECT_EQ(sink.flushes, 1);
  EXPECT_TRUE(sink.content.empty());
  writer.write(kContent);
  writer.flush();
  EXPECT_EQ(sink.flushes, 2);
  EXPECT_EQ(ZstdDecompressor().decompress(sink.content), kContent);
  EXPECT_EQ(writer.tell(), sink.content.size());
  EXPECT_EQ(writer.bytes_consumed(), kContent.size());
  writer.close();
  EXPECT_EQ(writer.tell(), sink.content.size());
  EXPECT_EQ(sink.flushes, 2);
  EXPECT_EQ(writer.fileno(), 42);
  EXPECT_GT(writer.memory_size(), kContent.size());
}

TEST(SeekableWriter, EmptyFileIsATableWithoutFrames) {
  const Bytes file = seekable({});
  EXPECT_EQ(file, table_bytes({}));
  EXPECT_EQ(seekable({}, {.checksums = SeekTableChecksums::kAbsent}),
            table_bytes({}, {.descriptor = 0}));
  EXPECT_TRUE(unpacked_by_zstd(file).empty());
  EXPECT_TRUE(zstd_accepts(file));
  EXPECT_EQ(ZstdSeekableReader(std::make_unique<MemorySource>(file)).size(), 0u);
}

TEST(SeekableWriter, SkippableFramesAreListed) {
  Bytes file;
  BytesSink sink(file);
  ZstdSeekableWriter writer(sink);
  writer.write_skippable_frame(5, bytes_of("metadata"));
  writer.write(bytes_of("one"));
  writer.write_skippable_frame(15, {});
  writer.write(bytes_of("two"));
  writer.close();
  const auto table = read_seek_table(MemorySource(file));
  ASSERT_TRUE(table);
  ASSERT_EQ(table->frame_count(), 4u);
  EXPECT_EQ(load_le<std::uint32_t>(file, 0), 0x184D2A55u);
  EXPECT_EQ(load_le<std::uint32_t>(file, 4), 8u);
  EXPECT_EQ((*table)[0].compressed_size, 16u);
  EXPECT_EQ((*table)[0].decompressed_size, 0u);
  EXPECT_EQ((*table)[0].checksum, kChecksumOfNothing);
  EXPECT_EQ((*table)[2].compressed_size, 8u);
  EXPECT_EQ(unpacked_by_zstd(file), bytes_of("onetwo"));
  EXPECT_EQ(ZstdSeekableReader(std::make_unique<MemorySource>(file)).readall(), bytes_of("onetwo"));
  EXPECT_EQ(*table,
            scan_seek_table(MemorySource(file), {.checksums = SeekTableChecksums::kPresent}));
}

TEST(SeekableWriter, SkippableFramesThatCannotBeAreRefused) {
  PiecewiseSink sink(1000);
  ZstdSeekableWriter writer(sink);
  writer.write(bytes_of("pending"));
  EXPECT_THROW(writer.write_skippable_frame(16, {}), std::invalid_argument);
  EXPECT_THROW(writer.write_skippable_frame(14, {}), std::invalid_argument);
  EXPECT_TRUE(sink.content.empty());
  writer.write_skippable_frame(0, {});
  EXPECT_EQ(writer.seek_table().frame_count(), 2u);
}

TEST(SeekableWriter, GoesOnWithAFile) {
  for (const auto checksums : {SeekTableChecksums::kAbsent, SeekTableChecksums::kPresent}) {
    const ByteSpan content = kContent;
    Bytes file = seekable(content.first(45'000), {.frame_size = 20'000, .checksums = checksums});
    for (const auto& [from, bytes] :
         {std::pair{45'000u, 25'000u}, {70'000u, 0u}, {70'000u, 30'000u}}) {
      const auto table = read_seek_table(MemorySource(file));
      ASSERT_TRUE(table);
      Bytes appended;
      BytesSink sink(appended);
      ZstdSeekableWriter writer(sink, {.frame_size = 10'000, .continues = table});
      writer.write(content.subspan(from, bytes));
      writer.close();
      EXPECT_EQ(writer.tell(), appended.size());
      EXPECT_GE(table->compressed_size() + appended.size(), file.size()) << "nothing old is left";
      file.resize(table->compressed_size());
      file.insert(file.end(), appended.begin(), appended.end());
      EXPECT_TRUE(same(unpacked_by_zstd(file), content.first(from + bytes)));
    }
    const MemorySource source(file);
    const auto table = read_seek_table(source);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->frame_count(), 3u + 3 + 3);
    EXPECT_EQ(*table, scan_seek_table(source, {.checksums = checksums}));
    EXPECT_EQ(ZstdSeekableReader(source).readall(), kContent);
  }
}

TEST(SeekableWriter, GoesOnWithAFileInItsPlace) {
  const ByteSpan content = kContent;
  const ScratchFile scratch(seekable(content.first(60'000), {.frame_size = 7'000}));
  const int fd = ::open(scratch.path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto table = read_seek_table(RandomAccessFile(fd, FileOwnership::kBorrowed));
  ASSERT_TRUE(table);
  ASSERT_GE(::lseek(fd, static_cast<off_t>(table->compressed_size()), SEEK_SET), 0);
  ZstdSeekableWriter writer(std::make_unique<FileSink>(fd, FileOwnership::kBorrowed),
                            {.continues = table});
  EXPECT_EQ(writer.fileno(), fd);
  writer.write(content.subspan(60'000));
  writer.close();
  ZstdSeekableReader reader(std::make_unique<RandomAccessFile>(fd, FileOwnership::kOwned));
  EXPECT_EQ(reader.readall(), kContent);
}

TEST(SeekableWriter, CompressorOptionsAreThoseOfTheFrames) {
  const Bytes raw = text_bytes(3'000, 9);
  const auto dictionary = std::make_shared<const ZstdCompressionDict>(raw, DictType::kRawContent);
  const SeekableWriterOptions options{
      .compressor = {.level = 9, .dict_data = dictionary, .write_checksum = true},
      .frame_size = 1'000};
  const Bytes file = seekable(raw, options);
  EXPECT_LT(file.size(), raw.size() / 5) << "the dictionary was used";
  const MemorySource source(file);
  EXPECT_EQ(ZstdSeekableReader(source, {.decompressor = {.dict_data = dictionary}}).readall(), raw);
  EXPECT_TRUE(get_frame_parameters(file).has_checksum);
  EXPECT_EQ(get_frame_parameters(file).content_size, 1'000u);

  const auto parameters = ZstdCompressionParameters({.compression_level = 1, .threads = 2});
  EXPECT_EQ(
      unpacked_by_zstd(seekable(kContent, {.compressor = {.compression_params = parameters}})),
      kContent);
}

TEST(SeekableWriter, OptionsThatCannotBeAreRefused) {
  const auto refuses = [](const SeekableWriterOptions& options) {
    EXPECT_THROW(seekable({}, options), std::invalid_argument);
  };
  refuses({.frame_size = 0});
  refuses({.frame_size = (std::size_t{1} << 30) + 1});
  EXPECT_EQ(seekable({}, {.frame_size = std::size_t{1} << 30}), table_bytes({}));
  refuses({.compressor = {.write_content_size = false}});
  refuses({.compressor = {.compression_params =
                              ZstdCompressionParameters({.write_content_size = false})}});
  refuses({.compressor = {.compression_params =
                              ZstdCompressionParameters({.format = kFormatZstd1Magicless})}});
  refuses({.compressor = {.level = 23}});
  EXPECT_THROW(ZstdSeekableWriter(std::unique_ptr<Sink>()), std::invalid_argument);
}

TEST(SeekableWriter, TooManyFramesAreRefusedBeforeAnythingIsWritten) {
  PiecewiseSink sink(SIZE_MAX);
  ZstdSeekableWriter writer(sink, {.frame_size = 1});
  const Bytes too_much((std::size_t{1} << 27) + 1);
  EXPECT_EQ(zstd_error_of([&] { writer.write(too_much); }), ZSTD_error_frameIndex_tooLarge);
  EXPECT_TRUE(sink.content.empty());
  EXPECT_EQ(writer.bytes_consumed(), 0u);
  writer.write(bytes_of("x"));
  writer.close();
  EXPECT_EQ(unpacked_by_zstd(sink.content), bytes_of("x"));
}

TEST(SeekableWriter, ASinksFailureIsThrownAgain) {
  for (const int good : {0, 1, 3}) {
    FailingSink sink(good);
    ZstdSeekableWriter writer(sink, {.frame_size = 10'000});
    EXPECT_EQ(error_of([&] { writer.write(kContent); }), ENOSPC);
    EXPECT_EQ(sink.writes, good + 1);
    EXPECT_EQ(error_of([&] { writer.write({}); }), ENOSPC);
    EXPECT_EQ(error_of([&] { writer.end_frame(); }), ENOSPC);
    EXPECT_EQ(error_of([&] { writer.flush(); }), ENOSPC);
    EXPECT_EQ(error_of([&] { writer.write_skippable_frame(1, {}); }), ENOSPC);
    EXPECT_FALSE(writer.closed());
    EXPECT_EQ(error_of([&] { writer.close(); }), ENOSPC);
    EXPECT_TRUE(writer.closed());
    EXPECT_NO_THROW(writer.close());
    EXPECT_EQ(sink.writes, good + 1) << "nothing was written after the failure";
    EXPECT_EQ(sink.closes, 0) << "what it has is not a whole file";
    EXPECT_EQ(writer.seek_table().frame_count(), static_cast<std::size_t>(good));
  }
  CallbackSink takes_nothing([](ByteSpan) { return 0; });
  ZstdSeekableWriter writer(takes_nothing);
  EXPECT_EQ(error_of([&] { writer.close(); }), EIO);
}

TEST(SeekableWriter, CloseWritesOnceAndClosesTheSinkIfAsked) {
  for (const bool closefd : {false, true}) {
    PiecewiseSink sink(100);
    ZstdSeekableWriter writer(sink, {.closefd = closefd});
    writer.write(kContent);
    EXPECT_FALSE(writer.closed());
    writer.close();
    const Bytes file = sink.content;
    writer.close();
    EXPECT_TRUE(writer.closed());
    EXPECT_EQ(sink.content, file);
    EXPECT_EQ(sink.closes, closefd ? 1 : 0);
    EXPECT_EQ(unpacked_by_zstd(file), kContent);
  }
}

TEST(SeekableWriter, NothingGoesOnAfterClose) {
  Bytes file;
  BytesSink sink(file);
  ZstdSeekableWriter writer(sink);
  writer.close();
  EXPECT_THROW(writer.write({}), UsageError);
  EXPECT_THROW(writer.end_frame(), UsageError);
  EXPECT_THROW(writer.flush(), UsageError);
  EXPECT_THROW(writer.write_skippable_frame(1, {}), UsageError);
  EXPECT_EQ(writer.tell(), file.size());
}

TEST(SeekableWriter, DestructorCommitsNothing) {
  PiecewiseSink sink(100);
  {
    ZstdSeekableWriter writer(sink, {.frame_size = 60'000});
    writer.write(kContent);
  }
  EXPECT_EQ(sink.closes, 0);
  const MemorySource source(sink.content);
  EXPECT_EQ(read_seek_table(source), std::nullopt);
  EXPECT_EQ(scan_seek_table(source).frame_count(), 1u);
}

TEST(SeekableWriter, UseByTwoThreadsIsDetected) {
  ZstdSeekableWriter* self = nullptr;
  CallbackSink sink([&](ByteSpan bytes) {
    EXPECT_THROW(self->write({}), UsageError);
    return bytes.size();
  });
  ZstdSeekableWriter writer(sink);
  self = &writer;
  writer.close();
}

TEST(SeekableWriter, CanBeMovedAndOwnItsSink) {
  Bytes file;
  ZstdSeekableWriter first(std::make_unique<BytesSink>(file));
  first.write(bytes_of("one "));
  ZstdSeekableWriter second = std::move(first);
  second.write(bytes_of("two"));
  second.close();
  EXPECT_EQ(unpacked_by_zstd(file), bytes_of("one two"));
}

}  // namespace
}  // namespace zstdfs::test
