#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/sequence_producer.hpp"
#include "zstdfs/sequences.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Dict = std::shared_ptr<const ZstdCompressionDict>;

ZstdCompressionParameters at_level(int level) {
  return ZstdCompressionParameters({.compression_level = level});
}

Bytes some_bytes(Random& random, std::size_t most) {
  const std::size_t bytes = random.chance(30) ? random.below(30) : random.below(most);
  return bytes_of_any_kind(bytes, random);
}

std::uint64_t covered(std::span<const Sequence> sequences) {
  std::uint64_t sum = 0;
  for (const Sequence& sequence : sequences) {
    sum += std::uint64_t{sequence.literal_length} + sequence.match_length;
  }
  return sum;
}

void expect_invalid(const std::string& says, std::span<const Sequence> sequences, ByteSpan data,
                    const SequenceOptions& options = {}) {
  const auto call = [&] { compress_sequences(sequences, data, options); };
  EXPECT_EQ(zstd_error_of(call), ZSTD_error_externalSequences_invalid);
  EXPECT_THAT(message_of<ZstdError>(call), HasSubstr(says));
}

TEST(ApiGenerateSequences, CoverTheDataInBlocks) {
  const Bytes data = text_bytes(300000, 1);
  const std::vector<Sequence> sequences = generate_sequences(data, at_level(5));
  EXPECT_EQ(covered(sequences), data.size());
  EXPECT_LE(sequences.size(), sequence_bound(data.size()));
  EXPECT_EQ(std::ranges::count_if(sequences, &Sequence::is_delimiter), 3);
  EXPECT_TRUE(sequences.back().is_delimiter());
  EXPECT_TRUE(generate_sequences({}).empty());
}

TEST(ApiGenerateSequences, OfTailsThatLibzstdDoesNotParse) {
  for (const std::size_t bytes : {1U, 6U, 7U, 8U, 131072U + 1, 131072U + 6, 131072U + 7}) {
    SCOPED_TRACE(bytes);
    const Bytes data = text_bytes(bytes, 2);
    const std::vector<Sequence> sequences = generate_sequences(data);
    EXPECT_EQ(covered(sequences), bytes);
    EXPECT_EQ(decompress(compress_sequences(sequences, data)), data);
  }
}

// Property: what libzstd finds at any level and with any window and block size is compressed to
// the data again, with delimiters and without, and with the parameters of another level.
TEST(ApiSequences, OfRandomDataComeBack) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 40 : 150); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Bytes data = some_bytes(random, 400000);
    CompressionParameterValues values;
    values.compression_level = static_cast<int>(random.below(20)) - 2;
    values.threads = random.chance(10) ? 2 : 0;
    values.enable_ldm = random.chance(20);
    if (random.chance(50)) values.window_log = 10 + static_cast<int>(random.below(10));
    ZstdCompressionParameters parameters(values);
    if (random.chance(20)) {
      parameters = parameters.with(kParameterMaxBlockSize,
                                   kBlockSizeMaxMin + static_cast<int>(random.below(20000)));
    }
    std::vector<Sequence> sequences = generate_sequences(data, parameters);
    ASSERT_EQ(covered(sequences), data.size());
    ASSERT_LE(sequences.size(), sequence_bound(data.size()));
    const Bytes frame = compress_sequences(sequences, data, {.compression_params = parameters});
    ASSERT_EQ(decompress(frame), data);
    EXPECT_LE(frame.size(), compress_bound(data.size()));

    merge_block_delimiters(sequences);
    EXPECT_EQ(std::ranges::count_if(sequences, &Sequence::is_delimiter), 0);
    values.compression_level = 1 + static_cast<int>(random.below(12));
    ASSERT_EQ(
        decompress(compress_sequences(sequences, data,
                                      {.compression_params = ZstdCompressionParameters(values),
                                       .block_delimiters = BlockDelimiters::kNone})),
        data);
  }
}

