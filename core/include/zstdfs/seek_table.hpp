#pragma once

#include <optional>

#include "zstdfs/frame_index.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs {

// The seek table of the zstd seekable format 0.1.0, as facebook/zstd's
// contrib/seekable_format/zstd_seekable_compression_format.md describes it.

inline constexpr std::uint32_t kSeekTableMagic = 0x184D2A5Eu;
inline constexpr std::uint32_t kSeekableFooterMagic = 0x8F92EAB1u;
inline constexpr std::size_t kSeekTableOverheadBytes = 17;  ///< frame header and footer
inline constexpr std::size_t kSeekTableEntryBytes = 12;     ///< as zstdfs writes them
inline constexpr std::uint64_t kMaxFrames = std::uint64_t{1} << 27;

/// The seek table of a container with the frames of `index`, as one whole skippable frame, with
/// checksums. Lists the header, and each stored gap as one frame without content.
Bytes encode_seek_table(const FrameIndex& index);

/// Size of what encode_seek_table gives.
std::size_t seek_table_bytes(const FrameIndex& index);

/// A seek table that was found at the end of a file and whose sizes add up to the file's size.
struct SeekTable {
  FrameIndex index;
  std::uint64_t table_offset = 0;
  std::uint64_t table_hash = 0;  ///< XXH64 of the table's frame
};

/// Reads the seek table of a container. Returns nothing when the last bytes are not a seek table,
/// or one that cannot belong to this file: counts and sizes are checked against the file's size
/// before memory is taken for them, the first entry must be the header, and the sums must fit.
/// Throws std::system_error.
std::optional<SeekTable> read_seek_table(const RandomAccessSource& container);

}  // namespace zstdfs
