#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <cstdint>
#include <optional>

#include "zstdfs/bytes.hpp"

// Frames in memory, of either format, seen without decompressing them.

namespace zstdfs {

struct FrameInMemory {
  enum class Kind { kData, kSkippable };
  Kind kind = Kind::kData;
  std::size_t bytes = 0;         ///< of the whole frame
  std::size_t header_bytes = 0;  ///< of them
  // Data frames:
  std::optional<std::uint64_t> content_bytes;  ///< absent: the frame does not say
  /// The most content that its blocks can hold. Never below content_bytes.
  std::uint64_t content_bound = 0;
  std::uint64_t window_bytes = 0;
  std::size_t blocks = 0;
  std::size_t max_block_bytes = 0;  ///< of content, that the frame allows
  bool has_checksum = false;
  /// Whether a block is compressed and takes no bytes, which is damage.
  bool has_block_of_nothing = false;
  std::uint32_t dict_id = 0;
};

/// The frame that `data` begins with, in a format that is a ZSTD_format_e. Throws ZstdError:
/// prefix_unknown (no frame), srcSize_wrong (truncated), corruption_detected (block headers, or a
/// content size that the blocks cannot hold).
FrameInMemory first_frame(ByteSpan data, int format);

/// As above for a frame whose header is known; nothing where it is truncated. The header of a
/// skippable frame has its size in frameContentSize.
std::optional<FrameInMemory> first_whole_frame(ByteSpan data, const ZSTD_frameHeader& header);

/// Whether `data` is a frame or the start of one, as far as the magic number tells.
bool begins_like_a_frame(ByteSpan data, int format);

}  // namespace zstdfs