TEST(ApiSequences, CompressAboutAsWellAsLibzstd) {
  const Bytes data = text_bytes(300000, 3);
  const Bytes frame = compress_sequences(generate_sequences(data, at_level(9)), data,
                                         {.compression_params = at_level(9)});
  EXPECT_LT(frame.size(), compress(data, 9).size() * 105 / 100);
}

TEST(ApiMergeBlockDelimiters, AgreesWithLibzstd) {
  const Bytes data = text_bytes(400000, 4);
  std::vector<Sequence> ours = generate_sequences(data);
  std::vector<ZSTD_Sequence> theirs;
  for (const Sequence& s : ours) {
    theirs.push_back({s.offset, s.literal_length, s.match_length, s.repeat});
  }
  theirs.resize(ZSTD_mergeBlockDelimiters(theirs.data(), theirs.size()));
  merge_block_delimiters(ours);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i], (Sequence{theirs[i].offset, theirs[i].litLength, theirs[i].matchLength,
                                 theirs[i].rep}));
  }
}

TEST(ApiMergeBlockDelimiters, RefusesLiteralsThatDoNotFit) {
  const std::vector<Sequence> before = {{.literal_length = 0xFFFFFFFFu},
                                        {.offset = 1, .literal_length = 1, .match_length = 3}};
  std::vector<Sequence> sequences = before;
  EXPECT_THROW(merge_block_delimiters(sequences), std::invalid_argument);
  EXPECT_EQ(sequences, before);
}

TEST(ApiSequenceBound, IsAtLeastLibzstds) {
  for (const std::size_t bytes : {0U, 1U, 1000U, 131072U, 10000000U}) {
    EXPECT_GE(sequence_bound(bytes), ZSTD_sequenceBound(bytes));
  }
}

TEST(ApiCompressSequences, TakesLongMatchesAndLiteralsOverBlocks) {
  // One byte and 1,000,000 times the same: a single match, which no block can hold.
  for (const std::uint32_t size : {131073U, 131075U, 262146U, 1000001U}) {
    const Bytes run(size, std::byte{'a'});
    const std::vector<Sequence> one = {
        {.offset = 1, .literal_length = 1, .match_length = size - 1}};
    EXPECT_EQ(
        decompress(compress_sequences(one, run, {.block_delimiters = BlockDelimiters::kNone})),
        run);
  }
  const Bytes noise = random_bytes(500000, 5);
  for (const std::vector<Sequence>& literals :
       {std::vector<Sequence>{}, {{.literal_length = 500000}}, {{.literal_length = 7}}}) {
    EXPECT_EQ(decompress(compress_sequences(literals, noise,
                                            {.block_delimiters = BlockDelimiters::kNone})),
              noise);
  }
}

TEST(ApiCompressSequences, EmptyDataIsAFrame) {
  const Bytes frame = compress_sequences({}, {});
  EXPECT_EQ(frame, compress({}));
  const std::vector<Sequence> delimiters(3);
  EXPECT_EQ(compress_sequences(delimiters, {}), frame);
}

TEST(ApiCompressSequences, ManySmallBlocksFit) {
  const Bytes data = random_bytes(5000, 6);
  const std::vector<Sequence> bytes_alone(5000, {.literal_length = 1});
  EXPECT_EQ(decompress(compress_sequences(bytes_alone, data)), data);
}

TEST(ApiCompressSequences, ReachIntoADictionary) {
  const Bytes content = text_bytes(20000, 7);
  const auto dict = std::make_shared<const ZstdCompressionDict>(content, DictType::kRawContent);
  Bytes data(content.end() - 10000, content.end() - 100);
  const auto matched = static_cast<std::uint32_t>(data.size());
  const std::vector<Sequence> sequences = {{.offset = 10000, .match_length = matched}, {}};
  const SequenceOptions options{.dict_data = dict};
  const Bytes frame = compress_sequences(sequences, data, options);
  EXPECT_LT(frame.size(), 30U);
  EXPECT_EQ(ZstdDecompressor({.dict_data = dict}).decompress(frame), data);
  // A match that begins in the dictionary and goes on in the data.
  const Bytes tail(content.end() - 5, content.end());
  const Bytes rolling = joined({tail, tail, tail});
  const std::vector<Sequence> roll = {{.offset = 5, .match_length = 15}, {}};
  EXPECT_EQ(
      ZstdDecompressor({.dict_data = dict}).decompress(compress_sequences(roll, rolling, options)),
      rolling);
  std::vector<Sequence> beyond = {{.offset = 20001, .match_length = 5}, {.literal_length = 10}};
  expect_invalid("reaches beyond the beginning", beyond, rolling, options);
  expect_invalid("reaches beyond the beginning", roll, rolling);
  // What is another byte in the dictionary, or behind it, is no match.
  for (const std::size_t wrong : {0U, 4U, 5U, 14U}) {
    Bytes changed = rolling;
    changed[wrong] ^= std::byte{1};
    expect_invalid("the match at byte 0 is none", roll, changed, options);
  }
}

