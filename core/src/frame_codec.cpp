#include "zstdfs/frame_codec.hpp"

#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <new>
#include <string>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

std::uint32_t content_checksum(ByteSpan content) {
  return static_cast<std::uint32_t>(XXH64(content.data(), content.size(), 0));
}

FrameEncoder::FrameEncoder() : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
}
FrameEncoder::~FrameEncoder() = default;
FrameEncoder::FrameEncoder(FrameEncoder&&) noexcept = default;
FrameEncoder& FrameEncoder::operator=(FrameEncoder&&) noexcept = default;

void FrameEncoder::Free::operator()(ZSTD_CCtx* context) const {
  ZSTD_freeCCtx(context);
}

Bytes FrameEncoder::encode(ByteSpan content, const FrameRecipe& recipe) {
  ZSTDFS_ASSERT(content.size() <= kMaxChunkBytes);
  ZSTD_CCtx* const context = context_.get();
  // A failed compression leaves the session open; the next call must not continue it.
  ZstdError::check(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters),
                   "reset the compressor");
  ZstdError::check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, recipe.level),
                   "set the compression level");
  ZstdError::check(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), "ask for checksums");
  ZstdError::check(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1),
                   "ask for content sizes");
  if (recipe.long_distance_matching) {
    ZstdError::check(ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1),
                     "ask for long-distance matching");
  }
  ZstdError::check(ZSTD_CCtx_refCDict(context, recipe.dictionary.get()), "use a dictionary");
  const std::size_t bound = ZSTD_compressBound(content.size());
  if (scratch_.size() < bound) scratch_.resize(bound);
  const std::size_t frame_bytes = ZstdError::check(
      ZSTD_compress2(context, scratch_.data(), scratch_.size(), content.data(), content.size()),
      "compress a chunk");
  // The result is copied out, so that a frame kept in an overlay takes no more memory than it has
  // bytes.
  const ByteSpan frame = ByteSpan(scratch_).first(frame_bytes);
  return Bytes(frame.begin(), frame.end());
}

FrameDecoder::FrameDecoder() : context_(ZSTD_createDCtx()) {
  if (!context_) throw std::bad_alloc();
}
FrameDecoder::~FrameDecoder() = default;
FrameDecoder::FrameDecoder(FrameDecoder&&) noexcept = default;
FrameDecoder& FrameDecoder::operator=(FrameDecoder&&) noexcept = default;

void FrameDecoder::Free::operator()(ZSTD_DCtx* context) const {
  ZSTD_freeDCtx(context);
}

namespace {

/// What must hold before libzstd is asked to decompress: it would also accept frames without a
/// checksum, skippable frames, and several frames one after the other.
void check_frame_header(ByteSpan frame, std::size_t content_bytes, std::uint64_t stored_offset) {
  if (frame.size() < kMinDataFrameBytes || load_le<std::uint32_t>(frame, 0) != kMagicNumber) {
    throw CorruptError(stored_offset, "expected a zstd frame");
  }
  if ((std::to_integer<unsigned>(frame[4]) & kChecksumFlag) == 0) {
    throw CorruptError(stored_offset, "expected a frame with a content checksum");
  }
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN ||
      claimed != content_bytes) {
    throw CorruptError(stored_offset, "expected a frame of " + std::to_string(content_bytes) +
                                          " bytes of content");
  }
  const std::size_t whole = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(whole) != 0 || whole != frame.size()) {
    throw CorruptError(stored_offset, "expected one whole frame of " +
                                          std::to_string(frame.size()) + " stored bytes");
  }
}

}  // namespace

void FrameDecoder::decode(ByteSpan frame, MutableByteSpan out, std::uint64_t stored_offset,
                          const DictionarySource& dictionaries) {
  check_frame_header(frame, out.size(), stored_offset);
  const std::uint32_t id = ZSTD_getDictID_fromFrame(frame.data(), frame.size());
  const auto dictionary = id == 0 ? nullptr : dictionaries.digested(id);
  if (id != 0 && dictionary == nullptr) {
    throw CorruptError(stored_offset, "a frame names dictionary " + std::to_string(id) +
                                          ", which is not the one of its file");
  }
  const std::size_t result = ZSTD_decompress_usingDDict(
      context_.get(), out.data(), out.size(), frame.data(), frame.size(), dictionary.get());
  if (ZSTD_isError(result) != 0) {
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
    throw CorruptError(stored_offset,
                       std::string("a frame does not decompress: ") + ZSTD_getErrorName(result));
  }
  if (result != out.size()) {
    throw CorruptError(stored_offset, "a frame holds less content than it says");
  }
}

}  // namespace zstdfs
