#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/sequence_producer.hpp"
#include "zstdfs/sequences.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::size_t kMostSequences = 200;
constexpr std::size_t kMostDataBytes = 20000;

/// A number that is small, or so large that sums overflow.
std::uint32_t widened(unsigned number, unsigned limit) {
  return number < limit ? number : ~std::uint32_t{0} - (~number & 0xFF);
}

std::vector<Sequence> next_sequences(Choices& choices, std::size_t count) {
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < count; ++i) {
    Sequence sequence;
    sequence.offset = widened(choices.next_two_bytes(), 0xFFF0);
    sequence.literal_length = widened(choices.next(), 0xFE);
    sequence.match_length = widened(choices.next_two_bytes(), 0xFFF0);
    sequences.push_back(sequence);
  }
  return sequences;
}

/// The data that sequences stand for, with literals from `literals`. Ends before a sequence that
/// stands for none.
Bytes executed(std::span<const Sequence> sequences, ByteSpan dictionary, Choices& literals) {
  Bytes all(dictionary.begin(), dictionary.end());
  for (const Sequence& sequence : sequences) {
    const std::uint64_t bytes = std::uint64_t{sequence.literal_length} + sequence.match_length;
    if (bytes > kMostDataBytes - (all.size() - dictionary.size())) break;
    const ByteSpan taken = literals.take(sequence.literal_length);
    all.insert(all.end(), taken.begin(), taken.end());
    all.resize(all.size() + sequence.literal_length - taken.size(), std::byte{'.'});
    if (sequence.match_length != 0 && (sequence.offset == 0 || sequence.offset > all.size())) break;
    for (std::uint32_t i = 0; i < sequence.match_length; ++i) {
      all.push_back(all[all.size() - sequence.offset]);
    }
  }
  return {all.begin() + static_cast<std::ptrdiff_t>(dictionary.size()), all.end()};
}

/// What is encoded, and how.
struct Case {
  std::vector<Sequence> sequences;
  Bytes data;
  SequenceOptions options;
  ProducerFallback fallback = ProducerFallback::kFail;
  bool producer_fails = false;
};

Bytes decompressed(ByteSpan frame, const SequenceOptions& options) {
  ZstdDecompressor decompressor(
      {.dict_data = options.dict_data, .checksums = ChecksumPolicy::kVerifyIfPresent});
  return decompressor.decompress(frame, {.max_output_size = kMostDataBytes});
}

/// A frame holds exactly the data, unless it was said that matches need not be any: then it holds
/// as much, or a checksum tells.
void check_frame(ByteSpan frame, const Case& given) {
  if (given.options.validation == SequenceValidation::kContent) {
    FUZZ_REQUIRE(decompressed(frame, given.options) == given.data);
    return;
  }
  const Outcome outcome = outcome_of([&] { return decompressed(frame, given.options); });
  if (outcome.error) {
    FUZZ_REQUIRE(*outcome.error == ZSTD_error_checksum_wrong);
  } else {
    FUZZ_REQUIRE(outcome.content.size() == given.data.size());
  }
}

/// What compress_sequences makes also fits where there is just the room for it.
void check_room(ByteSpan frame, const Case& given) {
  Bytes out(frame.size());
  FUZZ_REQUIRE(compress_sequences_into(out, given.sequences, given.data, given.options) ==
               frame.size());
  FUZZ_REQUIRE(std::ranges::equal(out, frame));
  const MutableByteSpan too_small = MutableByteSpan(out).first(out.size() - 1);
  const auto refused = outcome_of([&] {
    compress_sequences_into(too_small, given.sequences, given.data, given.options);
    return Bytes();
  });
  FUZZ_REQUIRE(refused.error == ZSTD_error_dstSize_tooSmall);
}