TEST(ApiCompressSequences, ReachTheContentOfAFullDictionaryOnly) {
  std::vector<Bytes> samples;
  for (std::uint64_t seed = 0; seed < 300; ++seed) samples.push_back(text_bytes(500, seed));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  const Dict dict = train_dictionary(8000, spans, {.k = 200, .d = 8});
  const ByteSpan all = dict->as_bytes();
  const Bytes data(all.end() - 500, all.end());
  const std::vector<Sequence> sequences = {{.offset = 500, .match_length = 500}, {}};
  const SequenceOptions options{.dict_data = dict};
  const Bytes frame = compress_sequences(sequences, data, options);
  EXPECT_EQ(ZstdDecompressor({.dict_data = dict}).decompress(frame), data);
  const Bytes start(all.begin(), all.begin() + 100);
  const std::vector<Sequence> tables = {
      {.offset = static_cast<std::uint32_t>(all.size()), .match_length = 100}, {}};
  expect_invalid("reaches beyond the beginning", tables, start, options);
}

TEST(ApiCompressSequences, NamesWhatIsWrong) {
  const Bytes data = bytes_of("abcabcabcabcabcabcabcabc");
  const auto with = [](Sequence second) {
    return std::vector<Sequence>{{.offset = 3, .literal_length = 3, .match_length = 3}, second};
  };
  const SequenceOptions no_delimiters{.block_delimiters = BlockDelimiters::kNone};
  expect_invalid("sequence 1: a match with an offset of 0", with({.match_length = 5}), data);
  expect_invalid("sequence 1: a match of 2 bytes", with({.offset = 3, .match_length = 2}), data);
  expect_invalid("sequence 1: a match of 0 bytes", with({.offset = 3}), data);
  expect_invalid("an offset of 4294967295", with({.offset = 0xFFFFFFFFu, .match_length = 3}), data);
  expect_invalid("at byte 6 reaches beyond", with({.offset = 7, .match_length = 3}), data);
  expect_invalid("the match at byte 6 is none", with({.offset = 4, .match_length = 3}), data);
  expect_invalid("sequence 2: the last block has no delimiter",
                 with({.offset = 3, .match_length = 18}), data);
  expect_invalid("the blocks end at byte 10 of 24", with({.literal_length = 4}), data);
  expect_invalid("literals beyond", with({.literal_length = 19}), data, no_delimiters);
  expect_invalid("literals beyond",
                 with({.offset = 3, .literal_length = 0xFFFFFFFFu, .match_length = 0xFFFFFFFFu}),
                 data, no_delimiters);
  expect_invalid("a match beyond", with({.offset = 3, .match_length = 0xFFFFFFFFu}), data,
                 no_delimiters);
  const Bytes long_data(200000, std::byte{'a'});
  const std::vector<Sequence> long_block = {
      {.offset = 1, .literal_length = 1, .match_length = 131072}, {.literal_length = 68927}};
  expect_invalid("more than 131072 bytes", long_block, long_data);
}

