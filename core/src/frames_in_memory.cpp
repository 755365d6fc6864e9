#define ZSTD_STATIC_LINKING_ONLY
#include "frames_in_memory.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <cstring>
#include <string>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"

// RFC 8878, section 3.1.1. libzstd's own ZSTD_findFrameCompressedSize knows no magicless frames.

namespace zstdfs {
namespace {

[[noreturn]] void throw_truncated(std::uint64_t needed, std::size_t have) {
  throw ZstdError(ZSTD_error_srcSize_wrong, "a frame is truncated; need at least " +
                                                std::to_string(needed) + " bytes, have " +
                                                std::to_string(have));
}

[[noreturn]] void throw_corrupt(const std::string& what) {
  throw ZstdError(ZSTD_error_corruption_detected, "a frame is damaged: " + what);
}

/// What stands at `at`, once it was seen that all of it is there. Moves `at` behind it.
ByteSpan take(ByteSpan data, std::size_t& at, std::uint64_t bytes) {
  // `at` never exceeds the data's size, so the subtraction is safe and the sum cannot overflow.
  if (bytes > data.size() - at) throw_truncated(at + bytes, data.size());
  const ByteSpan taken = data.subspan(at, static_cast<std::size_t>(bytes));
  at += taken.size();
  return taken;
}

/// Goes over the blocks, which begin behind the header, and a checksum.
void walk_blocks(ByteSpan data, FrameInMemory& frame) {
  std::size_t at = frame.header_bytes;
  for (bool last = false; !last;) {
    const std::size_t block_at = at;
    const ByteSpan stored_header = take(data, at, kBlockHeaderBytes);
    std::uint32_t header = 0;
    std::memcpy(&header, stored_header.data(), kBlockHeaderBytes);
    last = (header & kLastBlockFlag) != 0;
    const auto type = static_cast<BlockType>(header >> 1 & 3);
    const std::uint32_t block_bytes = header >> 3;
    if (type == BlockType::kReserved || block_bytes > frame.max_block_bytes) {
      throw_corrupt(std::string(type == BlockType::kReserved ? "a block of the reserved type"
                                                             : "a block larger than it allows") +
                    " at byte " + std::to_string(block_at));
    }
    frame.content_bound += type == BlockType::kCompressed ? frame.max_block_bytes : block_bytes;
    take(data, at, type == BlockType::kRunLength ? 1 : block_bytes);
    ++frame.blocks;
  }
  if (frame.has_checksum) take(data, at, kChecksumBytes);
  frame.bytes = at;
}

}  // namespace

FrameInMemory first_frame(ByteSpan data, int format) {
  ZSTD_frameHeader header;
  const std::size_t missing =
      ZstdError::check(ZSTD_getFrameHeader_advanced(&header, data.data(), data.size(),
                                                    static_cast<ZSTD_format_e>(format)),
                       "find a frame");
  if (missing != 0) throw_truncated(missing, data.size());
  FrameInMemory frame;
  if (header.frameType == ZSTD_skippableFrame) {
    frame.kind = FrameInMemory::Kind::kSkippable;
    // libzstd does not set the header size of skippable frames.
    frame.bytes = frame.header_bytes = kSkippableHeaderBytes;
    take(data, frame.bytes, header.frameContentSize);
    return frame;
  }
  frame.window_bytes = header.windowSize;
  frame.has_checksum = header.checksumFlag != 0;
  frame.dict_id = header.dictID;
  frame.header_bytes = header.headerSize;
  frame.max_block_bytes = header.blockSizeMax;
  walk_blocks(data, frame);
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
