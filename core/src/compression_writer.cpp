#include "zstdfs/compression_writer.hpp"

#include "compression_states.hpp"

namespace zstdfs {

ZstdCompressionWriter::ZstdCompressionWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdCompressionWriter::~ZstdCompressionWriter() = default;
ZstdCompressionWriter::ZstdCompressionWriter(ZstdCompressionWriter&&) noexcept = default;
ZstdCompressionWriter& ZstdCompressionWriter::operator=(ZstdCompressionWriter&&) noexcept = default;

void ZstdCompressionWriter::State::check_open() const {
  if (is_closed) throw UsageError("the stream is closed");
}

std::size_t ZstdCompressionWriter::State::emit(ByteSpan data, ZSTD_EndDirective directive) {
  return operation.go_on([&](CompressionContext& context) {
    const std::uint64_t emitted_before = emitted_bytes;
    const std::uint64_t taken_before = taken_bytes;
    const std::size_t size = data.size();
    const MutableByteSpan out = context.output_scratch.at_least(options.write_size);
    for (bool complete = false; !complete;) {
      const auto step = context.step(data, out, directive);
      taken_bytes = taken_before + (size - data.size());
      write_all(*sink, out.first(step.produced));
      emitted_bytes += step.produced;
      complete = step.complete;
    }
    return static_cast<std::size_t>(emitted_bytes - emitted_before);
  });
}

std::size_t ZstdCompressionWriter::write(ByteSpan data) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  state_->operation.check_can_go_on();
  if (data.empty()) return 0;
  state_->frame = State::Frame::kOpen;
  const std::size_t emitted = state_->emit(data, ZSTD_e_continue);
  return state_->options.write_return_read ? data.size() : emitted;
}

std::size_t ZstdCompressionWriter::flush(FlushMode mode) {
  const ExclusiveUse use = state_->operation.enter();
  state_->check_open();
  state_->operation.check_can_go_on();
  std::size_t emitted = 0;
  if (mode == kFlushFrame) {
    emitted = state_->emit({}, ZSTD_e_end);
    state_->frame = State::Frame::kEnded;
  } else if (state_->frame != State::Frame::kEnded) {
    // Behind a frame's end libzstd would begin a frame, which close() would not know of.
    emitted = state_->emit({}, ZSTD_e_flush);
  }
  state_->sink->flush();
  return emitted;
}

void ZstdCompressionWriter::close() {
  const ExclusiveUse use = state_->operation.enter();
  if (std::exchange(state_->is_closed, true)) return;
  if (state_->frame != State::Frame::kEnded) state_->emit({}, ZSTD_e_end);
  if (state_->options.closefd) state_->sink->close();
}

bool ZstdCompressionWriter::closed() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->is_closed;
}

std::uint64_t ZstdCompressionWriter::tell() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->emitted_bytes;
}

std::uint64_t ZstdCompressionWriter::bytes_consumed() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->taken_bytes;
}

std::size_t ZstdCompressionWriter::memory_size() const {
  const ExclusiveUse use = state_->operation.enter();
  return state_->operation.context().memory_size();
}

std::optional<int> ZstdCompressionWriter::fileno() const {
  return state_->sink->fileno();
}

}  // namespace zstdfs