TEST(ApiCompressSequences, CannotReachBeyondTheWindow) {
  const Bytes noise = random_bytes(1500, 10);
  const Bytes data = joined({noise, noise});
  const std::vector<Sequence> sequences = {
      {.offset = 1500, .literal_length = 1500, .match_length = 1500}};
  SequenceOptions options{.block_delimiters = BlockDelimiters::kNone};
  EXPECT_EQ(decompress(compress_sequences(sequences, data, options)), data);
  options.compression_params = ZstdCompressionParameters({.window_log = 10});
  expect_invalid("External sequences are not valid", sequences, data, options);
}

TEST(ApiCompressSequences, AWrongMatchMakesAnotherFrameOnlyWhereThatIsAllowed) {
  const Bytes data = bytes_of("abcabcabcabcXbcabcabcabc");
  const std::vector<Sequence> sequences = {{.offset = 3, .literal_length = 3, .match_length = 21},
                                           {}};
  expect_invalid("is none", sequences, data);
  const Bytes frame =
      compress_sequences(sequences, data, {.validation = SequenceValidation::kStructure});
  EXPECT_NE(decompress(frame), data);
  const Bytes checked =
      compress_sequences(sequences, data,
                         {.compression_params = ZstdCompressionParameters({.write_checksum = true}),
                          .validation = SequenceValidation::kStructure});
  EXPECT_EQ(zstd_error_of([&] { decompress(checked); }), ZSTD_error_checksum_wrong);
}

TEST(ApiCompressSequences, GoToTheCallersMemory) {
  const Bytes data = text_bytes(10000, 8);
  const std::vector<Sequence> sequences = generate_sequences(data);
  const Bytes frame = compress_sequences(sequences, data);
  for (const std::size_t more : {0U, 1U, 20000U}) {
    Bytes out(frame.size() + more);
    out.resize(compress_sequences_into(out, sequences, data));
    EXPECT_EQ(out, frame);
  }
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, frame.size() - 1}) {
    Bytes out(bytes);
    EXPECT_EQ(zstd_error_of([&] { compress_sequences_into(out, sequences, data); }),
              ZSTD_error_dstSize_tooSmall);
  }
}

// Under ASan: random sequences give frames of the data, or errors.
TEST(ApiCompressSequences, RandomSequencesDoNoHarm) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 2000 : 10000); ++seed) {
    Random random(seed);
    const Bytes data = random.chance(50) ? Bytes(random.below(300000), std::byte{'a'})
                                         : text_bytes(random.below(3000), seed % 10);
    // Numbers as they may be, at the edges of what may be, or anything.
    const auto number = [&]() -> std::uint32_t {
      if (random.chance(80)) return static_cast<std::uint32_t>(random.below(40));
      if (random.chance(50)) return static_cast<std::uint32_t>(random.below(200000));
      if (random.chance(50)) return 0xFFFFFFFFu - static_cast<std::uint32_t>(random.below(8));
      return static_cast<std::uint32_t>(random.next());
    };
    std::vector<Sequence> sequences(random.below(random.chance(50) ? 4 : 60));
    for (Sequence& sequence : sequences) sequence = {number(), number(), number(), number()};
    if (random.chance(50)) {
      const std::uint64_t sum = covered(sequences);
      if (sum < data.size()) {
        sequences.push_back({.literal_length = static_cast<std::uint32_t>(data.size() - sum)});
      }
    }
    CompressionParameterValues values;
    values.compression_level = static_cast<int>(random.below(5));
    if (random.chance(30)) values.window_log = 10;
    const bool checks_content = random.chance(50);
    const SequenceOptions options{
        .compression_params = ZstdCompressionParameters(values),
        .block_delimiters = random.chance(50) ? BlockDelimiters::kNone : BlockDelimiters::kExplicit,
        .validation =
            checks_content ? SequenceValidation::kContent : SequenceValidation::kStructure};
    try {
      const Bytes content = decompress(compress_sequences(sequences, data, options));
      EXPECT_EQ(content.size(), data.size()) << seed;
      if (checks_content) {
        EXPECT_EQ(content, data) << seed;
      }
    } catch (const ZstdError& error) {
      EXPECT_EQ(error.code(), ZSTD_error_externalSequences_invalid) << seed << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 100U);
}

