#include "zstdfs/patch.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

#include "arguments.hpp"
#include "compression_context.hpp"
#include "decompression_context.hpp"
#include "frames_in_memory.hpp"
#include "source_input.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/compression_parameters.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

/// What a streaming decompressor takes for a window without being told to.
constexpr std::uint64_t kDefaultWindowLimit = std::uint64_t{128} << 20;
/// How many times the old version a new one may be before its user has to say that it is meant.
constexpr std::uint64_t kExpectedGrowth = 4;

void check_version(std::uint64_t bytes, const char* which) {
  if (bytes <= kMaxPatchableBytes) return;
  throw std::invalid_argument(std::string("the ") + which + " version has " +
                              std::to_string(bytes) + " bytes; a patch can be made for at most " +
                              std::to_string(kMaxPatchableBytes));
}

/// The window holds the whole new version, so that the old one, which lies before it, stays in
/// reach to its end. libzstd gives the tables of long distances the window's size: for them it is
/// also that of the old version.
int window_log_for(std::uint64_t old_bytes, std::uint64_t new_bytes) {
  return std::clamp(static_cast<int>(std::bit_width(std::max(old_bytes, new_bytes))), kWindowLogMin,
                    kWindowLogMax);
}

/// A context that is about to make a patch.
CCtxPtr patching_context(ByteSpan old_version, std::uint64_t new_bytes,
                         const PatchOptions& options) {
  check_version(old_version.size(), "old");
  check_version(new_bytes, "new");
  if (options.level > kMaxCompressionLevel) {
    throw std::invalid_argument("level is " + std::to_string(options.level) +
                                "; it must be less than " +
                                std::to_string(kMaxCompressionLevel + 1));
  }
  CompressionParameterValues values;
  values.compression_level = options.level;
  values.window_log = window_log_for(old_version.size(), new_bytes);
  values.write_checksum = options.write_checksum;
  values.enable_ldm = true;
  values.threads = options.threads;
  CCtxPtr context = make_cctx();
  // The patch does not depend on where in memory the versions are.
  ZstdCompressionParameters(values)
      .with(kParameterDeterministicRefPrefix, 1)
      .apply_to(context.get());
  ZstdError::check(ZSTD_CCtx_setPledgedSrcSize(context.get(), new_bytes),
                   "declare the new version's size");
  ZstdError::check(ZSTD_CCtx_refPrefix(context.get(), old_version.data(), old_version.size()),
                   "refer to the old version");
  return context;
}

[[noreturn]] void throw_too_large(std::uint64_t limit) {
  throw ZstdError(ZSTD_error_dstSize_tooSmall, "the patch makes a version of more than " +
                                                   std::to_string(limit) +
                                                   " bytes (max_output_size)");
}

/// Runs what applies a patch, and says in its errors what they mean here.
template <typename Work>
auto applying(Work work) {
  try {
    return work();
  } catch (const ZstdError& error) {
    switch (error.code()) {
      case ZSTD_error_checksum_wrong:
      case ZSTD_error_corruption_detected:
        throw ZstdError(error.code(),
                        std::string("the patch was made for another old version, or is damaged: ") +
                            error.what());
      case ZSTD_error_frameParameter_windowTooLarge:
        throw ZstdError(error.code(),
                        std::string("the patch takes more memory than the old "
                                    "version justifies; max_output_size allows it: ") +
                            error.what());
      default:
        throw;
    }
  }
}

std::uint64_t window_limit(ByteSpan old_version, const ApplyStreamOptions& options) {
  const std::uint64_t expected = options.max_output_size.value_or(
      std::max<std::uint64_t>(old_version.size() * kExpectedGrowth, kDefaultWindowLimit));
  // A window may be the next power of two, and then the frame says so.
  return std::clamp(std::bit_ceil(std::min(expected, kMaxPatchableBytes)),
                    std::uint64_t{1} << kWindowLogMin, kMaxPatchableBytes);
}

/// The one frame that a patch consists of.
FrameInMemory patch_frame(ByteSpan patch, std::uint64_t max_output_size) {
  const FrameInMemory frame = first_frame(patch, kFormatZstd1);
  if (frame.kind == FrameInMemory::Kind::kSkippable) {
    throw ZstdError(ZSTD_error_prefix_unknown, "a skippable frame is no patch");
  }
  if (frame.bytes != patch.size()) {
    throw ZstdError(ZSTD_error_srcSize_wrong, std::to_string(patch.size() - frame.bytes) +
                                                  " bytes of extra data after the patch");
  }
  if (frame.content_bytes > max_output_size) throw_too_large(max_output_size);
  return frame;
}

/// One patch that is applied in steps.
class PatchStream {
 public:
  PatchStream(ByteSpan old_version, const ApplyStreamOptions& options)
      : context_(std::make_shared<DecompressionContext>(
            DecompressorOptions{.max_window_size = window_limit(old_version, options)})),
        stream_(context_),
        limit_(options.max_output_size.value_or(kMaxPatchableBytes)) {
    context_->refer_to(old_version);
  }

