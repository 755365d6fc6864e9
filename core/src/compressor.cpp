#include "zstdfs/compressor.hpp"

#include <zstd_errors.h>

#include <stdexcept>
#include <string>

#include "compression_context.hpp"
#include "compression_states.hpp"

namespace zstdfs {
namespace {

/// Results of one-shot compression up to this size come from a buffer that is kept: for more, an
/// allocation costs nothing in comparison, and keeping it would.
constexpr std::size_t kKeptOneShotBytes = std::size_t{256} << 10;

// ZSTD_compress2 would hold on to `out`: where that is too small, nothing else could take what the
// workers still make.
std::size_t compress_by_workers(CompressionContext& context, MutableByteSpan out, ByteSpan data) {
  context.begin_frame(data.size());
  std::size_t produced = 0;
  for (;;) {
    const auto step = context.step(data, out.subspan(produced), ZSTD_e_end);
    produced += step.produced;
    if (step.complete) return produced;
    if (produced == out.size()) {
      throw ZstdError(
          ZSTD_error_dstSize_tooSmall,
          std::string("cannot compress: ") + ZSTD_getErrorString(ZSTD_error_dstSize_tooSmall));
    }
  }
}

/// What the frame of a source declares. Only memory is certain of it: a file may change meanwhile,
/// or have content and say 0, as those of /proc do.
std::optional<std::uint64_t> size_to_declare(std::optional<std::uint64_t> given,
                                             const Source* source) {
  const auto* memory = dynamic_cast<const SpanSource*>(source);
  return given || memory == nullptr ? given : memory->remaining_bytes();
}

std::size_t compress_once(CompressionContext& context, MutableByteSpan out, ByteSpan data) {
  try {
    if (context.has_workers()) return compress_by_workers(context, out, data);
    context.refresh_dictionary();
    const std::size_t result =
        ZSTD_compress2(context.cctx.get(), out.data(), out.size(), data.data(), data.size());
    return ZstdError::check(result, "compress");
  } catch (...) {
    // No parameter could be set within the frame that failed.
    context.begin_frame(std::nullopt);
    throw;
  }
}

}  // namespace

ZstdCompressor::ZstdCompressor(const CompressorOptions& options)
    : context_(std::make_shared<CompressionContext>(options)) {}
ZstdCompressor::~ZstdCompressor() = default;
ZstdCompressor::ZstdCompressor(ZstdCompressor&&) noexcept = default;
ZstdCompressor& ZstdCompressor::operator=(ZstdCompressor&&) noexcept = default;

std::size_t ZstdCompressor::memory_size() const {
  const ExclusiveUse use(context_->use);
  return context_->memory_size();
}

FrameProgression ZstdCompressor::frame_progression() const {
  const ExclusiveUse use(context_->use);
  return context_->progression();
}

std::size_t ZstdCompressor::to_flush_now() const {
  const ExclusiveUse use(context_->use);
  return ZSTD_toFlushNow(context_->cctx.get());
}

Bytes ZstdCompressor::compress(ByteSpan data) {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  const std::size_t bound = ZSTD_compressBound(data.size());
  // Compressed elsewhere and copied: a vector would be zeroed first, in the size of the bound.
  ScratchBuffer temporary;
  ScratchBuffer& scratch = bound <= kKeptOneShotBytes ? context_->output_scratch : temporary;
  const MutableByteSpan out = scratch.at_least(bound);
  const MutableByteSpan frame = out.first(compress_once(*context_, out, data));
  return {frame.begin(), frame.end()};
}

std::size_t ZstdCompressor::compress_into(MutableByteSpan out, ByteSpan data) {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  return compress_once(*context_, out, data);
}

ZstdCompressionObj ZstdCompressor::compressobj(std::optional<std::uint64_t> size) {
  return ZstdCompressionObj(
      std::make_unique<ZstdCompressionObj::State>(CompressionOperation(context_, size)));
}

ZstdCompressionChunker ZstdCompressor::chunker(const CompressionChunkerOptions& options) {
  require_nonzero(options.chunk_size, "chunk_size");
  return ZstdCompressionChunker(std::make_shared<ZstdCompressionChunker::State>(
      CompressionOperation(context_, options.size), options.chunk_size));
}

CompressingCopyResult ZstdCompressor::copy_stream(Source& source, Sink& sink,
                                                  const CompressingCopyOptions& options) {
  require_nonzero(options.write_size, "write_size");
  SourceInput input(source, options.read_size, SourceInput::AtEnd::kIsFinal);
  CompressionOperation operation(context_, size_to_declare(options.size, &source));
  const ExclusiveUse use = operation.enter();
  return operation.go_on([&](CompressionContext& context) {
    CompressingCopyResult result;
    const MutableByteSpan out = context.output_scratch.at_least(options.write_size);
    for (bool complete = false; !complete;) {
      const bool at_end = !input.refill(context.input_scratch);
      const auto step = context.step(input.pending(), out, at_end ? ZSTD_e_end : ZSTD_e_continue);
      write_all(sink, out.first(step.produced));
      result.written += step.produced;
      result.read = input.bytes_consumed();
      complete = at_end && step.complete;
      if (options.progress && input.pending().empty()) options.progress(context.progression());
    }
    return result;
  });
}

ByteChunks ZstdCompressor::read_to_iter(Source& source, const CompressionIteratorOptions& options) {
  return chunks_of(stream_reader(source, {.size = options.size, .read_size = options.read_size}),
                   options.write_size);
}

ByteChunks ZstdCompressor::read_to_iter(std::unique_ptr<Source> source,
                                        const CompressionIteratorOptions& options) {
  return chunks_of(
      stream_reader(std::move(source), {.size = options.size, .read_size = options.read_size}),
      options.write_size);
}

ByteChunks ZstdCompressor::read_to_iter(ByteSpan data, const CompressionIteratorOptions& options) {
  return chunks_of(stream_reader(data, {.read_size = options.read_size}), options.write_size);
}

ByteChunks ZstdCompressor::read_to_iter(Bytes&& data, const CompressionIteratorOptions& options) {
  return chunks_of(stream_reader(std::move(data), {.read_size = options.read_size}),
                   options.write_size);
}

ZstdCompressionReader ZstdCompressor::stream_reader(Source& source,
                                                    const CompressionReaderOptions& options) {
  SourceInput input(source, options.read_size, SourceInput::AtEnd::kIsFinal);
  return ZstdCompressionReader(std::make_unique<ZstdCompressionReader::State>(
      CompressionOperation(context_, size_to_declare(options.size, &source)), std::move(input),
      options.closefd));
}

ZstdCompressionReader ZstdCompressor::stream_reader(std::unique_ptr<Source> source,
                                                    const CompressionReaderOptions& options) {
  const auto size = size_to_declare(options.size, source.get());
  SourceInput input(std::move(source), options.read_size, SourceInput::AtEnd::kIsFinal);
  return ZstdCompressionReader(std::make_unique<ZstdCompressionReader::State>(
      CompressionOperation(context_, size), std::move(input), options.closefd));
}

ZstdCompressionReader ZstdCompressor::stream_reader(ByteSpan data,
                                                    const CompressionReaderOptions& options) {
  require_nonzero(options.read_size, "read_size");
  return ZstdCompressionReader(std::make_unique<ZstdCompressionReader::State>(
      CompressionOperation(context_, data.size()), SourceInput(data), options.closefd));
}

ZstdCompressionReader ZstdCompressor::stream_reader(Bytes&& data,
                                                    const CompressionReaderOptions& options) {
  require_nonzero(options.read_size, "read_size");
  const std::size_t size = data.size();
  return ZstdCompressionReader(std::make_unique<ZstdCompressionReader::State>(
      CompressionOperation(context_, size), SourceInput(std::move(data)), options.closefd));
}

ZstdCompressionWriter ZstdCompressor::stream_writer(Sink& sink,
                                                    const CompressionWriterOptions& options) {
  require_nonzero(options.write_size, "write_size");
  return ZstdCompressionWriter(std::make_unique<ZstdCompressionWriter::State>(
      CompressionOperation(context_, options.size), sink, options));
}

ZstdCompressionWriter ZstdCompressor::stream_writer(std::unique_ptr<Sink> sink,
                                                    const CompressionWriterOptions& options) {
  if (!sink) throw std::invalid_argument("there is no sink");
  ZstdCompressionWriter writer = stream_writer(*sink, options);
  writer.state_->owned = std::move(sink);
  return writer;
}

void ZstdCompressor::reset() {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  context_->begin_frame(std::nullopt);
}

void ZstdCompressor::reset_parameters() {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  context_->abandon_frame();
  context_->parameters = context_->initial_parameters;
  context_->configure(context_->cctx.get());
}

void ZstdCompressor::set_parameter(int parameter, int value) {
  const ExclusiveUse use(context_->use);
  context_->set_parameter(parameter, value);
}

int ZstdCompressor::get_parameter(int parameter) const {
  const ExclusiveUse use(context_->use);
  int value = 0;
  const std::string doing = "get " + compression_parameter_name(parameter);
  ZstdError::check(
      ZSTD_CCtx_getParameter(context_->cctx.get(), static_cast<ZSTD_cParameter>(parameter), &value),
      doing.c_str());
  return value;
}

Bytes compress(ByteSpan data, int level) {
  return ZstdCompressor({.level = level}).compress(data);
}

std::size_t compress_bound(std::size_t data_bytes) {
  return ZstdError::check(ZSTD_compressBound(data_bytes), "bound the size of a frame");
}

}  // namespace zstdfs
