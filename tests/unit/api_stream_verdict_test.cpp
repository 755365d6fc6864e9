#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "tests/decompression_ways.hpp"
#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/frame_parameters.hpp"

// Whether data is taken or refused, and what it holds, depends neither on how it is cut into pieces
// nor on what it is decompressed with.

namespace zstdfs {
namespace {

using test::DecompressionWay;
using test::joined;
using test::kDecompressionWays;
using test::Random;
using test::Splits;

/// Pairs of hexadecimal digits; blanks between them are passed over.
Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    while (text[at] == ' ') ++at;
    unsigned value = 0;
    const auto result = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    EXPECT_EQ(result.ptr, text.data() + at + 2);
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

/// The pieces that stored bytes come in, and the most content that is taken at a time.
struct Feed {
  std::vector<ByteSpan> pieces;
  std::size_t write_size = 131072;
};

/// Cuts at offsets; those that are not within the data are left out.
std::vector<ByteSpan> cut_at(ByteSpan data, const std::set<std::size_t>& cuts) {
  std::vector<ByteSpan> pieces;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    if (cut <= begin || cut >= data.size()) continue;
    pieces.push_back(data.subspan(begin, cut - begin));
    begin = cut;
  }
  pieces.push_back(data.subspan(begin));
  return pieces;
}

std::vector<ByteSpan> byte_by_byte(ByteSpan data) {
  std::vector<ByteSpan> pieces;
  for (std::size_t at = 0; at < data.size(); ++at) pieces.push_back(data.subspan(at, 1));
  return pieces;
}

void append(Bytes& all, ByteSpan more) {
  all.insert(all.end(), more.begin(), more.end());
}

Bytes joined_pieces(const Feed& feed) {
  Bytes all;
  for (const ByteSpan piece : feed.pieces) append(all, piece);
  return all;
}

/// What came of data: its content, or zstd's code of an error.
struct Verdict {
  Bytes content;
  std::optional<int> error = std::nullopt;
};

Verdict verdict_of(ZstdDecompressor& decompressor, const DecompressionWay& way, const Feed& feed) {
  // One piece after the other, and then whatever is asked for.
  const auto fed = [&feed, next = std::size_t{0}]() mutable {
    return next < feed.pieces.size() ? feed.pieces[next++].size() : 1;
  };
  const Splits splits{.fed = fed,
                      .read = [] { return kDecompressionRecommendedInputSize; },
                      .write = [&feed] { return feed.write_size; }};
  const Bytes data = joined_pieces(feed);
  Bytes content;
  BytesSink sink(content);
  try {
    way.decompress(decompressor, data, splits, sink);
    return {content};
  } catch (const ZstdError& error) {
    return {{}, error.code()};
  }
}

/// Goes through all ways to decompress, with the data whole, byte by byte and in halves, and room
/// for all of the content or for little of it.
void expect_everywhere(ByteSpan data, const DecompressorOptions& options, const Verdict& wanted) {
  ZstdDecompressor decompressor(options);
  for (const auto& pieces :
       {std::vector{data}, byte_by_byte(data), cut_at(data, {data.size() / 2})}) {
    for (const std::size_t write_size : {131072u, 1024u, 7u}) {
      for (const DecompressionWay& way : kDecompressionWays) {
        const Verdict verdict =
            verdict_of(decompressor, way, {.pieces = pieces, .write_size = write_size});
        EXPECT_EQ(verdict.error, wanted.error)
            << way.name << ", " << pieces.size() << " pieces, " << write_size;
        EXPECT_TRUE(verdict.content == wanted.content)
            << way.name << ", " << pieces.size() << " pieces, " << write_size;
      }
    }
  }
}

void expect_refused(ByteSpan data, int code, const DecompressorOptions& options = {}) {
  expect_everywhere(data, options, {.content = {}, .error = code});
}

TEST(StreamVerdict, FramesOfVersions05To07AreRefusedHoweverTheyAreCut) {
  Bytes frame = from_hex("27B52FFD 20 05 400005 68656C6C6F C00000");
  for (const unsigned version : {0x25u, 0x26u, 0x27u}) {
    SCOPED_TRACE(version);
    frame[0] = static_cast<std::byte>(version);
    expect_refused(frame, ZSTD_error_prefix_unknown);
    // Also behind a frame that is taken.
    expect_refused(joined({test::frame_of(test::bytes_of("first")), frame}),
                   ZSTD_error_prefix_unknown);
  }
}

TEST(StreamVerdict, TheWindowLimitHoldsAlsoWhereAWholeFrameAndRoomForItsContentAreThere) {
  const Bytes frame = from_hex("28B52FFD 40 38 2C00 630900 07");
  expect_everywhere(frame, {}, {.content = Bytes(300, std::byte{7})});
  expect_refused(frame, ZSTD_error_frameParameter_windowTooLarge, {.max_window_size = 1024});
  expect_refused(ByteSpan(frame).subspan(4), ZSTD_error_frameParameter_windowTooLarge,
                 {.max_window_size = 1024, .format = kFormatZstd1Magicless});
}

TEST(StreamVerdict, ABlockLargerThanItsWindowIsRefusedHoweverItIsCut) {
  const Bytes frame = joined({from_hex("28B52FFD 40 00 4C03 612200"), Bytes(1100)});
  expect_refused(frame, ZSTD_error_corruption_detected);
  expect_refused(ByteSpan(frame).subspan(4), ZSTD_error_corruption_detected,
                 {.format = kFormatZstd1Magicless});
}

TEST(StreamVerdict, AFrameThatHoldsLessThanItClaimsIsRefusedAlsoWhenItsLastBlockIsEmpty) {
  const Bytes frame = from_hex("28B52FFD 60 F400 010000");
  expect_refused(frame, ZSTD_error_corruption_detected);
  expect_refused(ByteSpan(frame).subspan(4), ZSTD_error_corruption_detected,
                 {.format = kFormatZstd1Magicless});
}

// Two frames without magic numbers, whose blocks may hold 1 KiB each. One of them holds more, which
// libzstd decompresses where there is room.
TEST(StreamVerdict, BlocksThatHoldMoreThanTheirFrameAllowsAreRefusedAlsoWhereThereIsRoom) {
  const Bytes frames = from_hex(
      "0000040200F82562636465666768696A6B6C6D6E6F70EB8C48FF89CB854FC090"
      "81CC47EDFC0F00A010D01DE818E80474073A063A01DD818E814E4077A063A013"
      "D0DDD3CD252D0100A06B8619B214FE6592D48BFCEA9C9D8E3244626364105001"
      "000003755DD77558D7755DD76D");
  ZstdDecompressor decompressor({.format = kFormatZstd1Magicless});
  for (const std::size_t room : {1024u, 4096u, 1u << 18}) {
    Bytes out(room);
    EXPECT_TRUE(test::zstd_error_of([&] {
                  decompressor.decompress_into(out, frames, {.read_across_frames = true});
                }).has_value())
        << room;
    EXPECT_TRUE(test::zstd_error_of([&] {
                  decompressor.decompress(frames,
                                          {.max_output_size = room, .read_across_frames = true});
                }).has_value())
        << room;
  }
  for (const auto& pieces : {std::vector{ByteSpan(frames)}, byte_by_byte(frames)}) {
    for (const DecompressionWay& way : kDecompressionWays) {
      EXPECT_TRUE(verdict_of(decompressor, way, {.pieces = pieces}).error.has_value()) << way.name;
    }
  }
}

// A block of 1500 bytes where 1 KiB is allowed, and one of 10, in a frame that says it has 1510.
TEST(StreamVerdict, ABlockThatHoldsMoreThanItsFrameAllowsIsRefusedHoweverItIsCut) {
  const Bytes frame = from_hex("28B52FFD 40 00 E604 2C0000 CD5D007800 1D0000 517900");
  expect_refused(frame, ZSTD_error_corruption_detected);
  expect_refused(ByteSpan(frame).subspan(4), ZSTD_error_corruption_detected,
                 {.format = kFormatZstd1Magicless});
}

// In a frame without content, whose blocks may hold nothing.
TEST(StreamVerdict, ARunOfNoLengthIsRefusedHoweverItIsCut) {
  expect_refused(from_hex("28B52FFD 20 00 030000 07"), ZSTD_error_corruption_detected);
}

// libzstd overlooks this damage where it decompresses in steps, and so all streams do.
TEST(StreamVerdict, ACompressedBlockOfNoBytesIsTakenHoweverItIsCut) {
  expect_everywhere(from_hex("28B52FFD 20 05 280000 68656C6C6F 050000"), {},
                    {.content = test::bytes_of("hello")});
}

constexpr std::uint32_t kDictionaryId = 200;  // which headers can name in 1, 2 and 4 bytes

std::shared_ptr<const ZstdCompressionDict> dictionary() {
  std::vector<Bytes> samples;
  for (std::uint64_t seed = 0; seed < 20; ++seed) samples.push_back(test::text_bytes(300, seed));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  return finalize_dictionary(test::text_bytes(1000, 99), 2000, spans, {.dict_id = kDictionaryId});
}

/// Frames one after the other, and what they hold.
struct Sample {
  bool magicless = false;
  std::shared_ptr<const ZstdCompressionDict> dict;
  Bytes stored;
  Bytes content;
  std::vector<std::size_t> starts = {};  ///< of frames, skippable ones included
};

void append_number(Bytes& out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<std::byte>(number >> (8 * i) & 0xFF));
  }
}

