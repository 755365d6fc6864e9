#pragma once

#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs {

inline constexpr std::size_t kContainerHeaderBytes = 80;
inline constexpr std::size_t kShortHeaderBytes = 56;
/// The most content that a container with a short header has.
inline constexpr std::uint64_t kMaxShortContentBytes = kMinChunkBytes;
inline constexpr std::uint64_t kMaxShortStoredBytes = 65535;
/// As many bytes at a file's start as tell a container from anything else.
inline constexpr std::size_t kContainerSignatureBytes = 16;
inline constexpr std::uint16_t kContainerVersion = 3;

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
  /// In the short form: there is one data frame, no seek table, and the container is compact. Such
  /// a container never changes but as a whole.
  bool is_short = false;
  /// Counts the rewrites of committed frames. Appending does not change it. What a journal holds
  /// is meant for one generation only.
  std::uint64_t generation = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  /// The frames below this stored offset were on stable storage when the header was written. A
  /// short header has all or none: `stored_bytes`, or 0.
  std::uint64_t durable_bytes = 0;
  /// XXH64 of the whole seek table frame, also of one that is left out. Of a short header, only the
  /// low 32 bits.
  std::uint64_t seek_table_hash = 0;

  /// Whether so much content, as one frame, can have the short form.
  bool may_be_short(std::uint64_t content_bytes) const {
    return compact && content_bytes > 0 && content_bytes <= kMaxShortContentBytes;
  }
  std::size_t bytes() const { return is_short ? kShortHeaderBytes : kContainerHeaderBytes; }
  bool is_sealed_for(std::uint64_t file_bytes) const { return stored_bytes == file_bytes; }
  friend bool operator==(const ContainerHeader&, const ContainerHeader&) = default;
};

/// `header.bytes()` bytes.
Bytes encode_container_header(const ContainerHeader& header);

/// Whether `prefix` begins with an intact signature. False when it is shorter than
/// kContainerSignatureBytes.
bool has_container_signature(ByteSpan prefix);

/// Whether content that begins with `prefix` is (or would be taken for) a container: it has the
/// signature, or a header of which nothing is damaged but the first kContainerSignatureBytes, as
/// the hash over all of it tells. Then those are put right. `prefix` are kContainerHeaderBytes, or
/// all that there is.
bool restore_container_signature(MutableByteSpan prefix);

/// Whether the header that `prefix` begins with, intact or not, says that it is of the short form.
bool has_short_header(ByteSpan prefix);

/// Decodes a header. `prefix` begins with the signature. Returns nothing when it is cut short or
/// its checksum or a limit does not hold: then only the frames tell. Throws NewerFormatError when
/// the checksum holds and the version is newer than kContainerVersion.
std::optional<ContainerHeader> decode_container_header(ByteSpan prefix);

/// XXH64, seed 0.
std::uint64_t hash64(ByteSpan bytes);

}  // namespace zstdfs
