#include "zstdfs/sequences.hpp"

// From version 1.5.6 on, libzstd calls ZSTD_generateSequences a function for debugging. There is no
// other.
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#define ZSTD_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "compression_context.hpp"
#include "frame_layout.hpp"
#include "sequence_blocks.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

/// libzstd does not even look for sequences in blocks below this size: some versions leave them
/// out, others fail.
constexpr std::size_t kLeastParsedBytes = 7;
/// Frame header, checksum, and the header of the block that a frame without content has.
constexpr std::size_t kFrameOverhead =
    ZSTD_FRAMEHEADERSIZE_MAX + kChecksumBytes + kBlockHeaderBytes;

/// What matches can refer to.
ByteSpan content_of(const ZstdCompressionDict* dict) {
  if (dict == nullptr) return {};
  const ByteSpan data = dict->as_bytes();
  const bool has_tables =
      dict->dict_type() == DictType::kFullDict ||
      (dict->dict_type() == DictType::kAuto && data.size() >= sizeof(std::uint64_t) &&
       load_le<std::uint32_t>(data, 0) == kDictionaryMagicNumber);
  if (!has_tables) return data;
  return data.subspan(ZstdError::check(ZDICT_getDictHeaderSize(data.data(), data.size()),
                                       "find a dictionary's content"));
}

ZstdCompressionParameters encoding_parameters(const ZstdCompressionParameters& given) {
  return given.with(kParameterThreads, 0)
      .with(kParameterEnableLdm, ZSTD_ps_disable)
      .with(kParameterMinMatch, kMinMatchMin)
      .with(kParameterBlockDelimiters, ZSTD_sf_explicitBlockDelimiters)
      .with(kParameterValidateSequences, 1);
}

// libzstd repeats the sequences of blocks that it splits (1.5.4), or refuses to go on (later), and
// gives none with threads.
ZstdCompressionParameters generating_parameters(const ZstdCompressionParameters& given) {
  ZstdCompressionParameters parameters =
      given.with(kParameterThreads, 0).with(kParameterUseBlockSplitter, ZSTD_ps_disable);
  if (given.is_set(parameter_target_c_block_size())) {
    parameters = parameters.with(parameter_target_c_block_size(), 0);
  }
  // Splits before it looks for sequences. 1 is "never", 0 the default.
  if (ZSTD_versionNumber() >= 10507) {
    parameters = parameters.with(kParameterBlockSplitterLevel, 1);
  }
  return parameters;
}

/// The sequences of data without a last block that is too small to be parsed.
std::vector<Sequence> parse(ByteSpan data, const ZstdCompressionParameters& parameters) {
  const CCtxPtr context = make_cctx();
  parameters.apply_to(context.get());
  const std::size_t capacity = sequence_bound(data.size());
  const auto found = std::make_unique_for_overwrite<ZSTD_Sequence[]>(capacity);
  const std::size_t count = ZstdError::check(
      ZSTD_generateSequences(context.get(), found.get(), capacity, data.data(), data.size()),
      "generate sequences");
  std::vector<Sequence> sequences;
  sequences.reserve(count + 1);
  std::uint64_t covered = 0;
  for (const ZSTD_Sequence& sequence : std::span(found.get(), count)) {
    sequences.push_back({.offset = sequence.offset,
                         .literal_length = sequence.litLength,
                         .match_length = sequence.matchLength,
                         .repeat = sequence.rep});
    covered += std::uint64_t{sequence.litLength} + sequence.matchLength;
  }
  // libzstd 1.5.4 returns what it has got when compression fails.
  if (covered != data.size()) {
    throw ZstdError(ZSTD_error_GENERIC, "cannot generate sequences: they end at byte " +
                                            std::to_string(covered) + " of " +
                                            std::to_string(data.size()));
  }
  return sequences;
}

struct Encoding {
  ZstdCompressionParameters parameters;
  SequenceBlocks blocks;
  std::size_t frame_bound = 0;
};