/// What a header is to say.
struct HeaderFacts {
  std::uint64_t content_bytes = 0;
  std::uint64_t window_bytes = 0;  ///< at least
  bool checksum = false;
};

/// The bytes of a content size that a header's code for it stands for.
std::size_t content_size_field(unsigned code, bool single_segment) {
  if (code == 0) return single_segment ? 1 : 0;
  return std::size_t{1} << code;
}

bool can_tell(unsigned code, bool single_segment, std::uint64_t content_bytes) {
  switch (content_size_field(code, single_segment)) {
    case 0:
      return true;
    case 1:
      return content_bytes < 256;
    case 2:
      return content_bytes >= 256 && content_bytes < 65536 + 256;
    default:
      return true;
  }
}

/// One of the headers that say so, without a magic number: of any length that the format has.
Bytes random_header(Random& random, const HeaderFacts& facts, bool has_dict) {
  const bool single_segment = random.chance(40);
  auto size_code = static_cast<unsigned>(random.below(4));
  while (!can_tell(size_code, single_segment, facts.content_bytes)) size_code = (size_code + 1) % 4;
  const auto dict_code = has_dict ? static_cast<unsigned>(random.below(4)) : 0u;
  Bytes header;
  append_number(
      header,
      size_code << 6 | (single_segment ? 0x20u : 0u) | (facts.checksum ? 4u : 0u) | dict_code, 1);
  if (!single_segment) {
    // The exponent counts from 1 KiB, and each of eight mantissas adds an eighth.
    unsigned exponent = 0;
    while ((std::uint64_t{1024} << exponent) < facts.window_bytes) ++exponent;
    exponent += static_cast<unsigned>(random.below(3));
    append_number(header, exponent << 3 | random.below(8), 1);
  }
  append_number(header, kDictionaryId, dict_code == 0 ? 0 : std::size_t{1} << (dict_code - 1));
  const std::size_t field = content_size_field(size_code, single_segment);
  append_number(header, field == 2 ? facts.content_bytes - 256 : facts.content_bytes, field);
  return header;
}

