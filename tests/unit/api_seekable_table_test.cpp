#include "tests/unit/api_seekable_fixture.hpp"

namespace zstdfs::test {
namespace {

using ::testing::HasSubstr;

const Bytes kFirst = bytes_of("The content of the first frame, of the first.");
const Bytes kSecond = compressible_bytes(20'000, 1);

/// Two data frames with a skippable one before and one between them.
struct SmallFile {
  Bytes leading = skippable_frame(3, 7);
  Bytes first = frame_of(kFirst);
  Bytes padding = skippable_frame(0);
  Bytes second = frame_of(kSecond);
  Bytes frames = joined({leading, first, padding, second});

  std::vector<Entry> entries() const {
    const auto size = [](const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); };
    return {{size(leading), 0, kChecksumOfNothing},
            {size(first), size(kFirst), content_checksum(kFirst)},
            {size(padding), 0, kChecksumOfNothing},
            {size(second), size(kSecond), content_checksum(kSecond)}};
  }
  Bytes with(const Bytes& table) const { return concatenated(frames, table); }
};

SeekTable small_table(SeekTableChecksums checksums = SeekTableChecksums::kPresent) {
  SeekTable table(checksums);
  for (const Entry& entry : SmallFile().entries()) {
    table.append({.compressed_size = entry.compressed_size,
                  .decompressed_size = entry.decompressed_size,
                  .checksum = entry.checksum});
  }
  return table;
}

TEST(SeekTable, EncodesAsTheFormatIsDescribed) {
  const std::vector<Entry> entries = SmallFile().entries();
  EXPECT_EQ(small_table().encode(), table_bytes(entries));
  const SeekTable bare = small_table(SeekTableChecksums::kAbsent);
  EXPECT_EQ(bare.encode(), table_bytes(entries, {.descriptor = 0}));
  EXPECT_EQ(small_table().encoded_size(), 17u + 4 * 12);
  EXPECT_EQ(bare.encoded_size(), 17u + 4 * 8);
  EXPECT_EQ(SeekTable().encode(), table_bytes({}));
}

TEST(SeekTable, KnowsOffsetsAndSums) {
  const SmallFile file;
  const SeekTable table = small_table();
  ASSERT_EQ(table.frame_count(), 4u);
  EXPECT_EQ(table.compressed_size(), file.frames.size());
  EXPECT_EQ(table.decompressed_size(), kFirst.size() + kSecond.size());
  EXPECT_EQ(table[0].compressed_offset, 0u);
  EXPECT_EQ(table[1].compressed_offset, file.leading.size());
  EXPECT_EQ(table[3].compressed_end(), file.frames.size());
  EXPECT_EQ(table[3].decompressed_offset, kFirst.size());
  EXPECT_EQ(table[3].checksum, content_checksum(kSecond));
  EXPECT_EQ(small_table(SeekTableChecksums::kAbsent)[3].checksum, std::nullopt);
  EXPECT_EQ(SeekTable().compressed_size(), 0u);
  EXPECT_EQ(SeekTable().decompressed_size(), 0u);
}

TEST(SeekTable, FindsTheFrameOfEveryByte) {
  const SeekTable table = small_table();
  for (std::uint64_t offset = 0; offset < table.decompressed_size(); ++offset) {
    ASSERT_EQ(table.find(offset), offset < kFirst.size() ? 1u : 3u) << offset;
  }
  EXPECT_EQ(table.find(table.decompressed_size()), std::nullopt);
  EXPECT_EQ(table.find(UINT64_MAX), std::nullopt);
  EXPECT_EQ(SeekTable().find(0), std::nullopt);
  SeekTable with_padding_at_the_end = table;
  with_padding_at_the_end.append({.compressed_size = 8});
  EXPECT_EQ(with_padding_at_the_end.find(table.decompressed_size() - 1), 3u);
  EXPECT_EQ(with_padding_at_the_end.find(table.decompressed_size()), std::nullopt);
}

TEST(SeekTable, AppendRefusesWhatCannotBeListed) {
  SeekTable table = small_table();
  constexpr std::uint64_t kTooMuch = std::uint64_t{1} << 32;
  const auto code_of = [&](const SeekTable::NewFrame& frame) {
    return zstd_error_of([&] { table.append(frame); });
  };
  EXPECT_EQ(code_of({.compressed_size = kTooMuch}), ZSTD_error_frameIndex_tooLarge);
  EXPECT_EQ(code_of({.compressed_size = 99, .decompressed_size = kTooMuch, .checksum = 1}),
            ZSTD_error_frameIndex_tooLarge);
  EXPECT_THROW(table.append({.compressed_size = 7}), std::invalid_argument);
  EXPECT_THROW(table.append({.compressed_size = 99, .decompressed_size = 1}),
               std::invalid_argument);
  EXPECT_EQ(table, small_table());
  table.append({.compressed_size = kTooMuch - 1, .decompressed_size = kTooMuch - 1, .checksum = 1});
  EXPECT_EQ(table.decompressed_size(), small_table().decompressed_size() + kTooMuch - 1);

  EXPECT_NO_THROW(SeekTable().check_room_for(1u << 27));
  EXPECT_EQ(zstd_error_of([] { SeekTable().check_room_for((1u << 27) + 1); }),
            ZSTD_error_frameIndex_tooLarge);
  EXPECT_THROW(table.check_room_for((1u << 27) - 4), ZstdError);
  EXPECT_THROW(table.check_room_for(UINT64_MAX), ZstdError);
}

TEST(SeekTableReading, TablesComeBack) {
  const SmallFile file;
  EXPECT_EQ(read_seek_table(MemorySource(file.with(small_table().encode()))), small_table());
  const SeekTable bare = small_table(SeekTableChecksums::kAbsent);
  EXPECT_EQ(read_seek_table(MemorySource(file.with(bare.encode()))), bare);
  EXPECT_EQ(read_seek_table(MemorySource(table_bytes({}))), SeekTable());
  EXPECT_EQ(read_seek_table(MemorySource(table_bytes({}, {.descriptor = 0}))),
            SeekTable(SeekTableChecksums::kAbsent));
}

TEST(SeekTableReading, ManyFramesComeBack) {
  // More than are read without a look at the table's frame header first.
  SeekTable table;
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    table.append({.compressed_size = 8 + i % 50, .decompressed_size = i % 7, .checksum = i});
  }
  Bytes file(table.compressed_size());
  file = concatenated(file, table.encode());
  EXPECT_EQ(read_seek_table(MemorySource(file)), table);
  file[file.size() - table.encoded_size()] ^= std::byte{1};
  EXPECT_THROW(read_seek_table(MemorySource(file)), CorruptError);
}

TEST(SeekTableReading, OtherFilesHaveNone) {
  const SmallFile file;
  const Bytes whole = file.with(small_table().encode());
  EXPECT_EQ(read_seek_table(MemorySource({})), std::nullopt);
  EXPECT_EQ(read_seek_table(MemorySource(file.frames)), std::nullopt);
  EXPECT_EQ(read_seek_table(MemorySource(joined({whole, Bytes(1)}))), std::nullopt);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    ASSERT_EQ(read_seek_table(MemorySource(ByteSpan(whole).first(n))), std::nullopt) << n;
  }
}