Encoding encoding_of(std::span<const Sequence> sequences, ByteSpan data,
                     const SequenceOptions& options) {
  Encoding encoding{
      .parameters = encoding_parameters(options.compression_params),
      .blocks = SequenceBlocks(data, content_of(options.dict_data.get()),
                               {.block_bytes = block_bytes_max(options.compression_params),
                                .validation = options.validation})};
  encoding.blocks.take(sequences, options.block_delimiters);
  // Blocks that do not become smaller are stored as they are.
  encoding.frame_bound =
      std::max(ZSTD_compressBound(data.size()),
               data.size() + kBlockHeaderBytes * encoding.blocks.blocks() + kFrameOverhead);
  return encoding;
}

/// `out` has at least `frame_bound` bytes: libzstd 1.5.4 fails to see that a header does not fit.
std::size_t encode(const Encoding& encoding, MutableByteSpan out, ByteSpan data,
                   const SequenceOptions& options) {
  CompressionContext context(
      {.dict_data = options.dict_data, .compression_params = encoding.parameters});
  const std::vector<ZSTD_Sequence>& sequences = encoding.blocks.sequences();
  return ZstdError::check(
      ZSTD_compressSequences(context.cctx.get(), out.data(), out.size(), sequences.data(),
                             sequences.size(), data.data(), data.size()),
      "compress sequences");
}

}  // namespace

std::size_t sequence_bound(std::size_t data_bytes) {
  // Matches of the shortest length, and blocks of the smallest size. libzstd 1.5.4 forgets the
  // latter.
  return data_bytes / kMinMatchMin + data_bytes / kBlockSizeMaxMin + 2;
}

std::vector<Sequence> generate_sequences(ByteSpan data,
                                         const ZstdCompressionParameters& parameters) {
  const std::size_t tail = data.size() % block_bytes_max(parameters);
  const std::size_t unparsed = tail < kLeastParsedBytes ? tail : 0;
  const ByteSpan parsed = data.first(data.size() - unparsed);
  std::vector<Sequence> sequences;
  if (!parsed.empty()) sequences = parse(parsed, generating_parameters(parameters));
  if (unparsed != 0) {
    sequences.push_back({.literal_length = static_cast<std::uint32_t>(unparsed)});
  }
  return sequences;
}

void merge_block_delimiters(std::vector<Sequence>& sequences) {
  std::vector<Sequence> merged;
  merged.reserve(sequences.size());
  std::uint64_t literals = 0;
  for (const Sequence& sequence : sequences) {
    literals += sequence.literal_length;
    if (sequence.is_delimiter()) continue;
    if (literals > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument("the literals before one match are " + std::to_string(literals) +
                                  " bytes");
    }
    merged.push_back(sequence);
    merged.back().literal_length = static_cast<std::uint32_t>(literals);
    literals = 0;
  }
  sequences = std::move(merged);
}

Bytes compress_sequences(std::span<const Sequence> sequences, ByteSpan data,
                         const SequenceOptions& options) {
  const Encoding encoding = encoding_of(sequences, data, options);
  ScratchBuffer scratch;
  const MutableByteSpan out = scratch.at_least(encoding.frame_bound);
  const MutableByteSpan frame = out.first(encode(encoding, out, data, options));
  return {frame.begin(), frame.end()};
}

std::size_t compress_sequences_into(MutableByteSpan out, std::span<const Sequence> sequences,
                                    ByteSpan data, const SequenceOptions& options) {
  const Encoding encoding = encoding_of(sequences, data, options);
  if (out.size() >= encoding.frame_bound) return encode(encoding, out, data, options);
  ScratchBuffer scratch;
  const MutableByteSpan room = scratch.at_least(encoding.frame_bound);
  const ByteSpan frame = room.first(encode(encoding, room, data, options));
  if (frame.size() > out.size()) {
    throw ZstdError(ZSTD_error_dstSize_tooSmall, "a frame of " + std::to_string(frame.size()) +
                                                     " bytes does not fit into " +
                                                     std::to_string(out.size()));
  }
  std::copy(frame.begin(), frame.end(), out.begin());
  return frame.size();
}

}  // namespace zstdfs
