#pragma once

#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs {

inline constexpr std::size_t kContainerHeaderBytes = 80;
/// As many bytes at a file's start as tell a container from anything else.
inline constexpr std::size_t kContainerSignatureBytes = 16;
inline constexpr std::uint16_t kContainerVersion = 2;

/// What a container says about itself in its first, skippable frame: docs/format.md, "Header".
///
/// The sums are a cache of the seek table's; they hold only while `stored_bytes` is the size of the
/// file (see is_sealed_for).
struct ContainerHeader {
  std::uint32_t chunk_bytes = kDefaultChunkBytes;
  std::int32_t level = kDefaultLevel;
  std::uint32_t dictionary_id = 0;
  bool long_distance_matching = false;
  /// Written to save bytes rather than blocks: there is no seek table while there is only one data
  /// frame.
  bool compact = false;
  /// Counts the rewrites of committed frames. Appending does not change it. What a journal holds
  /// is meant for one generation only.
  std::uint64_t generation = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  /// The frames below this stored offset were on stable storage when the header was written.
  std::uint64_t durable_bytes = 0;
  /// XXH64 of the whole seek table frame.
  std::uint64_t seek_table_hash = 0;

  bool is_sealed_for(std::uint64_t file_bytes) const { return stored_bytes == file_bytes; }
  friend bool operator==(const ContainerHeader&, const ContainerHeader&) = default;
};

Bytes encode_container_header(const ContainerHeader& header);

/// Whether content that begins with `prefix` is (or would be taken for) a container. False when
/// `prefix` is shorter than kContainerSignatureBytes.
bool has_container_signature(ByteSpan prefix);

/// Decodes a header. `prefix` begins with the signature. Returns nothing when it is cut short or
/// its checksum or a limit does not hold: then only the frames tell. Throws NewerFormatError when
/// the checksum holds and the version is newer than kContainerVersion.
std::optional<ContainerHeader> decode_container_header(ByteSpan prefix);

/// XXH64, seed 0.
std::uint64_t hash64(ByteSpan bytes);

}  // namespace zstdfs