Bytes random_content(Random& random) {
  const std::uint64_t most = random.chance(5) ? 200'000 : std::uint64_t{1} << random.below(12);
  const auto size = static_cast<std::size_t>(random.below(most));
  return test::bytes_of_any_kind(size, random);
}

void add_data_frame(Sample& sample, Random& random) {
  const Bytes content = random_content(random);
  CompressionParameterValues values;
  values.compression_level = 1;
  values.write_content_size = false;
  values.write_checksum = random.chance(50);
  if (random.chance(30)) values.window_log = 10;
  ZstdCompressor compressor(
      {.dict_data = sample.dict, .compression_params = ZstdCompressionParameters(values)});
  const Bytes frame = compressor.compress(content);
  const FrameParameters parameters = get_frame_parameters(frame);
  if (!sample.magicless) append(sample.stored, kFrameHeader);
  append(sample.stored, random_header(random,
                                      {.content_bytes = content.size(),
                                       .window_bytes = parameters.window_size,
                                       .checksum = parameters.has_checksum},
                                      sample.dict != nullptr));
  append(sample.stored, ByteSpan(frame).subspan(parameters.header_size));
  append(sample.content, content);
}

Sample random_sample(Random& random, const std::shared_ptr<const ZstdCompressionDict>& dict) {
  Sample sample{.magicless = random.chance(25),
                .dict = random.chance(50) ? dict : nullptr,
                .stored = {},
                .content = {}};
  for (std::uint64_t frames = 1 + random.below(4); frames != 0; --frames) {
    sample.starts.push_back(sample.stored.size());
    if (!sample.magicless && random.chance(30)) {
      append(sample.stored, test::skippable_frame(static_cast<std::size_t>(random.below(40)),
                                                  static_cast<unsigned>(random.below(16))));
      sample.starts.push_back(sample.stored.size());
    }
    add_data_frame(sample, random);
  }
  return sample;
}

