#include "decompression_context.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "frame_layout.hpp"

namespace zstdfs {
namespace {

bool policy_requires_checksum(const DecompressorOptions& options) {
  if (options.checksums == ChecksumPolicy::kRequire) return true;
  return options.checksums == ChecksumPolicy::kRequireWithRawDict && options.dict_data &&
         options.dict_data->dict_id() == 0;
}

}  // namespace

DecompressionContext::DecompressionContext(const DecompressorOptions& given)
    : options(given), requires_checksum(policy_requires_checksum(given)), dctx(make_dctx()) {
  if (options.dict_data) digested = options.dict_data->digested();
  configure(dctx.get());
}

void DecompressionContext::configure(ZSTD_DCtx* context) const {
  if (options.max_window_size != 0) {
    ZstdError::check(ZSTD_DCtx_setMaxWindowSize(context, options.max_window_size),
                     "set the largest window");
  }
  ZstdError::check(ZSTD_DCtx_setParameter(context, ZSTD_d_format, options.format),
                   "set the format");
  ZstdError::check(ZSTD_DCtx_refDDict(context, digested.get()), "set the dictionary");
}

void DecompressionContext::begin() {
  ZstdError::check(ZSTD_DCtx_reset(dctx.get(), ZSTD_reset_session_only), "reset the decompressor");
  // Also without a dictionary: a prefix that was not used up must not serve the next frame.
  ZstdError::check(ZSTD_DCtx_refDDict(dctx.get(), digested.get()), "set the dictionary");
}

void DecompressionContext::check_allowed(const FrameInMemory& frame) const {
  if (requires_checksum && !frame.has_checksum) {
    throw ZstdError(ZSTD_error_checksum_wrong, "a frame without a content checksum is refused");
  }
  const std::uint64_t limit = options.max_window_size;
  if (limit != 0 && frame.window_bytes > limit) {
    throw ZstdError(ZSTD_error_frameParameter_windowTooLarge,
                    "a frame asks for a window of " + std::to_string(frame.window_bytes) +
                        " bytes, more than max_window_size");
  }
}

FrameStream::FrameStream(std::shared_ptr<DecompressionContext> context)
    : context_(std::move(context)) {
  ExclusiveUse in_use(context_->use);
  operation_ = in_use.begin_operation();
  context_->begin();
}

FrameStream::Event FrameStream::step(ByteSpan& in, MutableByteSpan& out) {
  if (failure_) throw ZstdError(*failure_);
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  const std::size_t hint = ZSTD_decompressStream(context_->dctx.get(), &output, &input);
  if (ZSTD_isError(hint) != 0) {
    fail(static_cast<int>(ZSTD_getErrorCode(hint)),
         std::string("cannot decompress: ") + ZSTD_getErrorName(hint));
  }
  note_start(in.first(input.pos));
  check_checksum_policy();
  if (input.pos != 0) is_in_frame_ = true;
  consumed_ += input.pos;
  produced_ += output.pos;
  in = in.subspan(input.pos);
  out = out.subspan(output.pos);
  has_pending_output_ = hint != 0 && out.empty();
  if (hint != 0) return Event::kNone;
  const Event event = is_skippable() ? Event::kSkippableFrameEnd : Event::kDataFrameEnd;
  if (event == Event::kDataFrameEnd) ++data_frames_;
  is_in_frame_ = false;
  start_bytes_ = 0;
  return event;
}

void FrameStream::note_start(ByteSpan consumed) {
  const std::size_t more = std::min(kStartBytes - start_bytes_, consumed.size());
  std::copy_n(consumed.begin(), more, start_.begin() + static_cast<std::ptrdiff_t>(start_bytes_));
  start_bytes_ += more;
}

bool FrameStream::is_skippable() const {
  return !context_->is_magicless() && start_bytes_ >= sizeof(std::uint32_t) &&
         (load_le<std::uint32_t>(start_, 0) & kSkippableMagicMask) == kSkippableMagicBase;
}

void FrameStream::check_checksum_policy() {
  if (!context_->requires_checksum) return;
  const std::size_t descriptor_at = context_->is_magicless() ? 0 : sizeof(std::uint32_t);
  if (start_bytes_ <= descriptor_at || is_skippable()) return;
  if ((std::to_integer<unsigned>(start_[descriptor_at]) & kChecksumFlag) != 0) return;
  fail(ZSTD_error_checksum_wrong, "a frame without a content checksum is refused");
}

void FrameStream::fail(int code, const std::string& what) {
  failure_.emplace(code, what + " (after " + std::to_string(consumed_) + " compressed bytes)");
  throw ZstdError(*failure_);
}

std::size_t FrameStream::memory_size() const {
  return ZSTD_sizeof_DCtx(context_->dctx.get());
}

void FrameStream::check_not_truncated() const {
  if (failure_) throw ZstdError(*failure_);
  if (!is_in_frame_) return;
  throw ZstdError(ZSTD_error_srcSize_wrong, "truncated: the data ends within a frame, after " +
                                                std::to_string(consumed_) + " compressed bytes");
}

}  // namespace zstdfs
