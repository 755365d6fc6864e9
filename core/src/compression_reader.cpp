#include "zstdfs/compression_reader.hpp"

#include <algorithm>
#include <limits>

#include "compression_states.hpp"

namespace zstdfs {

ZstdCompressionReader::ZstdCompressionReader(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdCompressionReader::~ZstdCompressionReader() = default;
ZstdCompressionReader::ZstdCompressionReader(ZstdCompressionReader&&) noexcept = default;
ZstdCompressionReader& ZstdCompressionReader::operator=(ZstdCompressionReader&&) noexcept = default;

void ZstdCompressionReader::State::check_open() const {
  if (is_closed) throw UsageError("the stream is closed");
}

std::size_t ZstdCompressionReader::State::pull(MutableByteSpan out, Wait wait) {
  // At its end it needs the compressor no longer, which may be doing something else.
  if (is_finished) return 0;
  return operation.go_on([&](CompressionContext& context) {
    std::size_t n = 0;
    while (!is_finished && n < out.size()) {
      const bool at_end = !input.refill(context.input_scratch);
      const auto step =
          context.step(input.pending(), out.subspan(n), at_end ? ZSTD_e_end : ZSTD_e_continue);
      n += step.produced;
      is_finished = at_end && step.complete;
      if (wait == Wait::kForAny && n > 0) break;
    }
    emitted_bytes += n;
    return n;
  });
}

Bytes ZstdCompressionReader::State::pull_bytes(std::size_t size, Wait wait) {
  // What is asked for may be far more than there is.
  Bytes result;
  while (result.size() < size) {
    const std::size_t before = result.size();
    const std::size_t more = std::min(size - before, kCompressionRecommendedOutputSize);
    result.resize(before + more);
    const std::size_t n = pull(MutableByteSpan(result).subspan(before), wait);
    result.resize(before + n);
    if (n < more) break;
    if (wait == Wait::kForAny) break;
  }
  return result;
}

Bytes ZstdCompressionReader::read(std::int64_t size) {
  const std::size_t wanted =
      size == -1 ? std::numeric_limits<std::size_t>::max() : checked_size(size);
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  return state_->pull_bytes(wanted, State::Wait::kForAll);
}

Bytes ZstdCompressionReader::read1(std::int64_t size) {
  const std::size_t wanted = size == -1 ? kCompressionRecommendedOutputSize : checked_size(size);
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  return state_->pull_bytes(wanted, State::Wait::kForAny);
}

std::size_t ZstdCompressionReader::readinto(MutableByteSpan out) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  return state_->pull(out, State::Wait::kForAll);
}

std::size_t ZstdCompressionReader::readinto1(MutableByteSpan out) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  return state_->pull(out, State::Wait::kForAny);
}

Bytes ZstdCompressionReader::readall() {
  return read();
}

std::uint64_t ZstdCompressionReader::tell() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->emitted_bytes;
}

std::uint64_t ZstdCompressionReader::bytes_consumed() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->input.bytes_consumed();
}

void ZstdCompressionReader::close() {
  const ExclusiveUse use = state_->operation.enter();
  if (std::exchange(state_->is_closed, true)) return;
  if (state_->closes_source) state_->input.close();
}

bool ZstdCompressionReader::closed() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->is_closed;
}

namespace {

class ReaderChunks final : public ByteChunks::Maker {
 public:
  ReaderChunks(ZstdCompressionReader reader, std::size_t write_size)
      : reader_(std::move(reader)), write_size_(write_size) {}

  ByteSpan next() override {
    const MutableByteSpan out = buffer_.at_least(write_size_);
    return out.first(reader_.readinto1(out));
  }
  std::uint64_t bytes_consumed() const override { return reader_.bytes_consumed(); }

 private:
  ZstdCompressionReader reader_;
  const std::size_t write_size_;
  ScratchBuffer buffer_;
};

}  // namespace

ByteChunks chunks_of(ZstdCompressionReader reader, std::size_t write_size) {
  require_nonzero(write_size, "write_size");
  return ByteChunks(std::make_unique<ReaderChunks>(std::move(reader), write_size));
}

}  // namespace zstdfs
