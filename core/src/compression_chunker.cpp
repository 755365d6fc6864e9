#include "zstdfs/compression_chunker.hpp"

#include "compression_states.hpp"

namespace zstdfs {

ZstdCompressionChunker::ZstdCompressionChunker(std::shared_ptr<State> state)
    : state_(std::move(state)) {}
ZstdCompressionChunker::~ZstdCompressionChunker() = default;
ZstdCompressionChunker::ZstdCompressionChunker(ZstdCompressionChunker&&) noexcept = default;
ZstdCompressionChunker& ZstdCompressionChunker::operator=(ZstdCompressionChunker&&) noexcept =
    default;

/// The range of one call. Walking it goes on with the chunker's state, which is therefore shared.
class ZstdCompressionChunker::State::Chunks final : public ByteChunks::Maker {
 public:
  Chunks(std::shared_ptr<State> state, ZSTD_EndDirective directive)
      : state_(std::move(state)), directive_(directive) {}

  ByteSpan next() override { return state_->next(directive_); }
  std::uint64_t bytes_consumed() const override {
    const ExclusiveUse use = state_->operation.enter();
    return state_->given_bytes - state_->input.size();
  }

 private:
  std::shared_ptr<State> state_;
  const ZSTD_EndDirective directive_;
};

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
  self->given_bytes += data.size();
  return ByteChunks(std::make_unique<Chunks>(self, directive));
}

ByteSpan ZstdCompressionChunker::State::next(ZSTD_EndDirective directive) {
  const ExclusiveUse use = operation.enter();
  const ByteSpan piece =
      operation.go_on([&](CompressionContext& context) { return make_piece(context, directive); });
  if (piece.empty()) {
    is_unconsumed = false;
    is_finished = directive == ZSTD_e_end;
  }
  return piece;
}

ByteSpan ZstdCompressionChunker::State::make_piece(CompressionContext& context,
                                                   ZSTD_EndDirective directive) {
  if (directive == ZSTD_e_continue && input.empty()) is_call_complete = true;
  const MutableByteSpan out = context.output_scratch.at_least(chunk_size);
  while (!is_call_complete && filled < chunk_size) {
    const auto step = context.step(input, out.subspan(filled), directive);
    filled += step.produced;
    is_call_complete = step.complete;
  }
  const bool may_be_short = is_call_complete && directive != ZSTD_e_continue;
  if (filled == 0 || (filled < chunk_size && !may_be_short)) return {};
  return out.first(std::exchange(filled, 0));
}

ByteChunks ZstdCompressionChunker::compress(ByteSpan data) {
  return State::begin(state_, data, ZSTD_e_continue);
}

ByteChunks ZstdCompressionChunker::compress_given(Bytes&& data) {
  ByteChunks chunks = State::begin(state_, data, ZSTD_e_continue);
  state_->given = std::move(data);  // stays in its place
  return chunks;
}

ByteChunks ZstdCompressionChunker::flush() {
  return State::begin(state_, {}, ZSTD_e_flush);
}

ByteChunks ZstdCompressionChunker::finish() {
  return State::begin(state_, {}, ZSTD_e_end);
}

}  // namespace zstdfs
