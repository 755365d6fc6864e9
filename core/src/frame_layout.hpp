#pragma once

#include <cstddef>
#include <cstdint>

// Numbers of the zstd format (RFC 8878, section 3.1) that more than one source needs.

namespace zstdfs {

inline constexpr std::uint32_t kZstdFrameMagic = 0xFD2FB528u;
/// Skippable frames have the magics 0x184D2A50 to 0x184D2A5F.
inline constexpr std::uint32_t kSkippableMagicBase = 0x184D2A50u;
inline constexpr std::uint32_t kSkippableMagicMask = 0xFFFFFFF0u;
inline constexpr std::size_t kSkippableHeaderBytes = 8;

/// Of the frame header descriptor.
inline constexpr unsigned kSingleSegmentFlag = 0x20;
inline constexpr unsigned kReservedFlag = 0x08;
inline constexpr unsigned kChecksumFlag = 0x04;

/// Magic, descriptor, one byte of window or content size, one block header, checksum.
inline constexpr std::size_t kMinDataFrameBytes = 13;
inline constexpr std::size_t kChecksumBytes = 4;
inline constexpr std::size_t kBlockHeaderBytes = 3;
inline constexpr std::uint32_t kMaxBlockBytes = 128u << 10;
inline constexpr std::uint32_t kLastBlockFlag = 1;

enum class BlockType : std::uint32_t { kRaw = 0, kRunLength = 1, kCompressed = 2, kReserved = 3 };

/// The checksum of no content at all, as seek tables list it for skippable frames.
inline constexpr std::uint32_t kEmptyChecksum = 0x51D8E999u;

}  // namespace zstdfs