/// A match finder for runs of one byte; what is no run is literals.
std::optional<std::size_t> find_runs(const ProducerBlock& block, std::span<Sequence> out) {
  std::size_t count = 0;
  std::uint32_t literals = 0;
  for (std::size_t at = 0; at < block.source.size();) {
    std::size_t end = at + 1;
    while (end < block.source.size() && block.source[end] == block.source[at]) ++end;
    if (end - at < 4) {
      literals += static_cast<std::uint32_t>(end - at);
    } else {
      out[count++] = {.offset = 1,
                      .literal_length = literals + 1,
                      .match_length = static_cast<std::uint32_t>(end - at - 1)};
      literals = 0;
    }
    at = end;
  }
  return count;
}

Bytes bytes_with_runs(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  Bytes data;
  while (data.size() < bytes) {
    data.insert(data.end(), random.chance(50) ? 1 : random.below(5000),
                static_cast<std::byte>(random.below(256)));
  }
  data.resize(bytes);
  return data;
}

TEST(ApiSequenceProducer, ItsSequencesAreCompressed) {
  std::vector<std::size_t> blocks;
  ProducedCompressor compressor(
      [&](const ProducerBlock& block, std::span<Sequence> out) {
        blocks.push_back(block.source.size());
        EXPECT_TRUE(block.dictionary.empty());
        EXPECT_EQ(block.level, 4);
        EXPECT_GT(block.window_size, 0U);
        return find_runs(block, out);
      },
      {.compression_params = at_level(4)});
  const Bytes data = bytes_with_runs(300000, 1);
  const Bytes frame = compressor.compress(data);
  EXPECT_EQ(decompress(frame), data);
  EXPECT_LT(frame.size(), data.size() / 50);
  // libzstd may make them smaller.
  EXPECT_GE(blocks.size(), 3U);
  EXPECT_EQ(std::accumulate(blocks.begin(), blocks.end(), std::size_t{0}), data.size());
  Bytes out(compress_bound(data.size()));
  out.resize(compressor.compress_into(out, data));
  EXPECT_EQ(out, frame);
  EXPECT_EQ(zstd_error_of([&] { compressor.compress_into(MutableByteSpan(out).first(20), data); }),
            ZSTD_error_dstSize_tooSmall);
}

TEST(ApiSequenceProducer, RandomDataComesBack) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Bytes data = random.chance(50) ? some_bytes(random, 300000)
                                         : bytes_with_runs(random.below(300000), seed);
    ProducedCompressor compressor(
        [&](const ProducerBlock& block, std::span<Sequence> out) -> std::optional<std::size_t> {
          if (random.chance(30)) return std::nullopt;
          return find_runs(block, out);
        },
        {.compression_params = at_level(static_cast<int>(random.below(8))),
         .fallback = ProducerFallback::kUseZstd});
    ASSERT_EQ(decompress(compressor.compress(data)), data);
    ASSERT_EQ(decompress(compressor.compress(data)), data);
  }
}

TEST(ApiSequenceProducer, ItsFailureIsAnErrorOrFallsBack) {
  const auto fail = [](const ProducerBlock&, std::span<Sequence>) -> std::optional<std::size_t> {
    return std::nullopt;
  };
  const Bytes data = text_bytes(200000, 9);
  ProducedCompressor strict(fail);
  EXPECT_EQ(zstd_error_of([&] { strict.compress(data); }), ZSTD_error_sequenceProducer_failed);
  // Blocks that are too small are not asked for.
  EXPECT_EQ(decompress(strict.compress(bytes_of("abc"))), bytes_of("abc"));
  ProducedCompressor lenient(fail, {.fallback = ProducerFallback::kUseZstd});
  EXPECT_EQ(lenient.compress(data), compress(data));
}

