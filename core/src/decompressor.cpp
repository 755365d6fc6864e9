#include "zstdfs/decompressor.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "decompression_context.hpp"
#include "decompression_states.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs {
namespace {

/// What a one-shot decompression is to do, found before memory is taken for it.
struct Plan {
  std::size_t stored_bytes = 0;     ///< from the start to the end of the last frame
  std::uint64_t content_bytes = 0;  ///< of the frames that say
  std::uint64_t content_bound = 0;  ///< of all frames
  bool knows_size = true;
};

Plan plan_for(ByteSpan data, const DecompressOptions& options,
              const DecompressionContext& context) {
  const int format = context.format;
  Plan plan;
  bool done = false;
  if (data.empty()) throw ZstdError(ZSTD_error_srcSize_wrong, "no frame in an empty input");
  while (!done && plan.stored_bytes < data.size()) {
    const ByteSpan rest = data.subspan(plan.stored_bytes);
    // What is no frame behind a frame is extra data; before one, an error of its own.
    if (plan.stored_bytes != 0 && !begins_like_a_frame(rest, format)) break;
    const FrameInMemory frame = first_frame(rest, format);
    plan.stored_bytes += frame.bytes;
    if (frame.kind == FrameInMemory::Kind::kSkippable) continue;
    context.check_allowed(frame);
    plan.content_bytes += frame.content_bytes.value_or(0);
    plan.content_bound += frame.content_bytes.value_or(frame.content_bound);
    plan.knows_size = plan.knows_size && frame.content_bytes.has_value();
    done = !options.read_across_frames;
  }
  if (!done && !options.read_across_frames) {
    throw ZstdError(ZSTD_error_srcSize_wrong, "no frame but skippable ones");
  }
  if (plan.stored_bytes != data.size() && !options.allow_extra_data) {
    throw ZstdError(ZSTD_error_srcSize_wrong,
                    std::to_string(data.size() - plan.stored_bytes) +
                        " bytes of extra data after the compressed frame");
  }
  return plan;
}

/// Decompresses whole frames, which `stored` consists of, with the context's own.
std::size_t run(DecompressionContext& context, ByteSpan stored, MutableByteSpan out) {
  const std::size_t result = context.decompress_frames(context.dctx.get(), out, stored);
  if (ZSTD_isError(result) != 0 && ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
    throw ZstdError(ZSTD_error_dstSize_tooSmall, "did not decompress full frame: more than " +
                                                     std::to_string(out.size()) +
                                                     " bytes of content");
  }
  return ZstdError::check(result, "decompress");
}

Bytes decompress_planned(DecompressionContext& context, ByteSpan data, const Plan& plan,
                         std::uint64_t content_bytes) {
  context.check_content_size(content_bytes);
  if (content_bytes > std::numeric_limits<std::ptrdiff_t>::max()) throw std::bad_alloc();
  Bytes out(static_cast<std::size_t>(content_bytes));
  out.resize(run(context, data.first(plan.stored_bytes), out));
  return out;
}

/// Content of a frame of a chain; `dictionary` is the content before it.
Bytes decompress_link(DecompressionContext& context, ByteSpan data, const Bytes* dictionary) {
  const Plan plan = plan_for(data, {}, context);
  if (!plan.knows_size) {
    throw ZstdError(ZSTD_error_GENERIC, "missing content size in frame header");
  }
  if (dictionary != nullptr) context.refer_to(*dictionary);
  return decompress_planned(context, data, plan, plan.content_bytes);
}

}  // namespace

ZstdDecompressor::ZstdDecompressor(const DecompressorOptions& options)
    : context_(std::make_shared<DecompressionContext>(options)) {}
ZstdDecompressor::~ZstdDecompressor() = default;
ZstdDecompressor::ZstdDecompressor(ZstdDecompressor&&) noexcept = default;
ZstdDecompressor& ZstdDecompressor::operator=(ZstdDecompressor&&) noexcept = default;

std::size_t ZstdDecompressor::memory_size() const {
  const ExclusiveUse in_use(context_->use);
  return context_->memory_size();
}

Bytes ZstdDecompressor::decompress(ByteSpan data, const DecompressOptions& options) {
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->begin();
  const Plan plan = plan_for(data, options, *context_);
  if (plan.knows_size) return decompress_planned(*context_, data, plan, plan.content_bytes);
  if (options.max_output_size == 0) {
    throw ZstdError(ZSTD_error_GENERIC, "could not determine content size in frame header");
  }
  const auto bound = std::min<std::uint64_t>(plan.content_bound, options.max_output_size);
  Bytes out = decompress_planned(*context_, data, plan, context_->within_content_limit(bound));
  // The bound may have been far too high: memory that is not needed is given back.
  if (out.capacity() / 2 > out.size()) out.shrink_to_fit();
  return out;
}

std::size_t ZstdDecompressor::decompress_into(MutableByteSpan out, ByteSpan data,
                                              const DecompressOptions& options) {
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->begin();
  const Plan plan = plan_for(data, options, *context_);
  // Blocks that hold more than the frame allows are damage, though libzstd would take the room.
  const auto room = std::min<std::uint64_t>(out.size(), plan.content_bound);
  return run(*context_, data.first(plan.stored_bytes), out.first(static_cast<std::size_t>(room)));
}

Bytes ZstdDecompressor::decompress_content_dict_chain(std::span<const ByteSpan> frames) {
  if (frames.empty()) throw std::invalid_argument("a chain of no frames has no content");
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->begin();
  Bytes content;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    try {
      content = decompress_link(*context_, frames[i], i == 0 ? nullptr : &content);
    } catch (const ZstdError& error) {
      throw ZstdError(error.code(), "chunk " + std::to_string(i) + ": " + error.what());
    }
  }
  return content;
}

