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

void ZstdDecompressionWriter::State::check_whole() const {
  if (failure) std::rethrow_exception(failure);
}

void ZstdDecompressionWriter::State::write(ByteSpan in) {
  try {
    while (!in.empty() || stream.has_pending_output()) {
      const MutableByteSpan piece = stream.output_scratch().at_least(options.write_size);
      MutableByteSpan rest = piece;
      stream.step(in, rest);
      write_all(sink, piece.first(piece.size() - rest.size()));
    }
  } catch (...) {
    failure = std::current_exception();
    throw;
  }
}

std::size_t ZstdDecompressionWriter::write(ByteSpan data) {
  const ExclusiveUse in_use = state_->stream.enter();
  state_->check_open();
  state_->stream.check_not_overtaken();
  state_->check_whole();
  const std::uint64_t produced_before = state_->stream.produced();
  state_->write(data);
  if (state_->options.write_return_read) return data.size();
  return static_cast<std::size_t>(state_->stream.produced() - produced_before);
}

void ZstdDecompressionWriter::flush() {
  const ExclusiveUse in_use = state_->stream.enter();
  state_->check_open();
  state_->check_whole();
  state_->sink.flush();
}

void ZstdDecompressionWriter::close() {
  const ExclusiveUse in_use = state_->stream.enter();
  if (std::exchange(state_->closed, true)) return;
  state_->check_whole();
  if (state_->options.closefd) state_->sink.close();
  state_->stream.check_not_truncated();
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