/// What is wrong with a file that consists of the small one's frames and `table`.
std::string damage_of(const Bytes& table) {
  const Bytes file = SmallFile().with(table);
  return message_of<CorruptError>([&] { read_seek_table(MemorySource(file)); });
}

TEST(SeekTableReading, ReservedBitsAreRefusedAndUnusedOnesIgnored) {
  for (unsigned bits = 0; bits < 256; ++bits) {
    const Bytes table =
        table_bytes(SmallFile().entries(), {.descriptor = static_cast<std::uint8_t>(bits)});
    if ((bits & 0x7C) == 0) {
      const Bytes file = SmallFile().with(table);
      EXPECT_EQ(read_seek_table(MemorySource(file))->has_checksums(), (bits & 0x80) != 0) << bits;
    } else {
      EXPECT_THAT(damage_of(table), HasSubstr("reserved bits")) << bits;
    }
  }
}

TEST(SeekTableReading, AbsurdCountsAreRefusedWithoutReadingMore) {
  const Bytes table = table_bytes(SmallFile().entries());
  // The last make count x 12 + 17 wrap around in 32 bits, to what the file has.
  for (const std::uint32_t count : {0u, 3u, 5u, 2000u, 1u << 27, (1u << 27) + 1, 1u << 31,
                                    0xFFFFFFFFu, 0x40000004u, 0x80000004u, 0xC0000004u}) {
    SCOPED_TRACE(count);
    Bytes changed = table;
    store_le(MutableByteSpan(changed), changed.size() - 9, count);
    EXPECT_NE(damage_of(changed), "");
    const CountingSource source(SmallFile().with(changed));
    EXPECT_THROW(read_seek_table(source), CorruptError);
    EXPECT_LE(source.largest, source.size());
  }
  Bytes too_many = table;
  store_le(MutableByteSpan(too_many), too_many.size() - 9, (1u << 27) + 1);
  EXPECT_THAT(damage_of(too_many), HasSubstr("more than the format allows"));
  store_le(MutableByteSpan(too_many), too_many.size() - 9, 1u << 27);
  EXPECT_THAT(damage_of(too_many), HasSubstr("more than the file has room for"));
}

