#include "zstdfs/container_header.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"

// docs/format.md, "Header".

namespace zstdfs {
namespace {

// The line end shows a text-mode transfer.
constexpr std::array<char, 8> kTag = {'z', 's', 't', 'd', 'f', 's', '\r', '\n'};

constexpr std::uint16_t kLongDistanceFlag = 1;
constexpr std::uint16_t kCompactFlag = 2;
constexpr std::uint16_t kDurableFlag = 4;  // of short headers only
constexpr std::uint16_t kShortVersion = 3;

constexpr std::size_t kPayloadBytesAt = 4;
constexpr std::size_t kTagAt = 8;
constexpr std::size_t kVersionAt = 16;
constexpr std::size_t kFlagsAt = 18;
constexpr std::size_t kChunkBytesAt = 20;
constexpr std::size_t kLevelAt = 24;
constexpr std::size_t kDictionaryIdAt = 28;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kLogicalBytesAt = 40;
constexpr std::size_t kStoredBytesAt = 48;
constexpr std::size_t kDurableBytesAt = 56;
constexpr std::size_t kSeekTableHashAt = 64;

constexpr std::size_t kShortLogicalBytesAt = 32;
constexpr std::size_t kShortStoredBytesAt = 34;
constexpr std::size_t kShortTableHashAt = 36;
constexpr std::size_t kShortGenerationAt = 40;

// Both forms end with a hash of all before.
constexpr std::size_t kHashBytes = 8;

/// Sizes are file sizes: off_t is signed.
constexpr std::uint64_t kMaxFileBytes = std::numeric_limits<std::int64_t>::max();

bool limits_hold(const ContainerHeader& header) {
  if (header.is_short &&
      (!header.may_be_short(header.logical_bytes) || header.stored_bytes <= kShortHeaderBytes ||
       header.stored_bytes > kMaxShortStoredBytes)) {
    return false;
  }
  return header.chunk_bytes >= kMinChunkBytes && header.chunk_bytes <= kMaxChunkBytes &&
         header.level >= ZSTD_minCLevel() && header.level <= ZSTD_maxCLevel() &&
         header.logical_bytes <= kMaxFileBytes && header.stored_bytes <= kMaxFileBytes &&
         header.durable_bytes <= kMaxFileBytes;
}

/// Of a header of so many bytes.
void store_signature(MutableByteSpan out, std::size_t header_bytes) {
  store_le(out, 0, kContainerMagic);
  store_le(out, kPayloadBytesAt,
           static_cast<std::uint32_t>(header_bytes - kSkippableFrameOverhead));
  std::ranges::copy(std::as_bytes(std::span(kTag)), out.begin() + kTagAt);
}

std::uint16_t flags_of(const ContainerHeader& header) {
  const bool durable = header.is_short && header.durable_bytes == header.stored_bytes;
  return static_cast<std::uint16_t>((header.long_distance_matching ? kLongDistanceFlag : 0) |
                                    (header.compact ? kCompactFlag : 0) |
                                    (durable ? kDurableFlag : 0));
}

std::uint16_t known_flags(bool is_short) {
  return kLongDistanceFlag | kCompactFlag | (is_short ? kDurableFlag : 0);
}

/// Version 1 has no flags; what needs none is still written so, and older programs read it.
std::uint16_t version_for(std::uint16_t flags, bool is_short) {
  if (is_short) return kShortVersion;
  return flags == 0 ? 1 : 2;
}

void store_sizes(MutableByteSpan out, const ContainerHeader& header) {
  store_le(out, kGenerationAt, header.generation);
  store_le(out, kLogicalBytesAt, header.logical_bytes);
  store_le(out, kStoredBytesAt, header.stored_bytes);
  store_le(out, kDurableBytesAt, header.durable_bytes);
  store_le(out, kSeekTableHashAt, header.seek_table_hash);
}

void store_short_sizes(MutableByteSpan out, const ContainerHeader& header) {
  store_le(out, kShortLogicalBytesAt, static_cast<std::uint16_t>(header.logical_bytes));
  store_le(out, kShortStoredBytesAt, static_cast<std::uint16_t>(header.stored_bytes));
  store_le(out, kShortTableHashAt, static_cast<std::uint32_t>(header.seek_table_hash));
  store_le(out, kShortGenerationAt, header.generation);
}

void load_sizes(ByteSpan bytes, ContainerHeader& header) {
  header.generation = load_le<std::uint64_t>(bytes, kGenerationAt);
  header.logical_bytes = load_le<std::uint64_t>(bytes, kLogicalBytesAt);
  header.stored_bytes = load_le<std::uint64_t>(bytes, kStoredBytesAt);
  header.durable_bytes = load_le<std::uint64_t>(bytes, kDurableBytesAt);
  header.seek_table_hash = load_le<std::uint64_t>(bytes, kSeekTableHashAt);
}

void load_short_sizes(ByteSpan bytes, std::uint16_t flags, ContainerHeader& header) {
  header.generation = load_le<std::uint64_t>(bytes, kShortGenerationAt);
  header.logical_bytes = load_le<std::uint16_t>(bytes, kShortLogicalBytesAt);
  header.stored_bytes = load_le<std::uint16_t>(bytes, kShortStoredBytesAt);
  header.durable_bytes = (flags & kDurableFlag) != 0 ? header.stored_bytes : 0;
  header.seek_table_hash = load_le<std::uint32_t>(bytes, kShortTableHashAt);
}

/// The bytes of the header, of whatever form, that `prefix` begins with, if they are all there and
/// their hash holds. Larger ones than those known are
/// not looked for.
std::optional<ByteSpan> hashed_header(ByteSpan prefix) {
  if (!has_container_signature(prefix)) return std::nullopt;
  const std::uint64_t bytes =
      kSkippableFrameOverhead + std::uint64_t{load_le<std::uint32_t>(prefix, kPayloadBytesAt)};
  if (bytes < kChunkBytesAt + kHashBytes ||
      bytes > std::min(prefix.size(), kContainerHeaderBytes)) {
    return std::nullopt;
  }
  const ByteSpan header = prefix.first(static_cast<std::size_t>(bytes));
  const std::size_t hash_at = header.size() - kHashBytes;
  if (load_le<std::uint64_t>(header, hash_at) != hash64(header.first(hash_at))) return std::nullopt;
  return header;
}

}  // namespace

std::uint64_t hash64(ByteSpan bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

Bytes encode_container_header(const ContainerHeader& header) {
  ZSTDFS_ASSERT(limits_hold(header));
  Bytes bytes(header.bytes());
  const MutableByteSpan out(bytes);
  store_signature(out, bytes.size());
  const std::uint16_t flags = flags_of(header);
  store_le(out, kVersionAt, version_for(flags, header.is_short));
  store_le(out, kFlagsAt, flags);
  store_le(out, kChunkBytesAt, header.chunk_bytes);
  store_le(out, kLevelAt, header.level);
  store_le(out, kDictionaryIdAt, header.dictionary_id);
  if (header.is_short) {
    store_short_sizes(out, header);
  } else {
    store_sizes(out, header);
  }
  const std::size_t hash_at = bytes.size() - kHashBytes;
  store_le(out, hash_at, hash64(out.first(hash_at)));
  return bytes;
}

bool has_container_signature(ByteSpan prefix) {
  return prefix.size() >= kContainerSignatureBytes &&
         load_le<std::uint32_t>(prefix, 0) == kContainerMagic &&
         std::ranges::equal(prefix.subspan(kTagAt, kTag.size()), std::as_bytes(std::span(kTag)));
}

bool restore_container_signature(MutableByteSpan prefix) {
  const bool has_signature = has_container_signature(prefix);
  if (has_signature && hashed_header(prefix)) return true;
  for (const std::size_t bytes : {kContainerHeaderBytes, kShortHeaderBytes}) {
    if (prefix.size() < bytes) continue;
    std::array<std::byte, kContainerHeaderBytes> restored{};
    std::ranges::copy(prefix.first(bytes), restored.begin());
    store_signature(restored, bytes);
    if (!hashed_header(ByteSpan(restored).first(bytes))) continue;
    store_signature(prefix, bytes);
    return true;
  }
  return has_signature;
}

bool has_short_header(ByteSpan prefix) {
  return has_container_signature(prefix) && load_le<std::uint32_t>(prefix, kPayloadBytesAt) ==
                                                kShortHeaderBytes - kSkippableFrameOverhead;
}

std::optional<ContainerHeader> decode_container_header(ByteSpan prefix) {
  const auto bytes = hashed_header(prefix);
  if (!bytes) return std::nullopt;
  const auto version = load_le<std::uint16_t>(*bytes, kVersionAt);
  if (version > kContainerVersion) {
    throw NewerFormatError("the file has container version " + std::to_string(version) +
                           "; this program reads versions up to " +
                           std::to_string(kContainerVersion));
  }
  ContainerHeader header;
  header.is_short = bytes->size() == kShortHeaderBytes;
  const auto flags = load_le<std::uint16_t>(*bytes, kFlagsAt);
  if (bytes->size() != header.bytes() || version != version_for(flags, header.is_short) ||
      (flags & ~known_flags(header.is_short)) != 0) {
    return std::nullopt;
  }
  header.long_distance_matching = (flags & kLongDistanceFlag) != 0;
  header.compact = (flags & kCompactFlag) != 0;
  header.chunk_bytes = load_le<std::uint32_t>(*bytes, kChunkBytesAt);
  header.level = load_le<std::int32_t>(*bytes, kLevelAt);
  header.dictionary_id = load_le<std::uint32_t>(*bytes, kDictionaryIdAt);
  if (header.is_short) {
    load_short_sizes(*bytes, flags, header);
  } else {
    load_sizes(*bytes, header);
  }
  if (!limits_hold(header)) return std::nullopt;
  return header;
}

}  // namespace zstdfs
