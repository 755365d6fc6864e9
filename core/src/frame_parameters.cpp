#include "zstdfs/frame_parameters.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "frame_layout.hpp"
#include "frames_in_memory.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

struct Header {
  ZSTD_frameHeader fields{};
  std::size_t bytes_needed = 0;  // more than there are; 0 when the header is whole
};

ZSTD_format_e checked_format(int format) {
  if (format == kFormatZstd1) return ZSTD_f_zstd1;
  if (format == kFormatZstd1Magicless) return ZSTD_f_zstd1_magicless;
  throw std::invalid_argument("format is " + std::to_string(format) +
                              "; it must be kFormatZstd1 or kFormatZstd1Magicless");
}

Header read_header(ByteSpan data, int format) {
  Header header;
  header.bytes_needed =
      ZstdError::check(ZSTD_getFrameHeader_advanced(&header.fields, data.data(), data.size(),
                                                    checked_format(format)),
                       "get frame parameters");
  return header;
}

[[noreturn]] void not_enough(std::size_t needed, std::size_t have) {
  throw ZstdError(ZSTD_error_srcSize_wrong, "not enough data for frame parameters; need " +
                                                std::to_string(needed) + " bytes, have " +
                                                std::to_string(have));
}

Header read_whole_header(ByteSpan data, int format) {
  Header header = read_header(data, format);
  if (header.bytes_needed != 0) not_enough(header.bytes_needed, data.size());
  return header;
}

bool is_skippable(const Header& header) {
  return header.fields.frameType == ZSTD_skippableFrame;
}

// libzstd does not set the header size of skippable frames.
std::size_t header_bytes(const Header& header) {
  return is_skippable(header) ? kSkippableFrameOverhead : header.fields.headerSize;
}

}  // namespace

FrameParameters get_frame_parameters(ByteSpan data, int format) {
  const Header header = read_whole_header(data, format);
  FrameParameters parameters;
  if (header.fields.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN) {
    parameters.content_size = header.fields.frameContentSize;
  }
  parameters.header_size = header_bytes(header);
  parameters.is_skippable = is_skippable(header);
  if (parameters.is_skippable) return parameters;
  parameters.window_size = header.fields.windowSize;
  parameters.dict_id = header.fields.dictID;
  parameters.has_checksum = header.fields.checksumFlag != 0;
  parameters.block_size_max = header.fields.blockSizeMax;
  return parameters;
}

std::size_t frame_header_size(ByteSpan data, int format) {
  const Header header = read_header(data, format);
  if (header.bytes_needed == 0) return header_bytes(header);
  // With the descriptor at hand, what libzstd needs is the header and no more.
  const std::size_t with_descriptor = checked_format(format) == ZSTD_f_zstd1 ? 5 : 1;
  if (data.size() < with_descriptor) not_enough(with_descriptor, data.size());
  return header.bytes_needed;
}

std::optional<std::uint64_t> frame_content_size(ByteSpan data, int format) {
  const FrameParameters parameters = get_frame_parameters(data, format);
  if (parameters.is_skippable) return 0;
  return parameters.content_size;
}

std::size_t frame_compressed_size(ByteSpan data, int format) {
  return first_frame(data, checked_format(format)).bytes;
}

std::size_t decompression_margin(ByteSpan frames, int format) {
  std::size_t margin = 0;
  std::size_t largest_block = 0;
  while (!frames.empty()) {
    const FrameInMemory frame = first_frame(frames, checked_format(format));
    if (frame.kind == FrameInMemory::Kind::kSkippable) {
      margin += frame.bytes;
    } else {
      // Everything that is stored and is not content pushes the reader ahead of the writer.
      margin += frame.header_bytes + kBlockHeaderBytes * frame.blocks;
      if (frame.has_checksum) margin += kChecksumBytes;
      largest_block = std::max(largest_block, frame.max_block_bytes);
    }
    frames = frames.subspan(frame.bytes);
  }
  return margin + largest_block;
}

std::uint64_t decompression_margin(std::uint64_t content_size, std::size_t block_size) {
  if (block_size == 0) throw std::invalid_argument("block_size is 0");
  if (content_size >> 62 != 0) {
    throw std::invalid_argument("content_size is " + std::to_string(content_size) +
                                "; its margin would not fit in 64 bits");
  }
  if (std::uint64_t{block_size} >> 62 != 0) {
    throw std::invalid_argument("block_size is " + std::to_string(block_size) +
                                "; the margin would not fit in 64 bits");
  }
  const std::uint64_t blocks = content_size / block_size + (content_size % block_size != 0 ? 1 : 0);
  return ZSTD_FRAMEHEADERSIZE_MAX + kChecksumBytes + kBlockHeaderBytes * blocks + block_size;
}

std::size_t estimate_decompression_context_size() {
  return ZSTD_estimateDCtxSize();
}

std::size_t estimate_decompression_stream_size(std::size_t window_size) {
  // Beyond it, libzstd's sum overflows.
  constexpr std::size_t kMaxWindow = std::numeric_limits<std::size_t>::max() / 2;
  if (window_size > kMaxWindow) {
    throw std::invalid_argument("window_size is " + std::to_string(window_size) +
                                "; no memory could hold it");
  }
  return ZSTD_estimateDStreamSize(window_size);
}

}  // namespace zstdfs