void check_sequences(const Case& given) {
  const Outcome frame =
      outcome_of([&] { return compress_sequences(given.sequences, given.data, given.options); });
  if (frame.error) return;
  check_frame(frame.content, given);
  check_room(frame.content, given);
  if (given.options.block_delimiters == BlockDelimiters::kNone) return;
  // The delimiters can be left out.
  Case merged = given;
  merge_block_delimiters(merged.sequences);
  merged.options.block_delimiters = BlockDelimiters::kNone;
  check_frame(compress_sequences(merged.sequences, merged.data, merged.options), merged);
}

/// A producer that gives the same sequences for each block.
void check_producer(const Case& given) {
  const auto produce = [&](const ProducerBlock& block,
                           std::span<Sequence> out) -> std::optional<std::size_t> {
    FUZZ_REQUIRE(!block.source.empty() && block.source.size() <= kBlockSizeMax);
    if (given.producer_fails) return std::nullopt;
    const std::size_t count = std::min(out.size(), given.sequences.size());
    std::copy_n(given.sequences.begin(), count, out.begin());
    return count;
  };
  ProducedCompressor compressor(produce, {.compression_params = given.options.compression_params,
                                          .fallback = given.fallback,
                                          .validation = given.options.validation});
  Case produced = given;
  produced.options.dict_data = nullptr;
  for (int round = 0; round < 2; ++round) {
    const Outcome frame = outcome_of([&] { return compressor.compress(given.data); });
    if (!frame.error) check_frame(frame.content, produced);
  }
}

/// What libzstd finds in the data can be encoded.
void check_generated(const Case& given) {
  Case generated = given;
  generated.options.dict_data = nullptr;
  generated.options.validation = SequenceValidation::kContent;
  generated.options.block_delimiters = BlockDelimiters::kExplicit;
  generated.sequences = generate_sequences(given.data, given.options.compression_params);
  check_frame(compress_sequences(generated.sequences, generated.data, generated.options),
              generated);
}

ZstdCompressionParameters next_parameters(Choices& choices) {
  static constexpr std::array<int, 4> kLevels{1, 3, 7, 16};
  static constexpr std::array<int, 4> kWindowLogs{0, 10, 11, 20};
  const unsigned choice = choices.next();
  CompressionParameterValues values;
  values.compression_level = kLevels[choice & 3];
  values.window_log = kWindowLogs[choice >> 2 & 3];
  values.write_content_size = (choice & 16) == 0;
  if ((choice & 32) != 0) values.write_checksum = true;
  return ZstdCompressionParameters(values);
}

}  // namespace

/// The input: choices, a dictionary, sequences, and the data: as it is, or literals of data that
/// the sequences stand for.
void sequences_target(ByteSpan input) {
  Choices choices(input);
  const unsigned how = choices.next();
  Case given;
  given.options.compression_params = next_parameters(choices);
  given.options.block_delimiters =
      (how & 1) != 0 ? BlockDelimiters::kNone : BlockDelimiters::kExplicit;
  given.options.validation =
      (how & 2) != 0 ? SequenceValidation::kStructure : SequenceValidation::kContent;
  given.fallback = (how & 4) != 0 ? ProducerFallback::kUseZstd : ProducerFallback::kFail;
  given.producer_fails = (how & 8) != 0;
  const ByteSpan dictionary = choices.take((how & 16) != 0 ? choices.next_two_bytes() : 0);
  if ((how & 16) != 0) {
    const DictType type = (how & 128) != 0 ? DictType::kAuto : DictType::kRawContent;
    given.options.dict_data = std::make_shared<ZstdCompressionDict>(dictionary, type);
  }
  given.sequences = next_sequences(choices, choices.next() % kMostSequences);
  if ((how & 32) != 0) {
    given.data = executed(given.sequences, dictionary, choices);
  } else {
    const ByteSpan data = choices.take(kMostDataBytes);
    given.data.assign(data.begin(), data.end());
  }
  check_sequences(given);
  check_producer(given);
  if ((how & 64) != 0) check_generated(given);
}

}  // namespace zstdfs::fuzz
