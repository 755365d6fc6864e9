#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "zstdfs/bytes.hpp"
#include "zstdfs/compression_parameters.hpp"
#include "zstdfs/sequences.hpp"

namespace zstdfs {

/// What a sequence producer is to parse.
struct ProducerBlock {
  ByteSpan source;              ///< one block, at most 128 KiB and never empty
  ByteSpan dictionary;          ///< what matches may refer to before it; so far libzstd gives none
  int level = 0;                ///< the parameters' compression level
  std::size_t window_size = 0;  ///< the largest offset
};

/// A match finder: puts sequences of the block, without delimiters, into `out` and returns how many
/// they are; or nothing when it has failed. Literals after the last match may be left out. There is
/// room for as many as a block can have. `out` holds unspecified sequences before. May throw.
using SequenceProducer =
    std::function<std::optional<std::size_t>(const ProducerBlock&, std::span<Sequence> out)>;

/// What is done with a block for which the producer returns nothing.
enum class ProducerFallback {
  kFail,     ///< the compression fails
  kUseZstd,  ///< libzstd's own match finder, as the parameters have it, parses this block
};

struct ProducedCompressorOptions {
  ZstdCompressionParameters compression_params = ZstdCompressionParameters();
  ProducerFallback fallback = ProducerFallback::kFail;
  /// Of what the producer returns. Wrong sequences are an error also with a fallback.
  SequenceValidation validation = SequenceValidation::kContent;
};

/// Compresses with sequences of the user's match finder.
///
/// libzstd (1.5.4 to 1.5.7) takes blocks from a producer one by one, each without what came before:
/// matches begin in the block itself. It takes neither a dictionary nor threads nor long-distance
/// matching, which it would turn on itself for windows of 128 MiB at high levels: it is off here.
///
/// Thread safety: one thread at a time; a second one gets a UsageError, and so does a producer that
/// uses its own compressor.
/// After an error: can be used again.
/// Memory: one zstd context, which grows to what the parameters need, and 0.7 MiB for sequences.
class ProducedCompressor {
 public:
  /// Throws std::invalid_argument when there is no producer, or when the parameters ask for threads
  /// or long-distance matching; ZstdError for what libzstd refuses.
  explicit ProducedCompressor(SequenceProducer producer,
                              const ProducedCompressorOptions& options = {});
  ~ProducedCompressor();
  ProducedCompressor(ProducedCompressor&&) noexcept;
  ProducedCompressor& operator=(ProducedCompressor&&) noexcept;

  /// Compresses `data` to one frame. The producer is called in this thread, for blocks of 7 bytes
  /// and more, in their order. Passes on what it throws. Throws ZstdError: sequenceProducer_failed
  /// when it fails and there is no fallback, externalSequences_invalid for sequences that are not
  /// the block's (the message has the block's offset and the sequence's number).
  Bytes compress(ByteSpan data);
  /// As above into the caller's memory. Returns the frame's size; throws ZstdError when it does not
  /// fit. After an error `out` holds unspecified bytes.
  std::size_t compress_into(MutableByteSpan out, ByteSpan data);

 private:
  struct State;
  std::unique_ptr<State> state_;  // apart, because libzstd refers to it
};

}  // namespace zstdfs
