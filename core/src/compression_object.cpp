#include "zstdfs/compression_object.hpp"

#include "compression_states.hpp"

namespace zstdfs {

ZstdCompressionObj::ZstdCompressionObj(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZstdCompressionObj::~ZstdCompressionObj() = default;
ZstdCompressionObj::ZstdCompressionObj(ZstdCompressionObj&&) noexcept = default;
ZstdCompressionObj& ZstdCompressionObj::operator=(ZstdCompressionObj&&) noexcept = default;

Bytes ZstdCompressionObj::State::emit(ByteSpan data, ZSTD_EndDirective directive) {
  return operation.go_on([&](CompressionContext& context) {
    Bytes result;
    const MutableByteSpan out = context.output_scratch.at_least(kCompressionRecommendedOutputSize);
    for (bool complete = false; !complete;) {
      const auto step = context.step(data, out, directive);
      result.insert(result.end(), out.begin(),
                    out.begin() + static_cast<std::ptrdiff_t>(step.produced));
      complete = step.complete;
    }
    return result;
  });
}

void ZstdCompressionObj::State::check_unfinished() const {
  if (is_finished) throw UsageError("the compression object was finished");
}

Bytes ZstdCompressionObj::compress(ByteSpan data) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_unfinished();
  state_->operation.check_can_go_on();
  // Without input libzstd would begin a frame of unknown size.
  return data.empty() ? Bytes() : state_->emit(data, ZSTD_e_continue);
}

Bytes ZstdCompressionObj::flush(CompressObjFlush mode) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_unfinished();
  if (mode == kCompressObjFlushBlock) return state_->emit({}, ZSTD_e_flush);
  Bytes rest = state_->emit({}, ZSTD_e_end);
  state_->is_finished = true;
  return rest;
}

}  // namespace zstdfs
