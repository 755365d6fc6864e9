#include "decompression_context.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "frame_layout.hpp"
#include "parameter_checks.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs {
namespace {

constexpr const char* kRefusal =
    "a frame without a content checksum is refused (ChecksumPolicy::kVerifyIfPresent takes it)";

/// What libzstd allows in streams without being told.
constexpr std::uint64_t kStreamWindowLimit = (std::uint64_t{1} << ZSTD_WINDOWLOG_LIMIT_DEFAULT) + 1;

void check_window(const FrameInMemory& frame, std::uint64_t limit) {
  if (frame.window_bytes <= limit) return;
  throw ZstdError(ZSTD_error_frameParameter_windowTooLarge,
                  "a frame asks for a window of " + std::to_string(frame.window_bytes) +
                      " bytes, more than max_window_size allows (" + std::to_string(limit) + ")");
}

bool policy_requires_checksum(const DecompressorOptions& options) {
  if (options.checksums == ChecksumPolicy::kRequire) return true;
  return options.checksums == ChecksumPolicy::kRequireWithRawDict && options.dict_data &&
         options.dict_data->dict_id() == 0;
}

/// What libzstd needs of a dictionary that frames are to find by its id.
std::shared_ptr<const ZSTD_DDict> digest_of(
    const std::shared_ptr<const ZstdCompressionDict>& dictionary) {
  if (dictionary == nullptr || dictionary->dict_id() == 0) {
    throw std::invalid_argument(
        "more_dicts has a dictionary without an id: no frame could name it");
  }
  return dictionary->digested();
}

void set_in(ZSTD_DCtx* context, int parameter, int value) {
  check_decompression_setting(parameter, value);
  const std::string doing =
      "set " + decompression_parameter_name(parameter) + " to " + std::to_string(value);
  ZstdError::check(ZSTD_DCtx_setParameter(context, static_cast<ZSTD_dParameter>(parameter), value),
                   doing.c_str());
}

}  // namespace

DecompressionContext::DecompressionContext(const DecompressorOptions& given)
    : options(given),
      requires_checksum(policy_requires_checksum(given)),
      dctx(make_dctx()),
      format(given.format),
      max_window_size(given.max_window_size) {
  if (options.dict_data) digested = options.dict_data->digested();
  for (const auto& dictionary : options.more_dicts) more_digested.push_back(digest_of(dictionary));
  configure(dctx.get());
}

void DecompressionContext::configure(ZSTD_DCtx* context) const {
  if (options.max_window_size != 0) {
    ZstdError::check(ZSTD_DCtx_setMaxWindowSize(context, options.max_window_size),
                     "set the largest window");
  }
  ZstdError::check(ZSTD_DCtx_setParameter(context, ZSTD_d_format, options.format),
                   "set the format");
  for (const auto& [parameter, value] : parameters) set_in(context, parameter, value);
  ZstdError::check(ZSTD_DCtx_refDDict(context, digested.get()), "set the dictionary");
}

const ZSTD_DDict* DecompressionContext::dictionary_for(std::uint32_t dict_id) const {
  for (std::size_t i = 0; i < more_digested.size(); ++i) {
    if (options.more_dicts[i]->dict_id() == dict_id) return more_digested[i].get();
  }
  return digested.get();
}

std::size_t DecompressionContext::decompress_frames(ZSTD_DCtx* context, MutableByteSpan out,
                                                    ByteSpan stored) const {
  const bool refers_to_prefix = has_prefix && context == dctx.get();
  if (more_digested.empty() || refers_to_prefix) {
    return ZSTD_decompressDCtx(context, out.data(), out.size(), stored.data(), stored.size());
  }
  // libzstd's own choice among several (1.5.4 at least) comes after the tables of one were read.
  std::size_t produced = 0;
  while (!stored.empty()) {
    const FrameInMemory frame = first_frame(stored, format);
    const std::size_t n =
        ZSTD_decompress_usingDDict(context, out.data() + produced, out.size() - produced,
                                   stored.data(), frame.bytes, dictionary_for(frame.dict_id));
    if (ZSTD_isError(n) != 0) return n;
    produced += n;
    stored = stored.subspan(frame.bytes);
  }
  return produced;
}

void DecompressionContext::set_parameter(int parameter, int value) {
  set_in(dctx.get(), parameter, value);
  parameters[parameter] = value;
  if (parameter == kDecompressionFormat) format = value;
  // 0 is libzstd's own limit, as in the options.
  if (parameter == kDecompressionWindowLogMax) {
    max_window_size = value == 0 ? 0 : std::uint64_t{1} << value;
  }
}

