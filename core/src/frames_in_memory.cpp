#include "frames_in_memory.hpp"

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

[[noreturn]] void throw_bad_block(BlockType type, std::uint64_t at) {
  throw_corrupt(std::string(type == BlockType::kReserved ? "a block of the reserved type"
                                                         : "a block larger than it allows") +
                " at byte " + std::to_string(at));
}

/// Goes over the blocks, which begin behind the header. Returns where the frame ends; if that is
/// beyond the data, the frame is truncated, and this is how many bytes are needed at least.
std::uint64_t walk_blocks(ByteSpan data, FrameInMemory& frame) {
  std::uint64_t at = frame.header_bytes;
  for (bool last = false; !last;) {
    const std::uint64_t block_at = at;
    at += kBlockHeaderBytes;
    if (at > data.size()) return at;
    std::uint32_t header = 0;
    std::memcpy(&header, data.data() + block_at, kBlockHeaderBytes);
    last = (header & kLastBlockFlag) != 0;
    const auto type = static_cast<BlockType>(header >> 1 & 3);
    const std::uint32_t block_bytes = header >> 3;
    if (type == BlockType::kReserved || block_bytes > frame.max_block_bytes) {
      throw_bad_block(type, block_at);
    }
    frame.content_bound += type == BlockType::kCompressed ? frame.max_block_bytes : block_bytes;
    if (type == BlockType::kCompressed && block_bytes == 0) frame.has_block_of_nothing = true;
    at += type == BlockType::kRunLength ? 1 : block_bytes;
    ++frame.blocks;
  }
  return at + (frame.has_checksum ? kChecksumBytes : 0);
}

/// Finds the frame that `data` begins with. If it is truncated, its bytes are more than those of
/// the data: as many as are needed at least.
void find_first(ByteSpan data, const ZSTD_frameHeader& header, FrameInMemory& frame) {
  if (header.frameType == ZSTD_skippableFrame) {
    frame.kind = FrameInMemory::Kind::kSkippable;
    // libzstd does not set the header size of skippable frames.
    frame.header_bytes = kSkippableFrameOverhead;
    frame.bytes = kSkippableFrameOverhead + header.frameContentSize;
    return;
  }
  frame.window_bytes = header.windowSize;
  frame.has_checksum = header.checksumFlag != 0;
  frame.dict_id = header.dictID;
  frame.header_bytes = header.headerSize;
  frame.max_block_bytes = header.blockSizeMax;
  frame.bytes = walk_blocks(data, frame);
  if (header.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN && frame.bytes <= data.size()) {
    if (header.frameContentSize > frame.content_bound) {
      throw_corrupt("its blocks cannot hold the content that it claims");
    }
    frame.content_bytes = header.frameContentSize;
  }
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
  find_first(data, header, frame);
  if (frame.bytes > data.size()) throw_truncated(frame.bytes, data.size());
  return frame;
}

std::optional<FrameInMemory> first_whole_frame(ByteSpan data, const ZSTD_frameHeader& header) {
  FrameInMemory frame;
  find_first(data, header, frame);
  if (frame.bytes > data.size()) return std::nullopt;
  return frame;
}

bool begins_like_a_frame(ByteSpan data, int format) {
  if (data.empty()) return false;
  if (format == ZSTD_f_zstd1_magicless) return true;
  // A magic number that is cut off is the start of a frame, too.
  ZSTD_frameHeader header;
  return ZSTD_isError(
             ZSTD_getFrameHeader_advanced(&header, data.data(), data.size(), ZSTD_f_zstd1)) == 0 ||
         (data.size() >= sizeof(std::uint32_t) && load_le<std::uint32_t>(data, 0) == kMagicNumber);
}

}  // namespace zstdfs
