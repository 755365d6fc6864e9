#include "zstdfs/frame_walk.hpp"

#include <algorithm>
#include <array>

#include "frame_layout.hpp"
#include "frame_walk_window.hpp"

// RFC 8878, sections 3.1.1 (frames and blocks) and 3.1.2 (skippable frames).

namespace zstdfs {
namespace {

constexpr std::size_t kWindowBytes = 64u << 10;
constexpr std::size_t kMaxFrameHeaderBytes = 18;
/// Magic and descriptor: what tells how long the header is.
constexpr std::size_t kFrameHeaderStartBytes = 5;

NoFrame truncated(std::uint64_t stored_offset) {
  return {.stored_offset = stored_offset, .reason = "truncated"};
}

/// Reads a little-endian integer of 0 to 8 bytes.
std::uint64_t load_sized(ByteSpan in, std::size_t offset, std::size_t bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, in.subspan(offset, bytes).data(), bytes);
  return value;
}

/// Window_Descriptor: a power of two and eighths of it.
std::uint64_t window_of(std::byte descriptor) {
  const auto bits = std::to_integer<unsigned>(descriptor);
  const std::uint64_t base = std::uint64_t{1} << (10 + (bits >> 3));
  return base + base / 8 * (bits & 7);
}

struct FrameHeader {
  FrameExtent extent;  ///< stored_bytes: those of the header
  bool has_checksum = false;
};

std::variant<FrameHeader, NoFrame> parse_frame_header(ByteSpan in, std::uint64_t stored_offset) {
  if (in.size() < kFrameHeaderStartBytes) return truncated(stored_offset);
  const auto descriptor = std::to_integer<unsigned>(in[4]);
  if ((descriptor & kReservedFlag) != 0) {
    return NoFrame{.stored_offset = stored_offset, .reason = "a reserved bit is set in a frame"};
  }
  const bool single_segment = (descriptor & kSingleSegmentFlag) != 0;
  static constexpr std::array<std::size_t, 4> kDictionaryIdSizes{0, 1, 2, 4};
  static constexpr std::array<std::size_t, 4> kContentSizeSizes{0, 2, 4, 8};
  const std::size_t window_size = single_segment ? 0 : 1;
  const std::size_t dictionary_size = kDictionaryIdSizes[descriptor & 3];
  const std::size_t content_flag = descriptor >> 6;
  const std::size_t content_size =
      content_flag == 0 && single_segment ? 1 : kContentSizeSizes[content_flag];
  const std::size_t header_bytes =
      kFrameHeaderStartBytes + window_size + dictionary_size + content_size;
  if (in.size() < header_bytes) return truncated(stored_offset);

  FrameHeader header;
  header.has_checksum = (descriptor & kChecksumFlag) != 0;
  FrameExtent& extent = header.extent;
  extent.kind = FrameExtent::Kind::kData;
  extent.magic = kMagicNumber;
  extent.stored_offset = stored_offset;
  extent.stored_bytes = header_bytes;
  extent.dictionary_id = static_cast<std::uint32_t>(
      load_sized(in, kFrameHeaderStartBytes + window_size, dictionary_size));
  if (content_size != 0) {
    // The two-byte form begins where the one-byte form ends.
    extent.content_bytes =
        load_sized(in, header_bytes - content_size, content_size) + (content_size == 2 ? 256 : 0);
  }
  extent.window_bytes =
      single_segment ? *extent.content_bytes : window_of(in[kFrameHeaderStartBytes]);
  return header;
}

std::variant<FrameExtent, NoFrame> walk_blocks(ReadWindow& window, const FrameHeader& header) {
  FrameExtent extent = header.extent;
  const std::uint64_t max_block = std::min<std::uint64_t>(extent.window_bytes, kBlockSizeMax);
  std::uint64_t at = extent.stored_offset + extent.stored_bytes;
  bool last = false;
  while (!last) {
    const ByteSpan bytes = window.view(at, kBlockHeaderBytes);
    if (bytes.size() < kBlockHeaderBytes) return truncated(extent.stored_offset);
    const auto block = static_cast<std::uint32_t>(load_sized(bytes, 0, kBlockHeaderBytes));
    last = (block & kLastBlockFlag) != 0;
    const auto type = static_cast<BlockType>(block >> 1 & 3);
    const std::uint32_t block_bytes = block >> 3;
    if (type == BlockType::kReserved) {
      return NoFrame{.stored_offset = extent.stored_offset, .reason = "a block of unknown type"};
    }
    if (block_bytes > max_block) {
      return NoFrame{.stored_offset = extent.stored_offset,
                     .reason = "a block larger than the frame allows"};
    }
    at += kBlockHeaderBytes + (type == BlockType::kRunLength ? 1 : block_bytes);
    if (at > window.source_bytes()) return truncated(extent.stored_offset);
  }
  if (header.has_checksum) {
    const ByteSpan bytes = window.view(at, kChecksumBytes);
    if (bytes.size() < kChecksumBytes) return truncated(extent.stored_offset);
    extent.checksum = load_le<std::uint32_t>(bytes, 0);
    at += kChecksumBytes;
  }
  extent.stored_bytes = at - extent.stored_offset;
  return extent;
}

}  // namespace

std::variant<FrameExtent, NoFrame> find_frame(ReadWindow& window, std::uint64_t stored_offset) {
  const ByteSpan in = window.view(stored_offset, kMaxFrameHeaderBytes);
  if (in.empty()) return NoFrame{.stored_offset = stored_offset, .reason = "end of file"};
  if (in.size() < sizeof(std::uint32_t)) return truncated(stored_offset);
  const auto magic = load_le<std::uint32_t>(in, 0);
  if (magic == kMagicNumber) {
    const auto header = parse_frame_header(in, stored_offset);
    if (const auto* none = std::get_if<NoFrame>(&header)) return *none;
    return walk_blocks(window, std::get<FrameHeader>(header));
  }
  if (!is_skippable_magic(magic)) {
    return NoFrame{.stored_offset = stored_offset, .reason = "not a zstd frame"};
  }
  if (in.size() < kSkippableFrameOverhead) return truncated(stored_offset);
  FrameExtent extent;
  extent.kind = FrameExtent::Kind::kSkippable;
  extent.stored_offset = stored_offset;
  extent.stored_bytes =
      std::uint64_t{kSkippableFrameOverhead} + load_le<std::uint32_t>(in, sizeof(magic));
  extent.magic = magic;
  if (extent.stored_bytes > window.source_bytes() - stored_offset) return truncated(stored_offset);
  return extent;
}

std::variant<FrameExtent, NoFrame> find_frame(const RandomAccessSource& source,
                                              std::uint64_t stored_offset) {
  ReadWindow window(source, kWindowBytes);
  return find_frame(window, stored_offset);
}

}  // namespace zstdfs