void DecompressionContext::reset_parameters() {
  ZstdError::check(ZSTD_DCtx_reset(dctx.get(), ZSTD_reset_session_and_parameters),
                   "reset the decompressor");
  parameters.clear();
  format = options.format;
  max_window_size = options.max_window_size;
  configure(dctx.get());
}

std::size_t DecompressionContext::memory_size() const {
  return ZSTD_sizeof_DCtx(dctx.get()) + input_scratch.capacity() + output_scratch.capacity();
}

void DecompressionContext::begin() {
  ZstdError::check(ZSTD_DCtx_reset(dctx.get(), ZSTD_reset_session_only), "reset the decompressor");
  // A prefix that was not used up must not serve the next frame.
  if (!has_prefix) return;
  ZstdError::check(ZSTD_DCtx_refDDict(dctx.get(), digested.get()), "set the dictionary");
  has_prefix = false;
}

void DecompressionContext::refer_to(ByteSpan prefix) {
  has_prefix = true;
  ZstdError::check(ZSTD_DCtx_refPrefix(dctx.get(), prefix.data(), prefix.size()),
                   "refer to a prefix");
}

void DecompressionContext::choose_dictionary(std::uint32_t dict_id) {
  if (more_digested.empty() || has_prefix) return;
  ZstdError::check(ZSTD_DCtx_refDDict(dctx.get(), dictionary_for(dict_id)), "set the dictionary");
}

void DecompressionContext::check_allowed(const FrameInMemory& frame) const {
  if (requires_checksum && !frame.has_checksum) {
    throw ZstdError(ZSTD_error_checksum_wrong, kRefusal);
  }
  if (max_window_size != 0) check_window(frame, max_window_size);
}

std::uint64_t DecompressionContext::within_content_limit(std::uint64_t bytes) const {
  return options.max_content_size == 0 ? bytes : std::min(bytes, options.max_content_size);
}

void DecompressionContext::check_content_size(std::uint64_t bytes) const {
  if (within_content_limit(bytes) == bytes) return;
  throw ZstdError(ZSTD_error_dstSize_tooSmall,
                  std::to_string(bytes) + " bytes of content, more than max_content_size allows (" +
                      std::to_string(options.max_content_size) + ")");
}

FrameStream::FrameStream(std::shared_ptr<DecompressionContext> context)
    : context_(std::move(context)) {
  ExclusiveUse in_use(context_->use);
  operation_ = in_use.begin_operation();
  context_->begin();
}

