#include "zstdfs/container_header.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "zstdfs/errors.hpp"

// docs/format.md, "Header".

namespace zstdfs {
namespace {

constexpr std::array<unsigned char, kContainerSignatureBytes> kSignature = {
    0x55, 0x2A, 0x4D, 0x18,                         // skippable frame magic 0x184D2A55
    72,   0,    0,    0,                            // size of its payload
    'z',  's',  't',  'd',  'f', 's', 0x0D, 0x0A};  // the line end shows a text-mode transfer

constexpr std::uint16_t kLongDistanceFlag = 1;
constexpr std::uint16_t kCompactFlag = 2;
constexpr std::uint16_t kKnownFlags = kLongDistanceFlag | kCompactFlag;

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
constexpr std::size_t kHeaderHashAt = 72;

/// Sizes are file sizes: off_t is signed.
constexpr std::uint64_t kMaxFileBytes = std::numeric_limits<std::int64_t>::max();

bool limits_hold(const ContainerHeader& header) {
  return header.chunk_bytes >= kMinChunkBytes && header.chunk_bytes <= kMaxChunkBytes &&
         header.level >= ZSTD_minCLevel() && header.level <= ZSTD_maxCLevel() &&
         header.logical_bytes <= kMaxFileBytes && header.stored_bytes <= kMaxFileBytes &&
         header.durable_bytes <= kMaxFileBytes;
}

std::uint16_t flags_of(const ContainerHeader& header) {
  return static_cast<std::uint16_t>((header.long_distance_matching ? kLongDistanceFlag : 0) |
                                    (header.compact ? kCompactFlag : 0));
}

/// Version 1 has no flags; what needs none is still written so, and older programs read it.
std::uint16_t version_for(std::uint16_t flags) {
  return flags == 0 ? 1 : 2;
}

}  // namespace

std::uint64_t hash64(ByteSpan bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

Bytes encode_container_header(const ContainerHeader& header) {
  ZSTDFS_ASSERT(limits_hold(header));
  Bytes bytes(kContainerHeaderBytes);
  const MutableByteSpan out(bytes);
  std::ranges::copy(std::as_bytes(std::span(kSignature)), bytes.begin());
  store_le(out, kVersionAt, version_for(flags_of(header)));
  store_le(out, kFlagsAt, flags_of(header));
  store_le(out, kChunkBytesAt, header.chunk_bytes);
  store_le(out, kLevelAt, header.level);
  store_le(out, kDictionaryIdAt, header.dictionary_id);
  store_le(out, kGenerationAt, header.generation);
  store_le(out, kLogicalBytesAt, header.logical_bytes);
  store_le(out, kStoredBytesAt, header.stored_bytes);
  store_le(out, kDurableBytesAt, header.durable_bytes);
  store_le(out, kSeekTableHashAt, header.seek_table_hash);
  store_le(out, kHeaderHashAt, hash64(out.first(kHeaderHashAt)));
  return bytes;
}

bool has_container_signature(ByteSpan prefix) {
  return prefix.size() >= kContainerSignatureBytes &&
         std::ranges::equal(prefix.first(kContainerSignatureBytes),
                            std::as_bytes(std::span(kSignature)));
}

std::optional<ContainerHeader> decode_container_header(ByteSpan prefix) {
  if (prefix.size() < kContainerHeaderBytes || !has_container_signature(prefix)) {
    return std::nullopt;
  }
  if (load_le<std::uint64_t>(prefix, kHeaderHashAt) != hash64(prefix.first(kHeaderHashAt))) {
    return std::nullopt;
  }
  const auto version = load_le<std::uint16_t>(prefix, kVersionAt);
  if (version > kContainerVersion) {
    throw NewerFormatError("the file has container version " + std::to_string(version) +
                           "; this program reads versions up to " +
                           std::to_string(kContainerVersion));
  }
  const auto flags = load_le<std::uint16_t>(prefix, kFlagsAt);
  if (version != version_for(flags) || (flags & ~kKnownFlags) != 0) {
    return std::nullopt;
  }
  ContainerHeader header;
  header.long_distance_matching = (flags & kLongDistanceFlag) != 0;
  header.compact = (flags & kCompactFlag) != 0;
  header.chunk_bytes = load_le<std::uint32_t>(prefix, kChunkBytesAt);
  header.level = load_le<std::int32_t>(prefix, kLevelAt);
  header.dictionary_id = load_le<std::uint32_t>(prefix, kDictionaryIdAt);
  header.generation = load_le<std::uint64_t>(prefix, kGenerationAt);
  header.logical_bytes = load_le<std::uint64_t>(prefix, kLogicalBytesAt);
  header.stored_bytes = load_le<std::uint64_t>(prefix, kStoredBytesAt);
  header.durable_bytes = load_le<std::uint64_t>(prefix, kDurableBytesAt);
  header.seek_table_hash = load_le<std::uint64_t>(prefix, kSeekTableHashAt);
  if (!limits_hold(header)) return std::nullopt;
  return header;
}

}  // namespace zstdfs
