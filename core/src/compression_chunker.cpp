#include "zstdfs/compression_chunker.hpp"

#include "compression_states.hpp"

namespace zstdfs {

ZstdCompressionChunker::ZstdCompressionChunker(std::shared_ptr<State> state)
    : state_(std::move(state)) {}
ZstdCompressionChunker::~ZstdCompressionChunker() = default;
ZstdCompressionChunker::ZstdCompressionChunker(ZstdCompressionChunker&&) noexcept = default;
ZstdCompressionChunker& ZstdCompressionChunker::operator=(ZstdCompressionChunker&&) noexcept =
    default;

ByteChunks ZstdCompressionChunker::State::begin(const std::shared_ptr<State>& self, ByteSpan data,
                                                ZSTD_EndDirective directive) {
  const ExclusiveUse use = self->operation.enter();
  self->operation.check_can_go_on();
  if (self->is_unconsumed) {
    throw UsageError("the output of the chunker's last call was not consumed to its end");
  }
  if (self->is_finished) throw UsageError("the chunker was finished");
  self->is_unconsumed = true;
  self->is_call_complete = false;
  self->input = data;
  return ByteChunks([self, directive] { return self->next(directive); });
}

std::optional<Bytes> ZstdCompressionChunker::State::next(ZSTD_EndDirective directive) {
  const ExclusiveUse use = operation.enter();
  std::optional<Bytes> piece =
      operation.go_on([&](CompressionContext& context) { return make_piece(context, directive); });
  if (!piece) {
    is_unconsumed = false;
    is_finished = directive == ZSTD_e_end;
  }
  return piece;
}

std::optional<Bytes> ZstdCompressionChunker::State::make_piece(CompressionContext& context,
                                                               ZSTD_EndDirective directive) {
  if (directive == ZSTD_e_continue && input.empty()) is_call_complete = true;
  const MutableByteSpan out = context.output_scratch.at_least(chunk_size);
  while (!is_call_complete && filled < chunk_size) {
    const auto step = context.step(input, out.subspan(filled), directive);
    filled += step.produced;
    is_call_complete = step.complete;
  }
  const bool may_be_short = is_call_complete && directive != ZSTD_e_continue;
  if (filled == 0 || (filled < chunk_size && !may_be_short)) return std::nullopt;
  const MutableByteSpan piece = out.first(std::exchange(filled, 0));
  return Bytes(piece.begin(), piece.end());
}

ByteChunks ZstdCompressionChunker::compress(ByteSpan data) {
  return State::begin(state_, data, ZSTD_e_continue);
}

ByteChunks ZstdCompressionChunker::flush() {
  return State::begin(state_, {}, ZSTD_e_flush);
}

ByteChunks ZstdCompressionChunker::finish() {
  return State::begin(state_, {}, ZSTD_e_end);
}

}  // namespace zstdfs
