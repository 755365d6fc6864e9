#include "zstdfs/sequence_producer.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "exclusive_use.hpp"
#include "sequence_blocks.hpp"
#include "source_input.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

struct ProducedCompressor::State {
  State(SequenceProducer function, const ProducedCompressorOptions& with);

  std::size_t compress(MutableByteSpan out, ByteSpan data);
  /// What libzstd calls for each block, with `state` a State.
  static std::size_t produce(void* state, ZSTD_Sequence* out, std::size_t capacity,
                             const void* source, std::size_t source_bytes, const void* dictionary,
                             std::size_t dictionary_bytes, int level,
                             std::size_t window_size) noexcept;
  std::size_t produce_block(const ProducerBlock& block, std::span<ZSTD_Sequence> out);
  std::size_t checked_copy(const ProducerBlock& block, std::span<const Sequence> sequences,
                           std::span<ZSTD_Sequence> out) const;

  const SequenceProducer producer;
  const SequenceValidation validation;
  UseState use;
  // All below is touched only while in use.
  CCtxPtr cctx;
  std::vector<Sequence> produced;  // apart from libzstd's, which a producer must not overrun
  const std::byte* data_begin = nullptr;
  std::exception_ptr failure;  // of the producer, in the present compression
};

namespace {

ZstdCompressionParameters producing_parameters(const ProducedCompressorOptions& options) {
  const ZstdCompressionParameters& given = options.compression_params;
  if (given.threads() != 0) {
    throw std::invalid_argument("a sequence producer and threads cannot be given both");
  }
  if (given.enable_ldm()) {
    throw std::invalid_argument(
        "a sequence producer and long-distance matching cannot be given both");
  }
  return given.with(kParameterEnableLdm, ZSTD_ps_disable)
      .with(kParameterValidateSequences, 1)
      .with(kParameterEnableSeqProducerFallback,
            options.fallback == ProducerFallback::kUseZstd ? 1 : 0);
}

}  // namespace

ProducedCompressor::State::State(SequenceProducer function, const ProducedCompressorOptions& with)
    : producer(std::move(function)), validation(with.validation), cctx(make_cctx()) {
  if (!producer) throw std::invalid_argument("there is no sequence producer");
  producing_parameters(with).apply_to(cctx.get());
  ZSTD_registerSequenceProducer(cctx.get(), this, &State::produce);
}

std::size_t ProducedCompressor::State::compress(MutableByteSpan out, ByteSpan data) {
  failure = nullptr;
  data_begin = data.data();
  const std::size_t result =
      ZSTD_compress2(cctx.get(), out.data(), out.size(), data.data(), data.size());
  // With a fallback, libzstd may have succeeded all the same.
  if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  return ZstdError::check(result, "compress with a sequence producer");
}

// Exceptions must not pass through libzstd, which is C: they are kept until it has returned.
std::size_t ProducedCompressor::State::produce(void* state, ZSTD_Sequence* out,
                                               std::size_t capacity, const void* source,
                                               std::size_t source_bytes, const void* dictionary,
                                               std::size_t dictionary_bytes, int level,
                                               std::size_t window_size) noexcept {
  State& self = *static_cast<State*>(state);
  // What comes after a failure is thrown away.
  if (self.failure) return ZSTD_SEQUENCE_PRODUCER_ERROR;
  try {
    return self.produce_block(
        {.source = {static_cast<const std::byte*>(source), source_bytes},
         .dictionary = {static_cast<const std::byte*>(dictionary), dictionary_bytes},
         .level = level,
         .window_size = window_size},
        {out, capacity});
  } catch (...) {
    self.failure = std::current_exception();
    return ZSTD_SEQUENCE_PRODUCER_ERROR;
  }
}

std::size_t ProducedCompressor::State::produce_block(const ProducerBlock& block,
                                                     std::span<ZSTD_Sequence> out) {
  if (produced.size() < out.size()) produced.resize(out.size());
  const std::span<Sequence> room = std::span(produced).first(out.size());
  const std::optional<std::size_t> count = producer(block, room);
  if (!count) return ZSTD_SEQUENCE_PRODUCER_ERROR;
  if (*count > room.size()) {
    throw UsageError("a sequence producer returned " + std::to_string(*count) +
                     " sequences where there is room for " + std::to_string(room.size()));
  }
  try {
    return checked_copy(block, room.first(*count), out);
  } catch (const ZstdError& error) {
    throw ZstdError(
        error.code(),
        "block at byte " + std::to_string(block.source.data() - data_begin) + ": " + error.what());
  }
}

std::size_t ProducedCompressor::State::checked_copy(const ProducerBlock& block,
                                                    std::span<const Sequence> sequences,
                                                    std::span<ZSTD_Sequence> out) const {
  SequenceBlocks checked(block.source, block.dictionary,
                         {.block_bytes = block.source.size(), .validation = validation});
  checked.take(sequences, BlockDelimiters::kNone);
  // Matches of 3 bytes and one delimiter: libzstd's promise.
  ZSTDFS_ASSERT(checked.sequences().size() <= out.size());
  std::ranges::copy(checked.sequences(), out.begin());
  return checked.sequences().size();
}

ProducedCompressor::ProducedCompressor(SequenceProducer producer,
                                       const ProducedCompressorOptions& options)
    : state_(std::make_unique<State>(std::move(producer), options)) {}
ProducedCompressor::~ProducedCompressor() = default;
ProducedCompressor::ProducedCompressor(ProducedCompressor&&) noexcept = default;
ProducedCompressor& ProducedCompressor::operator=(ProducedCompressor&&) noexcept = default;

Bytes ProducedCompressor::compress(ByteSpan data) {
  const ExclusiveUse use(state_->use);
  ScratchBuffer scratch;
  const MutableByteSpan out = scratch.at_least(compress_bound(data.size()));
  const MutableByteSpan frame = out.first(state_->compress(out, data));
  return {frame.begin(), frame.end()};
}

std::size_t ProducedCompressor::compress_into(MutableByteSpan out, ByteSpan data) {
  const ExclusiveUse use(state_->use);
  return state_->compress(out, data);
}

}  // namespace zstdfs
