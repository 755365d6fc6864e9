#pragma once

#include <optional>

#include "zstdfs/container_header.hpp"
#include "zstdfs/frame_index.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs {

// The seek tables of zstdfs' containers: docs/format.md, "Seek table". For those of any seekable
// file see zstdfs/seek_table.hpp.

/// The seek table of a container with the frames of `index`, as one whole skippable frame, with
/// checksums. Lists the header, and each stored gap as one frame without content.
Bytes encode_container_table(const FrameIndex& index);

/// Size of what encode_container_table gives.
std::size_t container_table_bytes(const FrameIndex& index);

/// The part of a seek table's hash that such a header has room for.
std::uint64_t table_hash_for(const ContainerHeader& header, ByteSpan table);

/// Whether a container with this header and so many frames ends in a seek table.
inline bool has_container_table(const ContainerHeader& header, std::size_t frame_count) {
  return !header.compact || frame_count > 1;
}

/// Stored bytes of the header and the seek table, if any, of such a container with so many frames
/// without gaps.
std::size_t container_overhead_bytes(const ContainerHeader& header, std::size_t frame_count);

/// A seek table that was found at the end of a file and whose sizes add up to the file's size.
struct ContainerTable {
  FrameIndex index;
  std::uint64_t table_offset = 0;
  std::uint64_t table_hash = 0;  ///< XXH64 of the table's frame
};

/// Reads the seek table of a container. Returns nothing when the last bytes are not a seek table,
/// or one that cannot belong to this file: counts and sizes are checked against the file's size
/// before memory is taken for them, the first entry must be the header, and the sums must fit.
/// Throws std::system_error.
std::optional<ContainerTable> read_container_table(const RandomAccessSource& container);

/// The same for the table of a file that had `stored_bytes` when it was made, and has lost or got
/// bytes before its table since. The offsets are those of then.
std::optional<ContainerTable> read_moved_container_table(const RandomAccessSource& container,
                                                         std::uint64_t stored_bytes);

}  // namespace zstdfs