  /// Decompresses from the front of `input` into `out`. Returns how many bytes.
  std::size_t step(ByteSpan& input, MutableByteSpan out) {
    if (stream_.data_frames() != 0 && !input.empty()) {
      throw ZstdError(ZSTD_error_srcSize_wrong, "extra data after the patch");
    }
    MutableByteSpan rest = out;
    if (stream_.step(input, rest) == FrameStream::Event::kSkippableFrameEnd) {
      throw ZstdError(ZSTD_error_prefix_unknown, "a skippable frame is no patch");
    }
    if (stream_.produced() > limit_) throw_too_large(limit_);
    return out.size() - rest.size();
  }

  bool has_pending_output() const { return stream_.has_pending_output(); }

  void check_complete() const {
    stream_.check_not_truncated();
    if (stream_.data_frames() == 0) {
      throw ZstdError(ZSTD_error_srcSize_wrong, "no patch in an empty input");
    }
  }

 private:
  std::shared_ptr<DecompressionContext> context_;  // shared: with the stream
  FrameStream stream_;
  const std::uint64_t limit_;
};

}  // namespace

Bytes make_patch(ByteSpan old_version, ByteSpan new_version, const PatchOptions& options) {
  const CCtxPtr context = patching_context(old_version, new_version.size(), options);
  ScratchBuffer scratch;
  const MutableByteSpan out = scratch.at_least(compress_bound(new_version.size()));
  const std::size_t patch_bytes = ZstdError::check(
      ZSTD_compress2(context.get(), out.data(), out.size(), new_version.data(), new_version.size()),
      "make a patch");
  const MutableByteSpan patch = out.first(patch_bytes);
  return {patch.begin(), patch.end()};
}

PatchProgress make_patch(ByteSpan old_version, Source& new_version, Sink& patch,
                         const PatchStreamOptions& options) {
  require_nonzero(options.write_size, "write_size");
  const std::optional<std::uint64_t> size =
      options.size ? options.size : new_version.remaining_bytes();
  if (!size) throw std::invalid_argument("a patch needs the size of the new version");
  const CCtxPtr context = patching_context(old_version, *size, options.patch);
  SourceInput input(new_version, options.read_size, SourceInput::AtEnd::kIsFinal);
  ScratchBuffer in_buffer;
  ScratchBuffer out_buffer;
  const MutableByteSpan out = out_buffer.at_least(options.write_size);
  PatchProgress progress;
  for (bool complete = false; !complete;) {
    const bool at_end = !input.refill(in_buffer);
    const ZSTD_EndDirective directive = at_end ? ZSTD_e_end : ZSTD_e_continue;
    ByteSpan& pending = input.pending();
    check_declared_size(*size, input.bytes_consumed() + pending.size(), directive);
    ZSTD_inBuffer in{pending.data(), pending.size(), 0};
    ZSTD_outBuffer made{out.data(), out.size(), 0};
    const std::size_t left = ZstdError::check(
        ZSTD_compressStream2(context.get(), &made, &in, directive), "make a patch");
    pending = pending.subspan(in.pos);
    write_all(patch, out.first(made.pos));
    progress.written += made.pos;
    progress.read = input.bytes_consumed();
    complete = at_end && left == 0;
    if (options.progress && pending.empty()) options.progress(progress);
  }
  return progress;
}

Bytes apply_patch(ByteSpan old_version, ByteSpan patch, const ApplyOptions& options) {
  check_version(old_version.size(), "old");
  return applying([&] {
    const FrameInMemory frame = patch_frame(patch, options.max_output_size);
    const std::uint64_t limit = std::min(options.max_output_size, kMaxPatchableBytes);
    DecompressionContext context({});
    context.refer_to(old_version);
    Bytes out(static_cast<std::size_t>(
        frame.content_bytes.value_or(std::min(frame.content_bound, limit))));
    const std::size_t result =
        ZSTD_decompressDCtx(context.dctx.get(), out.data(), out.size(), patch.data(), patch.size());
    if (ZSTD_isError(result) != 0 && ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
      throw_too_large(limit);
    }
    out.resize(ZstdError::check(result, "apply a patch"));
    // The bound may have been far too high: memory that is not needed is given back.
    if (out.capacity() / 2 > out.size()) out.shrink_to_fit();
    return out;
  });
}

PatchProgress apply_patch(ByteSpan old_version, Source& patch, Sink& new_version,
                          const ApplyStreamOptions& options) {
  require_nonzero(options.write_size, "write_size");
  check_version(old_version.size(), "old");
  return applying([&] {
    PatchStream stream(old_version, options);
    SourceInput input(patch, options.read_size, SourceInput::AtEnd::kIsFinal);
    ScratchBuffer in_buffer;
    ScratchBuffer out_buffer;
    const MutableByteSpan out = out_buffer.at_least(options.write_size);
    PatchProgress progress;
    while (stream.has_pending_output() || input.refill(in_buffer)) {
      const std::size_t made = stream.step(input.pending(), out);
      write_all(new_version, out.first(made));
      progress.written += made;
      progress.read = input.bytes_consumed();
      if (options.progress && input.pending().empty()) options.progress(progress);
    }
    stream.check_complete();
    return progress;
  });
}

}  // namespace zstdfs
