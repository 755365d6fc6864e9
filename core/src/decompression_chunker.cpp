#include "zstdfs/decompression_chunker.hpp"

#include <utility>

#include "decompression_states.hpp"

namespace zstdfs {

ZstdDecompressionChunker::ZstdDecompressionChunker(std::shared_ptr<State> state)
    : state_(std::move(state)) {}
ZstdDecompressionChunker::~ZstdDecompressionChunker() = default;
ZstdDecompressionChunker::ZstdDecompressionChunker(ZstdDecompressionChunker&&) noexcept = default;
ZstdDecompressionChunker& ZstdDecompressionChunker::operator=(ZstdDecompressionChunker&&) noexcept =
    default;

/// The range of one call. Walking it goes on with the chunker's state, which is therefore shared.
class ZstdDecompressionChunker::State::Chunks final : public ByteChunks::Maker {
 public:
  Chunks(std::shared_ptr<State> state, Call call) : state_(std::move(state)), call_(call) {}

  ByteSpan next() override { return state_->next(call_); }
  std::uint64_t bytes_consumed() const override {
    const ExclusiveUse in_use = state_->stream.enter();
    return state_->stream.consumed();
  }

 private:
  std::shared_ptr<State> state_;
  const Call call_;
};

ByteChunks ZstdDecompressionChunker::State::begin(const std::shared_ptr<State>& self, ByteSpan data,
                                                  Call call) {
  const ExclusiveUse in_use = self->stream.use();
  if (self->is_unconsumed) {
    throw UsageError("the output of the chunker's last call was not consumed to its end");
  }
  if (self->is_finished) throw UsageError("the chunker was finished");
  self->is_unconsumed = true;
  self->input = data;
  return ByteChunks(std::make_unique<Chunks>(self, call));
}

ByteSpan ZstdDecompressionChunker::State::next(Call call) {
  const ExclusiveUse in_use = stream.use();
  const MutableByteSpan out = stream.output_scratch().at_least(chunk_size);
  while (filled < chunk_size && (!input.empty() || stream.has_pending_output())) {
    MutableByteSpan rest = out.subspan(filled);
    stream.step(input, rest);
    filled = chunk_size - rest.size();
  }
  if (filled == chunk_size || (filled != 0 && call != Call::kDecompress)) {
    return out.first(std::exchange(filled, 0));
  }
  if (call == Call::kFinish) stream.check_not_truncated();
  is_unconsumed = false;
  is_finished = call == Call::kFinish;
  return {};
}

ByteChunks ZstdDecompressionChunker::decompress(ByteSpan data) {
  return State::begin(state_, data, State::Call::kDecompress);
}

ByteChunks ZstdDecompressionChunker::decompress_given(Bytes&& data) {
  ByteChunks chunks = State::begin(state_, data, State::Call::kDecompress);
  state_->given = std::move(data);  // stays in its place
  return chunks;
}

ByteChunks ZstdDecompressionChunker::flush() {
  return State::begin(state_, {}, State::Call::kFlush);
}

ByteChunks ZstdDecompressionChunker::finish() {
  return State::begin(state_, {}, State::Call::kFinish);
}

}  // namespace zstdfs
