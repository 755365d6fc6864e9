#include <fcntl.h>

#include <cerrno>
#include <limits>
#include <thread>

#include "tests/unit/api_seekable_fixture.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "tests/unit/zstd_command.hpp"

namespace zstdfs::test {
namespace {

using ::testing::HasSubstr;

const Bytes kContent = compressible_bytes(100'000, 1);

TEST(SeekableReader, RandomReadsOfRandomFiles) {
  Random random(11);
  for (int round = 0; round < (ZSTDFS_SANITIZED ? 10 : 40); ++round) {
    SCOPED_TRACE(round);
    const ByteSpan content = ByteSpan(kContent).first(random.below(kContent.size()));
    Bytes file;
    BytesSink sink(file);
    ZstdSeekableWriter writer(sink, {.compressor = {.write_checksum = random.chance(50)},
                                     .frame_size = 1 + random.below(1u << random.below(17)),
                                     .checksums = random.chance(50) ? SeekTableChecksums::kPresent
                                                                    : SeekTableChecksums::kAbsent});
    // Few frames of one byte, so that it does not take long.
    const ByteSpan written =
        content.first(std::min(content.size(), 300 * (1 + random.below(1u << random.below(12)))));
    for (ByteSpan rest = written; !rest.empty();) {
      const std::size_t n = std::min<std::size_t>(rest.size(), 1 + random.below(5'000));
      writer.write(rest.first(n));
      rest = rest.subspan(n);
      if (random.chance(5)) writer.end_frame();
      if (random.chance(5)) writer.write_skippable_frame(1, bytes_of("padding"));
    }
    writer.close();
    const MemorySource source(file);
    ZstdSeekableReader reader(source, {.kept_frames = 1 + random.below(3)});
    ASSERT_EQ(reader.size(), written.size());
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t offset = random.below(written.size() + 10);
      const std::size_t bytes = random.below(1u << random.below(17));
      ASSERT_TRUE(same(read_part(reader, offset, bytes), part_of(written, offset, bytes)))
          << offset << " " << bytes;
    }
    EXPECT_TRUE(same(reader.readall(), written));
  }
}

TEST(SeekableReader, SmallReadsInOrderDecompressAFrameOnce) {
  const CountingSource source(seekable(kContent, {.frame_size = 10'000}));
  ZstdSeekableReader reader(source);
  source.reads = 0;
  for (std::size_t at = 0; at < kContent.size(); at += 100) {
    ASSERT_TRUE(same(reader.read(100), part_of(kContent, at, 100)));
  }
  EXPECT_EQ(source.reads, 10);
}

TEST(SeekableReader, SeveralFramesAreKeptIfAsked) {
  const auto reads_with = [](std::size_t kept_frames) {
    const CountingSource source(seekable(kContent, {.frame_size = 10'000}));
    const ZstdSeekableReader reader(source, {.kept_frames = kept_frames});
    source.reads = 0;
    for (int i = 0; i < 10; ++i) {
      for (const std::uint64_t offset : {0u, 50'000u, 90'000u}) {
        EXPECT_TRUE(same(read_part(reader, offset + 10, 10), part_of(kContent, offset + 10, 10)));
      }
    }
    return source.reads;
  };
  EXPECT_EQ(reads_with(1), 30);
  EXPECT_EQ(reads_with(3), 3);
  EXPECT_EQ(reads_with(100), 3);
  const Bytes file = seekable(kContent);
  EXPECT_THROW(ZstdSeekableReader(std::make_unique<MemorySource>(file), {.kept_frames = 0}),
               std::invalid_argument);
}

TEST(SeekableReader, WholeFramesAreNotKept) {
  const CountingSource source(seekable(kContent, {.frame_size = 10'000}));
  const ZstdSeekableReader reader(source);
  source.reads = 0;
  EXPECT_TRUE(same(read_part(reader, 5'000, 30'000), part_of(kContent, 5'000, 30'000)));
  EXPECT_EQ(source.reads, 4);
  EXPECT_TRUE(same(read_part(reader, 30'001, 1), part_of(kContent, 30'001, 1)));
  EXPECT_EQ(source.reads, 4) << "the last one was read in part, and kept";
}

TEST(SeekableReader, LargeReadsOfFramesOfAnySize) {
  const Bytes content = text_bytes(9u << 20, 4);
  for (const std::size_t frame_size :
       {std::size_t{1} << 20, std::size_t{3'000'000}, std::size_t{5'000'000}, content.size()}) {
    const CountingSource source(
        seekable(content, {.compressor = {.level = 1}, .frame_size = frame_size}));
    ZstdSeekableReader reader(source);
    source.reads = 0;
    EXPECT_TRUE(reader.readall() == content) << frame_size;
    EXPECT_EQ(static_cast<std::size_t>(source.reads), reader.seek_table().frame_count());
    reader.seek(1'000);
    EXPECT_TRUE(same(reader.read(8'000'000), part_of(content, 1'000, 8'000'000))) << frame_size;
  }
}

TEST(SeekableReader, WhoeverReadsInOrderLeavesTheOthersFramesAlone) {
  const CountingSource source(seekable(kContent, {.frame_size = 10'000}));
  const ZstdSeekableReader reader(source, {.kept_frames = 2});
  read_part(reader, 90'000, 10);
  source.reads = 0;
  for (std::uint64_t at = 0; at < 50'000; at += 1'000) read_part(reader, at, 1'000);
  EXPECT_EQ(source.reads, 5);
  read_part(reader, 95'000, 10);
  EXPECT_EQ(source.reads, 5);
}

TEST(SeekableReader, ConcurrentReadersSeeTheSame) {
  const Bytes file = seekable(kContent, {.frame_size = 3'000});
  const MemorySource source(file);
  const ZstdSeekableReader reader(source);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      Random random(seed);
      for (int i = 0; i < (ZSTDFS_SANITIZED ? 300 : 2'000); ++i) {
        const std::uint64_t offset = random.below(kContent.size());
        const std::size_t bytes = random.below(8'000);
        if (!same(read_part(reader, offset, bytes), part_of(kContent, offset, bytes))) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(SeekableReader, PositionMovesAsThatOfAFile) {
  const Bytes file = seekable(kContent, {.frame_size = 7'000});
  ZstdSeekableReader reader(std::make_unique<MemorySource>(file));
  EXPECT_EQ(reader.tell(), 0u);
  EXPECT_TRUE(same(reader.read(10'000), part_of(kContent, 0, 10'000)));
  EXPECT_EQ(reader.tell(), 10'000u);
  EXPECT_TRUE(same(reader.peek(20'000), part_of(kContent, 10'000, 20'000)));
  EXPECT_EQ(reader.tell(), 10'000u);
  EXPECT_EQ(reader.seek(-5'000, SeekOrigin::kCurrent), 5'000u);
  Bytes piece(3'000);
  EXPECT_EQ(reader.readinto(piece), 3'000u);
  EXPECT_TRUE(same(piece, part_of(kContent, 5'000, 3'000)));
  EXPECT_EQ(reader.seek(-10, SeekOrigin::kEnd), 99'990u);
  EXPECT_TRUE(same(reader.read(100), part_of(kContent, 99'990, 100)));
  EXPECT_TRUE(reader.read(100).empty());
  EXPECT_TRUE(reader.peek(100).empty());
  EXPECT_TRUE(reader.read().empty());
  EXPECT_EQ(reader.readinto(piece), 0u);
  EXPECT_EQ(reader.seek(60'000), 60'000u);
  EXPECT_TRUE(same(reader.read(), ByteSpan(kContent).subspan(60'000)));
  EXPECT_EQ(reader.seek(0), 0u);
  EXPECT_EQ(reader.readall(), kContent);
  EXPECT_EQ(reader.seek(5, SeekOrigin::kEnd), kContent.size()) << "at most to the end";
  EXPECT_EQ(reader.seek(std::numeric_limits<std::int64_t>::max()), kContent.size());
  EXPECT_EQ(reader.seek(std::numeric_limits<std::int64_t>::max(), SeekOrigin::kCurrent),
            kContent.size());
  EXPECT_TRUE(reader.read(0).empty());
}

TEST(SeekableReader, ImpossibleSeeksAndSizesAreRefused) {
  const Bytes file = seekable(kContent);
  ZstdSeekableReader reader(std::make_unique<MemorySource>(file));
  reader.seek(10);
  EXPECT_EQ(error_of([&] { reader.seek(-1); }), EINVAL);
  EXPECT_EQ(error_of([&] { reader.seek(-11, SeekOrigin::kCurrent); }), EINVAL);
  EXPECT_EQ(error_of([&] { reader.seek(-100'001, SeekOrigin::kEnd); }), EINVAL);
  EXPECT_EQ(error_of([&] { reader.seek(std::numeric_limits<std::int64_t>::min()); }), EINVAL);
  EXPECT_EQ(error_of([&] { reader.seek(0, static_cast<SeekOrigin>(3)); }), EINVAL);
  EXPECT_THROW(reader.read(-2), std::invalid_argument);
  EXPECT_EQ(reader.tell(), 10u);
}

TEST(SeekableReader, ReaderIsASourceOfAnotherOne) {
  const Bytes inner = seekable(kContent, {.frame_size = 5'000});
  const Bytes outer = seekable(inner, {.frame_size = 1'000});
  const MemorySource source(outer);
  const ZstdSeekableReader outer_reader(source);
  const RandomAccessSource& as_source = outer_reader;
  ZstdSeekableReader reader(as_source);
  EXPECT_EQ(reader.readall(), kContent);
}

TEST(SeekableReader, FilesMadeInOtherWaysAreRead) {
  const Bytes leading = skippable_frame(20, 10);
  const Bytes first = frame_of(kContent, {.checksum = false});
  const Bytes empty = frame_of({}, {.content_size = false, .checksum = false});
  const Bytes second = frame_of(bytes_of("unknown size"), {.content_size = false});
  const Bytes frames = joined({leading, first, empty, second});
  const auto size = [](const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); };
  // Without checksums; with a skippable frame whose checksum is not that of nothing.
  for (const auto descriptor : {std::uint8_t{0}, std::uint8_t{3}, std::uint8_t{0x80}}) {
    const Bytes table =
        table_bytes({{size(leading), 0, 0},
                     {size(first), size(kContent), content_checksum(kContent)},
                     {size(empty), 0, 0},
                     {size(second), 12, content_checksum(bytes_of("unknown size"))}},
                    {.descriptor = descriptor});
    const Bytes file = concatenated(frames, table);
    ZstdSeekableReader reader(std::make_unique<MemorySource>(file));
    EXPECT_EQ(reader.readall(), joined({kContent, bytes_of("unknown size")}));
    EXPECT_EQ(read_part(reader, kContent.size() + 2, 3), bytes_of("kno"));
  }
}

TEST(SeekableReader, ReadsWithADetachedTable) {
  const Bytes stored = joined({frame_of(kContent), frame_of(bytes_of("end"))});
  const MemorySource source(stored);
  EXPECT_THROW(ZstdSeekableReader{source}, CorruptError);
  const SeekTable table = scan_seek_table(source);
  ZstdSeekableReader reader(source, table);
  EXPECT_EQ(reader.seek_table(), table);
  EXPECT_EQ(read_part(reader, kContent.size(), 10), bytes_of("end"));
  const Bytes kept_elsewhere = table.encode();
  const auto parsed = parse_seek_table(kept_elsewhere, stored.size() + kept_elsewhere.size());
  ZstdSeekableReader owning(std::make_unique<MemorySource>(stored), *parsed);
  EXPECT_EQ(owning.readall().size(), kContent.size() + 3);

  SeekTable too_long = table;
  too_long.append({.compressed_size = 8});
  EXPECT_EQ(corrupt_at([&] { ZstdSeekableReader(source, too_long); }), stored.size());
  EXPECT_THROW(ZstdSeekableReader(std::unique_ptr<const RandomAccessSource>()),
               std::invalid_argument);
}

TEST(SeekableReader, ConcatenatedFilesAreRefused) {
  const Bytes file = seekable(kContent);
  const Bytes two = concatenated(file, file);
  const MemorySource source(two);
  EXPECT_THROW(ZstdSeekableReader{source}, CorruptError);
  ZstdSeekableReader reader(source, scan_seek_table(source));
  EXPECT_EQ(reader.readall(), joined({kContent, kContent})) << "a scan makes sense of them";
}

TEST(SeekableReader, AnyFlippedBitOfAFrameIsFoundInAPartialRead) {
  // Raw blocks, so that nothing but the table's checksum tells.
  const Bytes content = random_bytes(3'000, 5);
  const Bytes file = seekable(content, {.frame_size = 1'000});
  const auto table = read_seek_table(MemorySource(file));
  const SeekableFrame second = (*table)[1];
  for (std::uint64_t at = second.compressed_offset; at < second.compressed_end(); ++at) {
    Bytes damaged = file;
    damaged[at] ^= std::byte{1};
    const MemorySource source(damaged);
    const ZstdSeekableReader reader(source);
    ASSERT_EQ(corrupt_at([&] { read_part(reader, 1'010, 1); }), second.compressed_offset) << at;
    ASSERT_THROW(read_part(reader, 0, 3'000), CorruptError) << at;
    ASSERT_TRUE(same(read_part(reader, 2'000, 1'000), part_of(content, 2'000, 1'000)));
  }
  Bytes damaged = file;
  damaged[second.compressed_offset + 100] ^= std::byte{1};
  const MemorySource source(damaged);
  ZstdSeekableReader reader(source);
  reader.seek(1'500);
  EXPECT_THAT(message_of<CorruptError>([&] { reader.read(1); }),
              HasSubstr("frame number 1: its checksum is not the one in the seek table"));
  EXPECT_EQ(reader.tell(), 1'500u) << "where it was";
  // What was kept before is not what a failed read has left.
  EXPECT_TRUE(same(read_part(reader, 10, 500), part_of(content, 10, 500)));
  EXPECT_THROW(read_part(reader, 1'010, 500), CorruptError);
  EXPECT_TRUE(same(read_part(reader, 10, 500), part_of(content, 10, 500)));
}

/// What is wrong with a file of one frame whose table says `entry` of it.
std::string damage_with(ByteSpan frame, const Entry& entry, const SeekableReaderOptions& options) {
  SeekTable table;
  table.append({entry.compressed_size, entry.decompressed_size, entry.checksum});
  const MemorySource source(frame);
  const ZstdSeekableReader reader(source, table, options);
  const std::string partial = message_of<CorruptError>([&] { read_part(reader, 1, 1); });
  if (entry.decompressed_size <= 1u << 20) {  // more would only cost the test time
    const auto read_all = [&] { read_part(reader, 0, entry.decompressed_size); };
    EXPECT_EQ(message_of<CorruptError>(read_all), partial);
  }
  return partial;
}

TEST(SeekableReader, TheTableIsNotTrusted) {
  const Bytes content = compressible_bytes(5'000, 3);
  for (const bool content_size : {false, true}) {
    for (const bool checksum : {false, true}) {
      const Bytes frame = frame_of(content, {.content_size = content_size, .checksum = checksum});
      const Bytes stored = joined({frame, frame, Bytes(100)});
      const Entry right{static_cast<std::uint32_t>(frame.size()), 5'000, content_checksum(content)};
      const auto damage = [&](const Entry& entry) { return damage_with(stored, entry, {}); };
      EXPECT_EQ(damage(right), "");
      Entry wrong = right;
      wrong.checksum ^= 1;
      EXPECT_THAT(damage(wrong), HasSubstr("checksum"));
      wrong = right;
      for (const std::uint32_t size : {2u, 4'999u, 5'001u, 100'000u}) {
        wrong.decompressed_size = size;
        EXPECT_NE(damage(wrong), "") << size;
      }
      wrong = right;
      for (const std::uint32_t size :
           {right.compressed_size - 1, right.compressed_size + 1, 2 * right.compressed_size, 8u}) {
        wrong.compressed_size = size;
        EXPECT_NE(damage(wrong), "") << size;
      }
      wrong.compressed_size = right.compressed_size + 1;
      EXPECT_THAT(damage(wrong), HasSubstr("in the seek table"));
      wrong = right;
      wrong.decompressed_size = 1u << 30;
      EXPECT_THAT(damage(wrong), HasSubstr(content_size ? "in the seek table" : "cannot hold"));
    }
  }
  EXPECT_THAT(damage_with(skippable_frame(20), {28, 20, 0}, {}), HasSubstr("skippable"));
  EXPECT_THAT(damage_with(bytes_of("no frame at all"), {15, 20, 0}, {}),
              HasSubstr("frame number 0"));
}

TEST(SeekableReader, MemoryIsTakenForNothingThatIsOnlyClaimed) {
  // A gibibyte of content from a raw block of a byte; the header agrees with the table.
  Bytes frame = bytes_of("");
  append_le(frame, std::uint32_t{0xFD2FB528});
  append_le(frame, std::uint8_t{0xA0});  // single segment, four bytes of content size
  append_le(frame, std::uint32_t{1u << 30});
  for (const unsigned byte : {9u, 0u, 0u, 120u}) frame.push_back(std::byte(byte));
  const auto size = static_cast<std::uint32_t>(frame.size());
  EXPECT_THAT(damage_with(frame, {size, 1u << 30, 0}, {}), HasSubstr("cannot hold"));
  EXPECT_THAT(damage_with(frame, {size, (1u << 30) + 1, 0}, {}), HasSubstr("max_frame_size"));
  EXPECT_THAT(damage_with(frame, {size, 1'001, 0}, {.max_frame_size = 1'000}),
              HasSubstr("max_frame_size"));

  // More stored bytes than any content needs, in a file that pretends to have them.
  std::size_t largest = 0;
  const RandomAccessCallback source(std::uint64_t{1} << 40,
                                    [&](std::uint64_t, MutableByteSpan out) {
                                      largest = std::max(largest, out.size());
                                      return out.size();
                                    });
  SeekTable table(SeekTableChecksums::kAbsent);
  table.append({.compressed_size = 0xFFFFFFFF, .decompressed_size = 1'000});
  const ZstdSeekableReader reader(source, table);
  EXPECT_THAT(message_of<CorruptError>([&] { read_part(reader, 0, 1); }), HasSubstr("too many"));
  EXPECT_EQ(largest, 0u);

  // Petabytes of content by the table alone: a read takes memory as the content comes.
  SeekTable endless(SeekTableChecksums::kAbsent);
  for (int i = 0; i < 300'000; ++i) {
    endless.append({.compressed_size = size, .decompressed_size = 0xFFFFFFFF});
  }
  ZstdSeekableReader hostile(source, endless);
  EXPECT_THROW(hostile.readall(), CorruptError);
}

TEST(SeekableReader, TruncatedFilesAreCorrupt) {
  const Bytes file = seekable(kContent, {.frame_size = 50'000});
  const SeekTable table = *read_seek_table(MemorySource(file));
  // The source says that it has more than it gives, as a file that was cut off meanwhile.
  const RandomAccessCallback source(file.size(), [&](std::uint64_t offset, MutableByteSpan out) {
    return MemorySource(ByteSpan(file).first(table[1].compressed_offset + 10)).read_at(offset, out);
  });
  const ZstdSeekableReader reader(source, table);
  EXPECT_TRUE(same(read_part(reader, 0, 10), part_of(kContent, 0, 10)));
  EXPECT_EQ(corrupt_at([&] { read_part(reader, 50'000, 1); }), table[1].compressed_offset);
}

TEST(SeekableReader, DecompressorOptionsArePassedOn) {
  const Bytes raw = text_bytes(3'000, 9);
  const auto dictionary = std::make_shared<const ZstdCompressionDict>(raw, DictType::kRawContent);
  const auto other =
      std::make_shared<const ZstdCompressionDict>(text_bytes(3'000, 10), DictType::kRawContent);
  const Bytes file =
      seekable(raw, {.compressor = {.dict_data = dictionary, .write_checksum = false}});
  const MemorySource source(file);
  EXPECT_EQ(ZstdSeekableReader(source, {.decompressor = {.dict_data = dictionary}}).readall(), raw);
  EXPECT_THROW(ZstdSeekableReader(source).readall(), CorruptError);
  EXPECT_THROW(ZstdSeekableReader(source, {.decompressor = {.dict_data = other}}).readall(),
               CorruptError);
  EXPECT_THROW(ZstdSeekableReader(source, {.decompressor = {.dict_data = dictionary,
                                                            .checksums = ChecksumPolicy::kRequire}})
                   .readall(),
               CorruptError);
  // Without the table's checksums nothing tells a wrong dictionary.
  const Bytes bare =
      seekable(raw, {.compressor = {.dict_data = dictionary, .write_checksum = false},
                     .checksums = SeekTableChecksums::kAbsent});
  EXPECT_THROW(
      ZstdSeekableReader(std::make_unique<MemorySource>(bare),
                         {.decompressor = {.dict_data = dictionary,
                                           .checksums = ChecksumPolicy::kRequireWithRawDict}})
          .readall(),
      CorruptError);
  EXPECT_THROW(ZstdSeekableReader(source, {.decompressor = {.format = 1}}), std::invalid_argument);

  const Bytes large = seekable(kContent);
  ZstdSeekableReader limited(std::make_unique<MemorySource>(large),
                             {.decompressor = {.max_window_size = 1'024}});
  EXPECT_EQ(zstd_error_of([&] { limited.read(1); }), ZSTD_error_frameParameter_windowTooLarge);
}

TEST(SeekableReader, ErrorsOfTheSourceArePassedOnAndCanBeTriedAgain) {
  const Bytes file = seekable(kContent, {.frame_size = 10'000});
  bool fails = false;
  const RandomAccessCallback source(file.size(), [&](std::uint64_t offset, MutableByteSpan out) {
    if (fails) throw std::system_error(EIO, std::generic_category());
    return MemorySource(file).read_at(offset, out);
  });
  ZstdSeekableReader reader(source);
  EXPECT_TRUE(same(reader.read(10), part_of(kContent, 0, 10)));
  fails = true;
  EXPECT_TRUE(same(reader.read(10), part_of(kContent, 10, 10))) << "from what is kept";
  EXPECT_EQ(error_of([&] { reader.readall(); }), EIO);
  EXPECT_EQ(reader.tell(), 20u);
  fails = false;
  EXPECT_TRUE(same(reader.readall(), ByteSpan(kContent).subspan(20)));
}

TEST(SeekableReader, NothingIsReadAfterClose) {
  const CountingSource source(seekable(kContent));
  ZstdSeekableReader reader(source);
  EXPECT_EQ(reader.fileno(), 55);
  EXPECT_FALSE(reader.closed());
  reader.read(10);
  reader.close();
  reader.close();
  EXPECT_TRUE(reader.closed());
  EXPECT_THROW(read_part(reader, 0, 1), UsageError);
  EXPECT_THROW(read_part(reader, reader.size(), 0), UsageError);
  EXPECT_THROW(reader.read(1), UsageError);
  EXPECT_THROW(reader.readall(), UsageError);
  EXPECT_THROW(reader.peek(1), UsageError);
  EXPECT_THROW(reader.seek(0), UsageError);
  EXPECT_EQ(reader.tell(), 10u);
  EXPECT_EQ(reader.fileno(), std::nullopt);
}

TEST(SeekableReader, CloseGivesBackWhatItOwns) {
  const ScratchFile scratch(seekable(kContent));
  const int fd = ::open(scratch.path().c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ZstdSeekableReader reader(std::make_unique<RandomAccessFile>(fd, FileOwnership::kOwned));
  EXPECT_EQ(reader.fileno(), fd);
  ZstdSeekableReader moved = std::move(reader);
  EXPECT_EQ(moved.readall(), kContent);
  moved.close();
  EXPECT_LT(::fcntl(fd, F_GETFD), 0);
}

TEST(SeekableReader, UseOfThePositionByTwoThreadsIsDetected) {
  const Bytes file = seekable(kContent);
  ZstdSeekableReader* self = nullptr;
  int refused = 0;
  const RandomAccessCallback source(file.size(), [&](std::uint64_t offset, MutableByteSpan out) {
    if (self != nullptr) {
      EXPECT_THROW(self->seek(0), UsageError);
      EXPECT_NO_THROW(self->size());
      ++refused;
    }
    return MemorySource(file).read_at(offset, out);
  });
  ZstdSeekableReader reader(source);
  self = &reader;
  reader.read(1);
  EXPECT_EQ(refused, 1);
}

TEST(SeekableReader, ReadsWhatTheZstdCommandMade) {
  Bytes stored;
  ASSERT_TRUE(run_zstd("-q -c -5", kContent, [&](ByteSpan piece) {
    stored.insert(stored.end(), piece.begin(), piece.end());
  }));
  const MemorySource source(stored);
  ZstdSeekableReader reader(source, scan_seek_table(source));
  EXPECT_EQ(reader.readall(), kContent);
}

}  // namespace
}  // namespace zstdfs::test
