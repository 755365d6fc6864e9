#define ZSTD_STATIC_LINKING_ONLY
#include "frames_in_memory.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"

// RFC 8878, section 3.1.1. libzstd's own ZSTD_findFrameCompressedSize knows no magicless frames.

namespace zstdfs {
namespace {

[[noreturn]] void throw_truncated(ByteSpan data) {
  throw ZstdError(ZSTD_error_srcSize_wrong,
                  "a frame is truncated after " + std::to_string(data.size()) + " bytes");
}

[[noreturn]] void throw_corrupt(const char* what) {
  throw ZstdError(ZSTD_error_corruption_detected, std::string("a frame is damaged: ") + what);
}

/// Sets `frame.bytes` and `frame.content_bound` from the blocks, which begin at `at`.
void walk_blocks(ByteSpan data, std::size_t at, std::uint64_t max_block, FrameInMemory& frame) {
  for (bool last = false; !last;) {
    if (data.size() - at < kBlockHeaderBytes) throw_truncated(data);
    std::uint32_t header = 0;
    std::memcpy(&header, data.data() + at, kBlockHeaderBytes);
    last = (header & kLastBlockFlag) != 0;
    const auto type = static_cast<BlockType>(header >> 1 & 3);
    const std::uint32_t block_bytes = header >> 3;
    if (type == BlockType::kReserved) throw_corrupt("a block of unknown type");
    if (block_bytes > max_block) throw_corrupt("a block larger than the frame allows");
    frame.content_bound += type == BlockType::kCompressed ? max_block : block_bytes;
    const std::size_t stored = type == BlockType::kRunLength ? 1 : block_bytes;
    at += kBlockHeaderBytes;
    if (data.size() - at < stored) throw_truncated(data);
    at += stored;
  }
  if (frame.has_checksum) {
    if (data.size() - at < kChecksumBytes) throw_truncated(data);
    at += kChecksumBytes;
  }
  frame.bytes = at;
}

}  // namespace

FrameInMemory first_frame(ByteSpan data, int format) {
  ZSTD_frameHeader header;
  const std::size_t missing =
      ZstdError::check(ZSTD_getFrameHeader_advanced(&header, data.data(), data.size(),
                                                    static_cast<ZSTD_format_e>(format)),
                       "find a frame");
  if (missing != 0) throw_truncated(data);
  FrameInMemory frame;
  if (header.frameType == ZSTD_skippableFrame) {
    frame.kind = FrameInMemory::Kind::kSkippable;
    if (data.size() - kSkippableHeaderBytes < header.frameContentSize) throw_truncated(data);
    frame.bytes = kSkippableHeaderBytes + static_cast<std::size_t>(header.frameContentSize);
    return frame;
  }
  frame.window_bytes = header.windowSize;
  frame.has_checksum = header.checksumFlag != 0;
  walk_blocks(data, header.headerSize, std::min<std::uint64_t>(header.windowSize, kMaxBlockBytes),
              frame);
  if (header.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (header.frameContentSize > frame.content_bound) {
      throw_corrupt("its blocks cannot hold the content that it claims");
    }
    frame.content_bytes = header.frameContentSize;
  }
  return frame;
}

bool begins_like_a_frame(ByteSpan data, int format) {
  if (data.empty()) return false;
  if (format == ZSTD_f_zstd1_magicless) return true;
  // A magic number that is cut off is the start of a frame, too.
  ZSTD_frameHeader header;
  return ZSTD_isError(
             ZSTD_getFrameHeader_advanced(&header, data.data(), data.size(), ZSTD_f_zstd1)) == 0 ||
         (data.size() >= sizeof(std::uint32_t) &&
          load_le<std::uint32_t>(data, 0) == kZstdFrameMagic);
}

}  // namespace zstdfs
