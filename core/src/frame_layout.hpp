#pragma once

#include <cstddef>
#include <cstdint>

#include "zstdfs/constants.hpp"
#include "zstdfs/format_numbers.hpp"
#include "zstdfs/frames.hpp"

// Numbers of the zstd format (RFC 8878, section 3.1) that more than one source needs, besides those
// of the public headers.

namespace zstdfs {

/// Of the frame header descriptor.
inline constexpr unsigned kSingleSegmentFlag = 0x20;
inline constexpr unsigned kReservedFlag = 0x08;
inline constexpr unsigned kChecksumFlag = 0x04;

/// Magic, descriptor, one byte of window or content size, one block header, checksum.
inline constexpr std::size_t kMinDataFrameBytes = 13;
inline constexpr std::size_t kChecksumBytes = 4;
inline constexpr std::size_t kBlockHeaderBytes = 3;
inline constexpr std::uint32_t kLastBlockFlag = 1;

enum class BlockType : std::uint32_t { kRaw = 0, kRunLength = 1, kCompressed = 2, kReserved = 3 };

/// The checksum of no content at all, as seek tables list it for skippable frames.
inline constexpr std::uint32_t kEmptyChecksum = 0x51D8E999u;

}  // namespace zstdfs