TEST(ApiSequenceProducer, WhatItThrowsPassesThrough) {
  int calls = 0;
  for (const ProducerFallback fallback : {ProducerFallback::kFail, ProducerFallback::kUseZstd}) {
    ProducedCompressor compressor(
        [&](const ProducerBlock& block, std::span<Sequence> out) {
          if (++calls % 2 == 0) throw std::runtime_error("out of ideas");
          return find_runs(block, out);
        },
        {.fallback = fallback});
    const Bytes data = bytes_with_runs(400000, 2);
    EXPECT_EQ(message_of<std::runtime_error>([&] { compressor.compress(data); }), "out of ideas");
    EXPECT_EQ(calls, 2);
    const Bytes one_block = bytes_with_runs(1000, 3);
    EXPECT_EQ(decompress(compressor.compress(one_block)), one_block);
    calls = 0;
  }
}

TEST(ApiSequenceProducer, WrongSequencesAreErrorsAlsoWithAFallback) {
  const Bytes data = joined({bytes_with_runs(131072, 4), text_bytes(1000, 4)});
  const auto produce = [&](std::vector<Sequence> sequences) {
    ProducedCompressor compressor(
        [sequences, &data](const ProducerBlock& block,
                           std::span<Sequence> out) -> std::optional<std::size_t> {
          if (block.source.data() == data.data()) return find_runs(block, out);
          std::ranges::copy(sequences, out.begin());
          return sequences.size();
        },
        {.fallback = ProducerFallback::kUseZstd});
    return compressor.compress(data);
  };
  EXPECT_EQ(decompress(produce({})), data);
  EXPECT_EQ(decompress(produce({{.literal_length = 1000}})), data);
  for (const Sequence& wrong :
       {Sequence{.offset = 0, .match_length = 5},
        Sequence{.offset = 1, .literal_length = 1, .match_length = 900},
        Sequence{.offset = 100, .literal_length = 3, .match_length = 5},
        Sequence{.literal_length = 1001},
        Sequence{.offset = 1, .literal_length = 0xFFFFFFFFu, .match_length = 0xFFFFFFFFu}}) {
    const auto call = [&] { produce({{.literal_length = 2}, wrong}); };
    EXPECT_EQ(zstd_error_of(call), ZSTD_error_externalSequences_invalid);
    EXPECT_THAT(message_of<ZstdError>(call),
                AllOf(HasSubstr("block at byte 131072"), HasSubstr("sequence 1")));
  }
}

TEST(ApiSequenceProducer, TooManySequencesAreAUsageError) {
  ProducedCompressor compressor(
      [](const ProducerBlock&, std::span<Sequence> out) -> std::optional<std::size_t> {
        return out.size() + 1;
      });
  EXPECT_THROW(compressor.compress(text_bytes(100, 1)), UsageError);
}

TEST(ApiSequenceProducer, RefusesWhatDoesNotGoTogether) {
  EXPECT_THROW(ProducedCompressor(nullptr), std::invalid_argument);
  const ZstdCompressionParameters threads({.threads = 2});
  EXPECT_THROW(ProducedCompressor(find_runs, {.compression_params = threads}),
               std::invalid_argument);
  const ZstdCompressionParameters ldm({.enable_ldm = true});
  EXPECT_THROW(ProducedCompressor(find_runs, {.compression_params = ldm}), std::invalid_argument);
}

TEST(ApiSequenceProducer, LargeWindowsDoNotTurnOnLongDistanceMatching) {
  // At this level and window libzstd would, and then refuse the producer.
  const ZstdCompressionParameters parameters({.compression_level = 16, .window_log = 27});
  const Bytes data = bytes_with_runs(5000, 5);
  EXPECT_EQ(
      decompress(ProducedCompressor(find_runs, {.compression_params = parameters}).compress(data)),
      data);
}

TEST(ApiSequenceProducer, CannotUseItsOwnCompressor) {
  ProducedCompressor* self = nullptr;
  ProducedCompressor compressor(
      [&](const ProducerBlock& block, std::span<Sequence>) -> std::optional<std::size_t> {
        self->compress(block.source);
        return 0;
      });
  self = &compressor;
  EXPECT_THROW(compressor.compress(text_bytes(100, 1)), UsageError);
  ProducedCompressor moved = std::move(compressor);
  self = &moved;
  EXPECT_THROW(moved.compress(text_bytes(100, 1)), UsageError);
}

}  // namespace
}  // namespace zstdfs::test
