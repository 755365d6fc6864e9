#pragma once

#include <cstddef>
#include <cstdint>

// Numbers that tell the frames of zstd's formats from each other, besides those of constants.hpp
// and frames.hpp. Magic numbers are the first four bytes of a frame, in little-endian order.

namespace zstdfs {

/// Skippable frames have the magic numbers 0x184D2A50 to 0x184D2A5F.
inline constexpr std::uint32_t kSkippableMagicBase = 0x184D2A50u;
inline constexpr std::uint32_t kSkippableMagicMask = 0xFFFFFFF0u;

constexpr bool is_skippable_magic(std::uint32_t magic) {
  return (magic & kSkippableMagicMask) == kSkippableMagicBase;
}

/// The skippable frames of a container: docs/format.md.
inline constexpr std::uint32_t kContainerMagic = 0x184D2A55u;
inline constexpr std::uint32_t kPaddingMagic = 0x184D2A56u;
/// The skippable frame that a seek table of the zstd seekable format is, and the end of its footer.
inline constexpr std::uint32_t kSeekTableMagic = 0x184D2A5Eu;
inline constexpr std::uint32_t kSeekableFooterMagic = 0x8F92EAB1u;
inline constexpr std::size_t kSeekTableFooterBytes = 9;

}  // namespace zstdfs
