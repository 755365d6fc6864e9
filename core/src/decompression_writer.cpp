#include "zstdfs/decompression_writer.hpp"

#include <utility>

#include "decompression_states.hpp"

namespace zstdfs {

ZstdDecompressionWriter::State::State(std::shared_ptr<DecompressionContext> context, Sink& given,
                                      const DecompressionWriterOptions& given_options)
    : stream(std::move(context)), sink(given), options(given_options) {}

ZstdDecompressionWriter::ZstdDecompressionWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdDecompressionWriter::~ZstdDecompressionWriter() = default;
ZstdDecompressionWriter::ZstdDecompressionWriter(ZstdDecompressionWriter&&) noexcept = default;
ZstdDecompressionWriter& ZstdDecompressionWriter::operator=(ZstdDecompressionWriter&&) noexcept =
    default;

void ZstdDecompressionWriter::State::check_open() const {
  if (closed) throw UsageError("the decompressing writer is closed");
}

std::size_t ZstdDecompressionWriter::write(ByteSpan data) {
  const ExclusiveUse in_use = state_->stream.enter();
  state_->check_open();
  state_->stream.check_not_overtaken();
  if (state_->failed) throw UsageError("an earlier write to the decompressing writer has failed");
  state_->failed = true;  // until this one has succeeded
  const std::uint64_t produced_before = state_->stream.produced();
  for (ByteSpan in = data; !in.empty() || state_->stream.has_pending_output();) {
    const MutableByteSpan piece =
        state_->stream.output_scratch().at_least(state_->options.write_size);
    MutableByteSpan rest = piece;
    state_->stream.step(in, rest);
    write_all(state_->sink, piece.first(piece.size() - rest.size()));
  }
  state_->failed = false;
  if (state_->options.write_return_read) return data.size();
  return static_cast<std::size_t>(state_->stream.produced() - produced_before);
}

void ZstdDecompressionWriter::flush() {
  const ExclusiveUse in_use = state_->stream.enter();
  state_->check_open();
  state_->sink.flush();
}

void ZstdDecompressionWriter::close() {
  const ExclusiveUse in_use = state_->stream.enter();
  if (std::exchange(state_->closed, true)) return;
  if (state_->options.closefd) state_->sink.close();
  if (!state_->failed) state_->stream.check_not_truncated();
}

bool ZstdDecompressionWriter::closed() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->closed;
}

std::size_t ZstdDecompressionWriter::memory_size() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->stream.memory_size();
}

std::optional<int> ZstdDecompressionWriter::fileno() const {
  return state_->sink.fileno();
}

std::uint64_t ZstdDecompressionWriter::bytes_consumed() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->stream.consumed();
}

std::uint64_t ZstdDecompressionWriter::bytes_produced() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->stream.produced();
}

}  // namespace zstdfs