/// Pieces of random sizes, most of which end inside of a header or near one.
std::vector<ByteSpan> random_pieces(Random& random, ByteSpan data,
                                    const std::vector<std::size_t>& starts) {
  if (data.size() < 3000 && random.chance(15)) return byte_by_byte(data);
  std::set<std::size_t> cuts;
  for (const std::size_t start : starts) {
    for (std::uint64_t n = random.below(4); n != 0; --n) cuts.insert(start + random.below(22));
  }
  for (std::uint64_t n = random.below(4); n != 0; --n) cuts.insert(random.below(data.size()));
  return cut_at(data, cuts);
}

void damage_slightly(Random& random, Bytes& stored, const std::vector<std::size_t>& starts) {
  if (random.chance(20)) {
    stored.resize(stored.size() - 1 - random.below(std::min<std::size_t>(stored.size() - 1, 12)));
    return;
  }
  std::size_t at = random.below(stored.size());
  if (random.chance(60)) {
    at = std::min(stored.size() - 1, starts[random.below(starts.size())] + random.below(24));
  }
  stored[at] ^= static_cast<std::byte>(1u << random.below(8));
}

DecompressorOptions options_for(const Sample& sample) {
  return {.dict_data = sample.dict,
          .max_window_size = 8u << 20,
          .format = sample.magicless ? kFormatZstd1Magicless : kFormatZstd1,
          .checksums = ChecksumPolicy::kVerifyIfPresent};
}

Feed random_feed(Random& random, const Sample& sample) {
  const auto write_size = static_cast<std::size_t>(1 + random.below(1u << random.below(18)));
  // Much content is not taken byte by byte, which would take long.
  return {.pieces = random_pieces(random, sample.stored, sample.starts),
          .write_size = std::max(write_size, sample.content.size() / 1000 + 1)};
}

constexpr std::uint64_t kSeeds = ZSTDFS_SANITIZED ? 100 : 200;

TEST(StreamVerdict, FramesWithHeadersOfAnyLengthHoldTheSameHoweverTheyAreCut) {
  const auto dict = dictionary();
  std::set<std::size_t> header_sizes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Sample sample = random_sample(random, dict);
    const DecompressorOptions options = options_for(sample);
    for (const std::size_t start : sample.starts) {
      const ByteSpan rest = ByteSpan(sample.stored).subspan(start);
      const FrameParameters parameters = get_frame_parameters(rest, options.format);
      if (!parameters.is_skippable) header_sizes.insert(parameters.header_size);
    }
    ZstdDecompressor decompressor(options);
    Bytes out(sample.content.size());
    ASSERT_EQ(decompressor.decompress_into(out, sample.stored, {.read_across_frames = true}),
              out.size());
    ASSERT_TRUE(out == sample.content);
    for (const DecompressionWay& way : kDecompressionWays) {
      const Verdict verdict = verdict_of(decompressor, way, random_feed(random, sample));
      ASSERT_EQ(verdict.error, std::nullopt) << way.name;
      ASSERT_TRUE(verdict.content == sample.content) << way.name;
    }
  }
  // From a descriptor and one byte to all that a header can have.
  EXPECT_EQ(*header_sizes.begin(), 2U);
  EXPECT_EQ(*header_sizes.rbegin(), ZSTD_FRAMEHEADERSIZE_MAX);
  EXPECT_GE(header_sizes.size(), 15U);
}