TEST(SeekTableReading, AHostileSparseFileTakesNoMemory) {
  // A petabyte of zeros that ends in a footer for the most frames there can be.
  Bytes footer(9);
  store_le(MutableByteSpan(footer), 0, std::uint32_t{1u << 27});
  footer[4] = std::byte{0x80};
  store_le(MutableByteSpan(footer), 5, std::uint32_t{0x8F92EAB1});
  constexpr std::uint64_t kBytes = std::uint64_t{1} << 50;
  std::size_t largest = 0;
  const RandomAccessCallback source(kBytes, [&](std::uint64_t offset, MutableByteSpan out) {
    largest = std::max(largest, out.size());
    std::ranges::fill(out, std::byte{0});
    if (offset == kBytes - 9) std::ranges::copy(footer, out.begin());
    return out.size();
  });
  EXPECT_THROW(read_seek_table(source), CorruptError);
  EXPECT_LE(largest, 9u);
}

TEST(SeekTableReading, TheFrameHeaderMustFit) {
  Bytes table = table_bytes(SmallFile().entries(), {.magic = 0x184D2A5D});
  EXPECT_THAT(damage_of(table), HasSubstr("expected the frame header"));
  table = table_bytes(SmallFile().entries());
  for (const std::uint32_t size : {0u, 4 * 12 + 8u, 4 * 12 + 10u, 4 * 8 + 9u, 0xFFFFFFFFu}) {
    store_le(MutableByteSpan(table), 4, size);
    EXPECT_THAT(damage_of(table), HasSubstr("expected the frame header")) << size;
  }
}

TEST(SeekTableReading, SizesMustAddUpToTheBytesBeforeTheTable) {
  const auto damage_with = [](std::size_t i, std::uint32_t compressed_size) {
    std::vector<Entry> entries = SmallFile().entries();
    entries[i].compressed_size = compressed_size;
    return damage_of(table_bytes(entries));
  };
  const std::uint32_t size = SmallFile().entries()[3].compressed_size;
  EXPECT_EQ(damage_with(3, size), "");
  EXPECT_THAT(damage_with(3, size - 1), HasSubstr("bytes are before it"));
  EXPECT_THAT(damage_with(3, size + 1), HasSubstr("entry 3"));
  EXPECT_THAT(damage_with(3, 0xFFFFFFFF), HasSubstr("take more than"));
  EXPECT_THAT(damage_with(0, 0xFFFFFFFF), HasSubstr("entry 0"));
  EXPECT_THAT(damage_with(2, 7), HasSubstr("entry 2: 7 bytes are no frame"));
  EXPECT_THAT(damage_with(2, 0), HasSubstr("entry 2"));
}

TEST(SeekTableReading, OfTwoConcatenatedFilesIsRefused) {
  const Bytes file = SmallFile().with(small_table().encode());
  const Bytes two = concatenated(file, file);
  EXPECT_EQ(corrupt_at([&] { read_seek_table(MemorySource(two)); }),
            file.size() + small_table().compressed_size());
}

TEST(SeekTableReading, ErrorsNameThePlace) {
  const SmallFile file;
  std::vector<Entry> entries = file.entries();
  entries[2].compressed_size = 7;
  const Bytes whole = file.with(table_bytes(entries));
  EXPECT_EQ(corrupt_at([&] { read_seek_table(MemorySource(whole)); }),
            file.frames.size() + 8 + 2 * 12);
}

TEST(SeekTableReading, AFilesEndInMemoryIsEnough) {
  const SmallFile file;
  const Bytes table = small_table().encode();
  const std::uint64_t size = file.frames.size() + table.size();
  EXPECT_EQ(parse_seek_table(table, size), small_table());
  EXPECT_EQ(parse_seek_table(file.with(table), size), small_table());
  EXPECT_EQ(parse_seek_table({}, 0), std::nullopt);
  EXPECT_THROW(parse_seek_table(ByteSpan(table).subspan(1), size), std::invalid_argument);
  EXPECT_THROW(parse_seek_table(table, table.size() - 1), std::invalid_argument);
  EXPECT_THROW(parse_seek_table(table, size + 1), CorruptError);
}

