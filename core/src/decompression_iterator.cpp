#include "zstdfs/decompression_iterator.hpp"

#include <stdexcept>
#include <utility>

#include "decompression_states.hpp"

namespace zstdfs {

ZstdDecompressionRange::State::State(std::shared_ptr<DecompressionContext> context,
                                     CompressedInput input,
                                     const DecompressionIteratorOptions& given)
    : pull(std::move(context), std::move(input),
           given.read_across_frames ? DecompressionPull::FrameEnd::kGoOn
                                    : DecompressionPull::FrameEnd::kEndsStream),
      options(given),
      buffer(std::make_unique_for_overwrite<std::byte[]>(given.write_size)) {}

ZstdDecompressionRange::ZstdDecompressionRange(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdDecompressionRange::~ZstdDecompressionRange() = default;
ZstdDecompressionRange::ZstdDecompressionRange(ZstdDecompressionRange&&) noexcept = default;
ZstdDecompressionRange& ZstdDecompressionRange::operator=(ZstdDecompressionRange&&) noexcept =
    default;

void ZstdDecompressionRange::skip() {
  const ExclusiveUse in_use = state_->pull.stream().use();
  CompressedInput& input = state_->pull.input();
  const std::size_t skipped = state_->options.skip_bytes;
  input.refill();
  if (skipped >= input.pending().size()) {
    throw std::invalid_argument("skip_bytes is " + std::to_string(skipped) +
                                ", but the first piece of input has only " +
                                std::to_string(input.pending().size()) + " bytes");
  }
  input.pending() = input.pending().subspan(skipped);
}

ZstdDecompressionRange::Iterator ZstdDecompressionRange::begin() {
  if (!state_->begun) {
    if (state_->options.skip_bytes != 0) skip();
    state_->begun = true;
    advance();
  }
  return Iterator(*this);
}

void ZstdDecompressionRange::advance() {
  const ExclusiveUse in_use = state_->pull.stream().use();
  piece_ = {};
  const MutableByteSpan buffer(state_->buffer.get(), state_->options.write_size);
  state_->pull.begin_read();
  piece_ = buffer.first(state_->pull.pull(buffer, DecompressionPull::Wait::kForAny));
}

std::uint64_t ZstdDecompressionRange::bytes_consumed() const {
  return state_->pull.stream().consumed();
}

}  // namespace zstdfs