TEST(StreamVerdict, SlightlyDamagedFramesAreTakenOrRefusedTheSameHoweverTheyAreCut) {
  const auto dict = dictionary();
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed + 1000);
    Sample sample = random_sample(random, dict);
    damage_slightly(random, sample.stored, sample.starts);
    ZstdDecompressor decompressor(options_for(sample));
    const Verdict whole =
        verdict_of(decompressor, kDecompressionWays.front(), {.pieces = {ByteSpan(sample.stored)}});
    if (whole.error) ++refused;
    for (const DecompressionWay& way : kDecompressionWays) {
      const Verdict verdict = verdict_of(decompressor, way, random_feed(random, sample));
      ASSERT_EQ(verdict.error.has_value(), whole.error.has_value())
          << way.name << ": " << verdict.error.value_or(0) << " and " << whole.error.value_or(0);
      ASSERT_TRUE(verdict.content == whole.content) << way.name;
    }
  }
  EXPECT_GT(refused, kSeeds / 2);
  EXPECT_LT(refused, kSeeds);
}

/// A block of `n` bytes of content: raw, a run, one that is compressed to literals which are a run;
/// or one that is compressed and takes no bytes, which is damage.
Bytes random_block(Random& random, std::size_t n, bool is_last) {
  Bytes literals;
  // A header of 5 bits for the size, or of 20.
  append_number(literals, n < 32 ? 1 | n << 3 : 1 | 3 << 2 | n << 4, n < 32 ? 1 : 3);
  append_number(literals, 'l', 1);
  append_number(literals, 0, 1);  // sequences
  Bytes block;
  const auto add = [&](unsigned type, std::size_t size, ByteSpan stored) {
    append_number(block, size << 3 | type << 1 | (is_last ? 1u : 0u), 3);
    append(block, stored);
  };
  switch (random.below(8)) {
    case 0:
      add(2, 0, {});
      break;
    case 1:
    case 2:
      add(0, n, Bytes(n, std::byte{'r'}));
      break;
    case 3:
    case 4:
      add(1, n, Bytes(1, std::byte{'1'}));
      break;
    default:
      add(2, literals.size(), literals);
  }
  return block;
}

// Frames as no compressor makes them, some of them valid: with blocks around the largest size that
// they allow, and content sizes that may be wrong.
TEST(StreamVerdict, HandMadeBlocksAreTakenOrRefusedTheSameHoweverTheyAreCut) {
  static constexpr std::array<std::size_t, 8> kSizes{0, 1, 10, 31, 500, 1024, 1025, 1500};
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 3 * kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Sample sample{.magicless = random.chance(25),
                  .dict = nullptr,
                  .stored = {},
                  .content = {},
                  .starts = {0}};
    Bytes blocks;
    HeaderFacts facts;
    for (std::uint64_t more = 1 + random.below(3); more != 0; --more) {
      const std::size_t n = kSizes[random.below(kSizes.size())];
      append(blocks, random_block(random, n, more == 1));
      facts.content_bytes += n;
    }
    if (random.chance(10)) facts.content_bytes = kSizes[random.below(kSizes.size())];
    if (!sample.magicless) append(sample.stored, kFrameHeader);
    append(sample.stored, random_header(random, facts, false));
    append(sample.stored, blocks);
    ZstdDecompressor decompressor(options_for(sample));
    const Verdict slowly = verdict_of(decompressor, kDecompressionWays.front(),
                                      {.pieces = byte_by_byte(sample.stored)});
    if (slowly.error) ++refused;
    for (const DecompressionWay& way : kDecompressionWays) {
      for (const Feed& feed : {random_feed(random, sample), Feed{{ByteSpan(sample.stored)}}}) {
        const Verdict verdict = verdict_of(decompressor, way, feed);
        ASSERT_EQ(verdict.error.has_value(), slowly.error.has_value())
            << way.name << ": " << verdict.error.value_or(0) << " and " << slowly.error.value_or(0);
        ASSERT_TRUE(verdict.content == slowly.content) << way.name;
      }
    }
  }
  EXPECT_GT(refused, kSeeds / 2);
  EXPECT_LT(refused, 3 * kSeeds);
}

}  // namespace
}  // namespace zstdfs
