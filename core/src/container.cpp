#include "zstdfs/container.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "container_scan.hpp"
#include "frame_layout.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/zero_frame.hpp"

// docs/format.md, "Opening a container".

namespace zstdfs {
namespace {

/// A container whose header cannot be decoded does not say its chunk size; no chunk is smaller than
/// the largest frame.
std::uint32_t guess_chunk_bytes(const FrameIndex& index) {
  std::uint32_t largest = kDefaultChunkBytes;
  for (const FrameEntry& frame : index) {
    // Zero frames hold runs of any length. A larger frame is damage, which reading it reports.
    if (frame.stored_bytes == zero_frame_bytes(frame.logical_bytes)) continue;
    if (frame.logical_bytes <= kMaxChunkBytes) largest = std::max(largest, frame.logical_bytes);
  }
  return std::bit_ceil(largest);
}

LoadedContainer load_without_header(const RandomAccessSource& source,
                                    const DictionarySource& dictionaries) {
  LoadedContainer result;
  if (auto table = read_container_table(source)) {
    result.index = std::move(table->index);
    result.logical_bytes = result.index.logical_bytes();
    result.damage = "the header is damaged";
  } else {
    result = scan_frames(source, {}, /*trusted_end=*/0, dictionaries);
    if (result.damage.empty()) {
      result.damage = "the header is damaged and there is no usable seek table";
    } else {
      // Nobody can tell how much follows. A frame has at least a byte: reading it is an error, so
      // that what was found is not taken for all.
      ++result.logical_bytes;
      result.damage = "the header is damaged; " + result.damage;
    }
  }
  result.header.chunk_bytes = guess_chunk_bytes(result.index);
  result.header_intact = false;
  return result;
}

bool matches(const FrameIndex& index, const ContainerHeader& header) {
  return table_hash_for(header, encode_container_table(index)) == header.seek_table_hash &&
         index.logical_bytes() == header.logical_bytes;
}

/// The header holds for this file, the seek table does not, or there is none and shall be none: the
/// frames have to tell, and the header says what they must add up to.
LoadedContainer load_without_table(const RandomAccessSource& source, const ContainerHeader& header,
                                   const DictionarySource& dictionaries) {
  // Walking the frames is cheap, and if the table made from them has the hash that the header
  // knows, then they are the right ones. Otherwise each is verified, up to the first that is wrong.
  LoadedContainer result = scan_frames(source, header, /*trusted_end=*/source.size(), dictionaries);
  if (matches(result.index, header)) {
    result.sealed = !has_container_table(header, result.index.size()) &&
                    result.index.frames_end() == header.stored_bytes;
    if (result.sealed) {
      result.logical_bytes = header.logical_bytes;
      return result;
    }
    result.damage = "the seek table is damaged; its content was recovered from the frames";
  } else {
    result = scan_frames(source, header, /*trusted_end=*/0, dictionaries);
    result.damage = result.damage.empty() ? "the seek table is not the one that the header means"
                                          : "the seek table is damaged; " + result.damage;
  }
  result.logical_bytes = std::max(header.logical_bytes, result.index.logical_bytes());
  return result;
}

}  // namespace

ContainerPrefix::ContainerPrefix(const RandomAccessSource& source)
    : count_(source.read_at(0, buffer_)) {
  const auto before = buffer_;
  is_container_ = restore_container_signature(MutableByteSpan(buffer_).first(count_));
  was_damaged_ = buffer_ != before;
}

bool is_container(const RandomAccessSource& source) {
  return ContainerPrefix(source).is_container();
}

std::optional<ContainerHeader> read_container_header(const RandomAccessSource& source) {
  const ContainerPrefix prefix(source);
  return prefix.is_container() ? decode_container_header(prefix.bytes()) : std::nullopt;
}

LoadedContainer load_container(const RandomAccessSource& source,
                               const DictionarySource& dictionaries) {
  const auto header = read_container_header(source);
  if (!header) return load_without_header(source, dictionaries);
  if (!header->is_sealed_for(source.size())) {
    // An append was interrupted. A seek table at the end, if there is one, may be older than frames
    // before it, or be from a write whose frames never reached the disk; only frames are believed.
    return scan_frames(source, *header, header->durable_bytes, dictionaries);
  }
  auto table = header->is_short ? std::nullopt : read_container_table(source);
  if (!table || table->table_hash != header->seek_table_hash ||
      table->index.logical_bytes() != header->logical_bytes) {
    return load_without_table(source, *header, dictionaries);
  }
  LoadedContainer result;
  result.header = *header;
  result.header_intact = true;
  result.index = std::move(table->index);
  result.sealed = true;
  result.logical_bytes = header->logical_bytes;
  return result;
}

LoadedContainer scan_container(const RandomAccessSource& source, ScanTrust trust,
                               const DictionarySource& dictionaries) {
  const auto header = read_container_header(source);
  const bool trusting = header && trust == ScanTrust::kDurableFrames;
  return scan_frames(source, header, trusting ? header->durable_bytes : 0, dictionaries);
}

std::uint64_t logical_size(const RandomAccessSource& source, const DictionarySource& dictionaries) {
  const auto header = read_container_header(source);
  if (header && header->is_sealed_for(source.size())) return header->logical_bytes;
  if (!header && !is_container(source)) return source.size();
  return load_container(source, dictionaries).logical_bytes;
}

}  // namespace zstdfs