FrameStream::Event FrameStream::step(ByteSpan& in, MutableByteSpan& out) {
  if (failure_) throw ZstdError(*failure_);
  if (!header_ && !in.empty()) find_header(in);
  // The rest of a header, which libzstd gets when all of it is there.
  if (!header_) return advance(in, in.size(), out, 0, false);
  const std::size_t whole = start_bytes_ == 0 ? whole_frame(in, out.size()) : 0;
  if (whole != 0) {
    const std::size_t produced =
        check(context_->decompress_frames(context_->dctx.get(), out, in.first(whole)));
    return advance(in, whole, out, produced, true);
  }
  if (!is_begun_) begin_frame(out);
  ZSTD_inBuffer input{in.data(), presentable(in.size()), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  const std::size_t hint = check(ZSTD_decompressStream(context_->dctx.get(), &output, &input));
  return advance(in, input.pos, out, output.pos, hint == 0);
}

std::size_t FrameStream::check(std::size_t result) {
  if (ZSTD_isError(result) != 0) {
    fail(static_cast<int>(ZSTD_getErrorCode(result)),
         std::string("cannot decompress: ") + ZSTD_getErrorName(result));
  }
  return result;
}

FrameStream::Event FrameStream::advance(ByteSpan& in, std::size_t consumed, MutableByteSpan& out,
                                        std::size_t produced, bool is_frame_end) {
  note(in.first(consumed), produced);
  in = in.subspan(consumed);
  out = out.subspan(produced);
  has_pending_output_ = !is_frame_end && out.empty();
  if (!is_frame_end) return Event::kNone;
  check_content_size();
  const bool is_skippable = header_->frameType == ZSTD_skippableFrame;
  if (!is_skippable) ++data_frames_;
  header_.reset();
  start_bytes_ = 0;
  is_begun_ = false;
  frame_produced_ = 0;
  is_in_frame_ = false;
  return is_skippable ? Event::kSkippableFrameEnd : Event::kDataFrameEnd;
}

// libzstd has a way of its own for a frame's start: where it is given more than the magic number,
// that may be one of a version before 1.0; where it is given all of the frame, it is not
// decompressed in steps. The verdict must not depend on how the input is cut: so the header is read
// here first, and libzstd gets no more than that at first. The dictionary has to be set before,
// too.
void FrameStream::begin_frame(MutableByteSpan out) {
  is_begun_ = true;
  context_->choose_dictionary(header_->dictID);
  if (start_bytes_ == 0) return;
  ZSTD_inBuffer input{start_.data(), start_bytes_, 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  check(ZSTD_decompressStream(context_->dctx.get(), &output, &input));
}

std::size_t FrameStream::presentable(std::size_t there) const {
  if (start_bytes_ >= header_->headerSize) return there;
  return std::min<std::size_t>(there, header_->headerSize - start_bytes_);
}

void FrameStream::find_header(ByteSpan in) {
  ByteSpan beginning = in.first(std::min(in.size(), kStartBytes));
  std::array<std::byte, kStartBytes> joined = start_;
  if (start_bytes_ != 0) {
    const std::size_t more = std::min(in.size(), kStartBytes - start_bytes_);
    std::copy_n(in.begin(), more, joined.begin() + static_cast<std::ptrdiff_t>(start_bytes_));
    beginning = ByteSpan(joined).first(start_bytes_ + more);
  }
  ZSTD_frameHeader header{};
  const std::size_t missing = ZSTD_getFrameHeader_advanced(
      &header, beginning.data(), beginning.size(), static_cast<ZSTD_format_e>(context_->format));
  if (ZSTD_isError(missing) != 0) {
    fail(static_cast<int>(ZSTD_getErrorCode(missing)),
         std::string("cannot decompress: ") + ZSTD_getErrorName(missing));
  }
  if (missing != 0) return;
  if (header.frameType == ZSTD_skippableFrame) {
    header.headerSize = kSkippableFrameOverhead;  // libzstd does not set it
    header.frameContentSize = 0;                  // which is the size of the frame
  } else if (context_->requires_checksum && header.checksumFlag == 0) {
    fail(ZSTD_error_checksum_wrong, kRefusal);
  }
  header_ = header;
}

/// The bytes of a frame that `in` begins with, if it may be decompressed at once: all of it is
/// there, with room for its content, and in steps it would come to the same. libzstd looks at the
/// limits of its window and its blocks in steps only, so they are looked at here. In steps, no
/// block can hold more than the frame allows (in one that allows nothing, not even the byte of a
/// run), but one that is compressed and takes no bytes is overlooked. Otherwise 0.
std::size_t FrameStream::whole_frame(ByteSpan in, std::size_t room) {
  if (header_->frameType == ZSTD_skippableFrame || header_->frameContentSize > room) return 0;
  std::optional<ZstdError> refusal;
  try {
    const auto frame = first_whole_frame(in, *header_);
    if (!frame) return 0;
    context_->check_allowed(*frame);
    if (context_->max_window_size == 0) check_window(*frame, kStreamWindowLimit);
    const bool is_same = header_->frameContentSize <= frame->max_block_bytes &&
                         frame->max_block_bytes != 0 && !frame->has_block_of_nothing;
    return is_same ? frame->bytes : 0;
  } catch (const ZstdError& error) {
    refusal = error;
  }
  fail(refusal->code(), refusal->what());
}

void FrameStream::note(ByteSpan consumed, std::size_t produced) {
  const std::size_t more = std::min(kStartBytes - start_bytes_, consumed.size());
  std::copy_n(consumed.begin(), more, start_.begin() + static_cast<std::ptrdiff_t>(start_bytes_));
  start_bytes_ += more;
  if (!consumed.empty()) is_in_frame_ = true;
  consumed_ += consumed.size();
  produced_ += produced;
  frame_produced_ += produced;
}

std::uint64_t FrameStream::content_left() const {
  if (!header_ || header_->frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN) return 0;
  return header_->frameContentSize -
         std::min<std::uint64_t>(header_->frameContentSize, frame_produced_);
}

// libzstd does not compare them where the last block has no content.
void FrameStream::check_content_size() {
  const std::uint64_t claimed = header_->frameContentSize;
  if (claimed == ZSTD_CONTENTSIZE_UNKNOWN || claimed == frame_produced_) return;
  fail(ZSTD_error_corruption_detected, "a frame has " + std::to_string(frame_produced_) +
                                           " bytes of content and claims " +
                                           std::to_string(claimed));
}

void FrameStream::fail(int code, const std::string& what) {
  failure_.emplace(code, what + " (after " + std::to_string(consumed_) + " compressed bytes)");
  throw ZstdError(*failure_);
}

std::size_t FrameStream::memory_size() const {
  return context_->memory_size();
}

void FrameStream::check_not_truncated() const {
  if (failure_) throw ZstdError(*failure_);
  if (!is_in_frame_) return;
  throw ZstdError(ZSTD_error_srcSize_wrong, "truncated: the data ends within a frame, after " +
                                                std::to_string(consumed_) + " compressed bytes");
}

}  // namespace zstdfs