TEST(SeekTableScan, FindsWhatTheTableLists) {
  const SmallFile file;
  for (const Bytes& stored : {file.frames, file.with(small_table().encode())}) {
    const MemorySource source(stored);
    EXPECT_EQ(scan_seek_table(source), small_table(SeekTableChecksums::kAbsent));
    EXPECT_EQ(scan_seek_table(source, {.checksums = SeekTableChecksums::kPresent}), small_table());
  }
  EXPECT_EQ(scan_seek_table(MemorySource({})).frame_count(), 0u);
  EXPECT_EQ(scan_seek_table(MemorySource(table_bytes({}))).frame_count(), 0u);
}

TEST(SeekTableScan, FramesThatDoNotSayAreDecompressed) {
  const Bytes content = compressible_bytes(700'000, 3);
  for (const bool content_size : {false, true}) {
    for (const bool checksum : {false, true}) {
      const FrameForm form{.content_size = content_size, .checksum = checksum};
      const Bytes stored = concatenated(frame_of(content, form), frame_of({}, form));
      const SeekTable table =
          scan_seek_table(MemorySource(stored), {.checksums = SeekTableChecksums::kPresent});
      ASSERT_EQ(table.frame_count(), 2u);
      EXPECT_EQ(table[0].decompressed_size, content.size());
      EXPECT_EQ(table[0].checksum, content_checksum(content));
      EXPECT_EQ(table[1].decompressed_size, 0u);
      EXPECT_EQ(table[1].checksum, kChecksumOfNothing);
      EXPECT_EQ(table.compressed_size(), stored.size());
    }
  }
}

TEST(SeekTableScan, ListsATableThatIsNotTheLast) {
  const Bytes file = SmallFile().with(small_table().encode());
  const SeekTable table = scan_seek_table(MemorySource(concatenated(file, file)));
  ASSERT_EQ(table.frame_count(), 9u);
  EXPECT_EQ(table[4].compressed_size, small_table().encoded_size());
  EXPECT_EQ(table[4].decompressed_size, 0u);
  EXPECT_EQ(table.decompressed_size(), 2 * small_table().decompressed_size());
}

TEST(SeekTableScan, GarbageAndTruncationAreCorrupt) {
  const SmallFile file;
  const Bytes garbage = joined({file.frames, bytes_of("and something else")});
  EXPECT_EQ(corrupt_at([&] { scan_seek_table(MemorySource(garbage)); }), file.frames.size());
  const std::uint64_t second = small_table()[3].compressed_offset;
  for (std::size_t n = second + 1; n < file.frames.size(); n += 11) {
    const ByteSpan cut = ByteSpan(file.frames).first(n);
    ASSERT_EQ(corrupt_at([&] { scan_seek_table(MemorySource(cut)); }), second) << n;
  }
  EXPECT_THAT(message_of<CorruptError>([&] { scan_seek_table(MemorySource(garbage)); }),
              HasSubstr("frame number 4"));
}

TEST(SeekTableScan, DamagedContentIsFoundWhereItIsDecompressed) {
  Bytes frame = frame_of(kSecond, {.content_size = false});
  frame[frame.size() - 1] ^= std::byte{1};
  const Bytes stored = concatenated(frame_of(kFirst), frame);
  EXPECT_EQ(corrupt_at([&] { scan_seek_table(MemorySource(stored)); }), frame_of(kFirst).size());
}

TEST(SeekTableScan, DictionariesAndLimitsAreThoseOfTheOptions) {
  const Bytes raw = text_bytes(2000, 5);
  const auto dictionary = std::make_shared<const ZstdCompressionDict>(raw, DictType::kRawContent);
  const Bytes content = joined({ByteSpan(raw).first(1500), bytes_of("and a little more")});
  const Bytes stored = frame_of(content, {.content_size = false, .raw_dictionary = raw});
  const SeekTable table =
      scan_seek_table(MemorySource(stored), {.decompressor = {.dict_data = dictionary}});
  EXPECT_EQ(table.decompressed_size(), content.size());
  EXPECT_THROW(scan_seek_table(MemorySource(stored)), CorruptError);

  const Bytes large_window = frame_of(kSecond, {.content_size = false, .window_log = 20});
  EXPECT_EQ(zstd_error_of([&] {
              scan_seek_table(MemorySource(large_window),
                              {.decompressor = {.max_window_size = 1u << 19}});
            }),
            ZSTD_error_frameParameter_windowTooLarge);
  EXPECT_THROW(scan_seek_table(MemorySource({}), {.decompressor = {.format = 1}}),
               std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs::test
