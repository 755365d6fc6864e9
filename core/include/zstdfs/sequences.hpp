#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "zstdfs/bytes.hpp"
#include "zstdfs/compression_parameters.hpp"
#include "zstdfs/dictionary.hpp"

// What a compressor finds before it encodes: sequences of literals and matches. For match finders
// of one's own, and for looking at libzstd's. All functions may run concurrently, and use contexts
// of their own.

namespace zstdfs {

/// Bytes that are copied as they are, then a match: bytes that repeat earlier ones. What
/// ZSTD_Sequence is in libzstd.
///
/// With offset and match length 0 it is a block delimiter: the last literals of a block, or none.
struct Sequence {
  /// How many bytes before the match's place what it repeats begins: in the data, or at the end of
  /// the dictionary, which lies directly before it.
  std::uint32_t offset = 0;
  std::uint32_t literal_length = 0;
  std::uint32_t match_length = 0;  ///< 3 or more
  /// Which of the recent offsets `offset` is, from 1 to 3, or 0; as generate_sequences has found
  /// it. Compression finds that out by itself and does not look here.
  std::uint32_t repeat = 0;

  bool is_delimiter() const { return offset == 0 && match_length == 0; }
  friend bool operator==(const Sequence&, const Sequence&) = default;
};

/// The most sequences, delimiters included, that generate_sequences returns for so many bytes.
std::size_t sequence_bound(std::size_t data_bytes);

/// The sequences that libzstd compresses `data` to, with a delimiter at the end of each block: what
/// compress_sequences takes with BlockDelimiters::kExplicit and the same parameters. Threads and
/// splitting of blocks are left out. Throws ZstdError.
/// Memory: about 6 bytes for each of the data's while it runs, beside the compressor's; then 16
/// for each sequence.
std::vector<Sequence> generate_sequences(
    ByteSpan data, const ZstdCompressionParameters& parameters = ZstdCompressionParameters());

/// Removes the delimiters: their literals become those of the next sequence; those at the end are
/// dropped. What remains is for BlockDelimiters::kNone. Throws std::invalid_argument, and leaves
/// the sequences as they were, when literals add up to 4 GiB.
void merge_block_delimiters(std::vector<Sequence>& sequences);

enum class BlockDelimiters {
  /// The sequences are cut into blocks where the size of a block demands it. Literals after the
  /// last one may be left out. Delimiters are literals and nothing more.
  kNone,
  /// Each delimiter ends a block; there is one at the end. The blocks' sizes add up to the data's,
  /// and none is larger than the parameters allow: 128 KiB, the window, and
  /// kParameterMaxBlockSize.
  kExplicit,
};

/// How much of the sequences is checked. Either way no sequences can do harm: it is about frames
/// that hold something else than the data.
enum class SequenceValidation {
  kContent,    ///< all of them, and that each match repeats what it refers to
  kStructure,  ///< lengths and offsets: a wrong match makes a frame of other content
};

struct SequenceOptions {
  /// Threads and long-distance matching do not apply. `min_match` is taken as 3, so that matches
  /// may have any length; a precomputed dictionary keeps its own, and may demand 4.
  ZstdCompressionParameters compression_params = ZstdCompressionParameters();
  BlockDelimiters block_delimiters = BlockDelimiters::kExplicit;
  SequenceValidation validation = SequenceValidation::kContent;
  /// What matches may refer to beyond the data's beginning.
  std::shared_ptr<const ZstdCompressionDict> dict_data = nullptr;
};

/// Encodes sequences of `data` to one frame. Throws ZstdError (externalSequences_invalid) for
/// sequences that are not of this data; the message has the number of the sequence, counted from 0,
/// but for offsets that reach beyond the window, which libzstd finds.
/// Memory: beside the context, 16 bytes for each sequence, and a frame of the largest size.
Bytes compress_sequences(std::span<const Sequence> sequences, ByteSpan data,
                         const SequenceOptions& options = {});
/// As above into the caller's memory. Returns the frame's size. Throws ZstdError
/// (dstSize_tooSmall) when it does not fit.
std::size_t compress_sequences_into(MutableByteSpan out, std::span<const Sequence> sequences,
                                    ByteSpan data, const SequenceOptions& options = {});

}  // namespace zstdfs
