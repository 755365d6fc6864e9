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

/// How far a frame was looked at, and how many bytes of it have to be there to go on.
class Walk {
 public:
  explicit Walk(ByteSpan data) : data_(data) {}

  /// What comes next, if all of it is there.
  std::optional<ByteSpan> take(std::uint64_t bytes) {
    // `at_` never exceeds the data's size, so the difference is right.
    if (bytes > data_.size() - at_) {
      needed_ = at_ + bytes;
      return std::nullopt;
    }
    const ByteSpan taken = data_.subspan(at_, static_cast<std::size_t>(bytes));
    at_ += taken.size();
    return taken;
  }
  bool skip(std::uint64_t bytes) { return take(bytes).has_value(); }

  std::size_t at() const { return at_; }
  std::uint64_t needed() const { return needed_; }

 private:
  ByteSpan data_;
  std::size_t at_ = 0;
  std::uint64_t needed_ = 0;
};

/// Goes over the blocks, which begin behind the header, and a checksum. False: truncated.
bool walk_blocks(Walk& walk, FrameInMemory& frame) {
  for (bool last = false; !last;) {
    const std::size_t block_at = walk.at();
    const std::optional<ByteSpan> stored_header = walk.take(kBlockHeaderBytes);
    if (!stored_header) return false;
    std::uint32_t header = 0;
    std::memcpy(&header, stored_header->data(), kBlockHeaderBytes);
    last = (header & kLastBlockFlag) != 0;
    const auto type = static_cast<BlockType>(header >> 1 & 3);
    const std::uint32_t block_bytes = header >> 3;
    if (type == BlockType::kReserved || block_bytes > frame.max_block_bytes) {
      throw_corrupt(std::string(type == BlockType::kReserved ? "a block of the reserved type"
                                                             : "a block larger than it allows") +
                    " at byte " + std::to_string(block_at));
    }
    frame.content_bound += type == BlockType::kCompressed ? frame.max_block_bytes : block_bytes;
    if (type == BlockType::kCompressed && block_bytes == 0) frame.has_block_of_nothing = true;
    if (!walk.skip(type == BlockType::kRunLength ? 1 : block_bytes)) return false;
    ++frame.blocks;
  }
  return !frame.has_checksum || walk.skip(kChecksumBytes);
}

/// Finds the frame that `data` begins with. Returns 0, or, where the frame is truncated, how many
/// bytes are needed at least.
std::uint64_t find_first(ByteSpan data, const ZSTD_frameHeader& header, FrameInMemory& frame) {
  Walk walk(data);
  if (header.frameType == ZSTD_skippableFrame) {
    frame.kind = FrameInMemory::Kind::kSkippable;
    // libzstd does not set the header size of skippable frames.
    frame.header_bytes = kSkippableHeaderBytes;
    if (!walk.skip(frame.header_bytes) || !walk.skip(header.frameContentSize)) {
      return walk.needed();
    }
    frame.bytes = walk.at();
    return 0;
  }
  frame.window_bytes = header.windowSize;
  frame.has_checksum = header.checksumFlag != 0;
  frame.dict_id = header.dictID;
  frame.header_bytes = header.headerSize;
  frame.max_block_bytes = header.blockSizeMax;
  if (!walk.skip(frame.header_bytes) || !walk_blocks(walk, frame)) return walk.needed();
  frame.bytes = walk.at();
  if (header.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (header.frameContentSize > frame.content_bound) {
      throw_corrupt("its blocks cannot hold the content that it claims");
    }
    frame.content_bytes = header.frameContentSize;
  }
  return 0;
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
  const std::uint64_t needed = find_first(data, header, frame);
  if (needed != 0) throw_truncated(needed, data.size());
  return frame;
}

std::optional<FrameInMemory> first_whole_frame(ByteSpan data, const ZSTD_frameHeader& header) {
  FrameInMemory frame;
  if (find_first(data, header, frame) != 0) return std::nullopt;
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