ZstdDecompressionObj ZstdDecompressor::decompressobj(const DecompressionObjectOptions& options) {
  require_nonzero(options.write_size, "write_size");
  return ZstdDecompressionObj(std::make_unique<ZstdDecompressionObj::State>(context_, options));
}

ZstdDecompressionChunker ZstdDecompressor::chunker(const DecompressionChunkerOptions& options) {
  require_nonzero(options.chunk_size, "chunk_size");
  return ZstdDecompressionChunker(
      std::make_shared<ZstdDecompressionChunker::State>(context_, options.chunk_size));
}

ByteChunks ZstdDecompressor::read_to_iter(Source& source,
                                          const DecompressionIteratorOptions& options) {
  return decompressed_chunks(
      context_, SourceInput(source, options.read_size, SourceInput::AtEnd::kAskAgain), options);
}

ByteChunks ZstdDecompressor::read_to_iter(std::unique_ptr<Source> source,
                                          const DecompressionIteratorOptions& options) {
  return decompressed_chunks(
      context_, SourceInput(std::move(source), options.read_size, SourceInput::AtEnd::kAskAgain),
      options);
}

ByteChunks ZstdDecompressor::read_to_iter(ByteSpan data,
                                          const DecompressionIteratorOptions& options) {
  require_nonzero(options.read_size, "read_size");
  return decompressed_chunks(context_, SourceInput(data), options);
}

ByteChunks ZstdDecompressor::read_to_iter(Bytes&& data,
                                          const DecompressionIteratorOptions& options) {
  require_nonzero(options.read_size, "read_size");
  return decompressed_chunks(context_, SourceInput(std::move(data)), options);
}

ZstdDecompressionReader ZstdDecompressor::stream_reader(Source& source,
                                                        const DecompressionReaderOptions& options) {
  return ZstdDecompressionReader(std::make_unique<ZstdDecompressionReader::State>(
      context_, SourceInput(source, options.read_size, SourceInput::AtEnd::kAskAgain), options));
}

ZstdDecompressionReader ZstdDecompressor::stream_reader(std::unique_ptr<Source> source,
                                                        const DecompressionReaderOptions& options) {
  return ZstdDecompressionReader(std::make_unique<ZstdDecompressionReader::State>(
      context_, SourceInput(std::move(source), options.read_size, SourceInput::AtEnd::kAskAgain),
      options));
}

ZstdDecompressionReader ZstdDecompressor::stream_reader(ByteSpan data,
                                                        const DecompressionReaderOptions& options) {
  require_nonzero(options.read_size, "read_size");
  return ZstdDecompressionReader(
      std::make_unique<ZstdDecompressionReader::State>(context_, SourceInput(data), options));
}

ZstdDecompressionReader ZstdDecompressor::stream_reader(Bytes&& data,
                                                        const DecompressionReaderOptions& options) {
  require_nonzero(options.read_size, "read_size");
  return ZstdDecompressionReader(std::make_unique<ZstdDecompressionReader::State>(
      context_, SourceInput(std::move(data)), options));
}

ZstdDecompressionWriter ZstdDecompressor::stream_writer(Sink& sink,
                                                        const DecompressionWriterOptions& options) {
  require_nonzero(options.write_size, "write_size");
  return ZstdDecompressionWriter(
      std::make_unique<ZstdDecompressionWriter::State>(context_, sink, options));
}

ZstdDecompressionWriter ZstdDecompressor::stream_writer(std::unique_ptr<Sink> sink,
                                                        const DecompressionWriterOptions& options) {
  if (!sink) throw std::invalid_argument("no sink to write to");
  require_nonzero(options.write_size, "write_size");
  auto state = std::make_unique<ZstdDecompressionWriter::State>(context_, *sink, options);
  state->owned = std::move(sink);
  return ZstdDecompressionWriter(std::move(state));
}

DecompressingCopyResult ZstdDecompressor::copy_stream(Source& source, Sink& sink,
                                                      const DecompressingCopyOptions& options) {
  require_nonzero(options.write_size, "write_size");
  DecompressionPull pull(context_,
                         SourceInput(source, options.read_size, SourceInput::AtEnd::kAskAgain),
                         DecompressionPull::FrameEnd::kGoOn);
  const ExclusiveUse in_use = pull.stream().use();
  const MutableByteSpan out = pull.stream().output_scratch().at_least(options.write_size);
  DecompressingCopyResult result;
  for (std::size_t n = 1; n != 0;) {
    pull.begin_read();
    n = pull.pull(out, DecompressionPull::Wait::kForAny);
    write_all(sink, out.first(n));
    result.written += n;
    result.read = pull.input().bytes_consumed();
    if (options.progress) options.progress(result);
  }
  return result;
}

void ZstdDecompressor::reset() {
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->begin();
}

void ZstdDecompressor::reset_parameters() {
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->reset_parameters();
}

void ZstdDecompressor::set_parameter(int parameter, int value) {
  ExclusiveUse in_use(context_->use);
  in_use.begin_operation();
  context_->begin();
  context_->set_parameter(parameter, value);
}

int ZstdDecompressor::get_parameter(int parameter) const {
  const ExclusiveUse in_use(context_->use);
  int value = 0;
  const std::string doing = "get " + decompression_parameter_name(parameter);
  ZstdError::check(
      ZSTD_DCtx_getParameter(context_->dctx.get(), static_cast<ZSTD_dParameter>(parameter), &value),
      doing.c_str());
  return value;
}

Bytes decompress(ByteSpan data, std::size_t max_output_size) {
  return ZstdDecompressor().decompress(data, {.max_output_size = max_output_size});
}

}  // namespace zstdfs
