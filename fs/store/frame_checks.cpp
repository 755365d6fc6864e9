#include "fs/store/frame_checks.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include "fs/os/file.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/format_numbers.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

constexpr std::uint64_t kMaxGapBytes = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kSearchBytes = 1u << 20;
// Bytes that only look like frames could make a search take for ever.
constexpr int kMaxFalseFrames = 100'000;

/// Skips holes, of which a file may have more than anybody can wait for.
std::uint64_t next_data(const RandomAccessSource& source, std::uint64_t offset,
                        std::uint64_t size) {
  const auto* const file = dynamic_cast<const os::File*>(&source);
  if (file == nullptr) return offset;
  try {
    return std::min(file->seek_data(offset), size);
  } catch (const std::system_error& error) {
    return error.code().value() == ENXIO ? size : offset;
  }
}

}  // namespace

std::shared_ptr<const ZSTD_DDict_s> ContainerDictionaries::digested(std::uint32_t id) const {
  try {
    return dictionaries_.digested(id);
  } catch (const MissingDictionaryError&) {
    if (header_id_ == 0 || id == header_id_) throw;
    return nullptr;
  }
}

bool verifies(const RandomAccessSource& source, const FrameEntry& frame,
              const DictionarySource& dictionaries) {
  thread_local Bytes content;
  try {
    if (frame.logical_bytes > kMaxChunkBytes) return is_stored_zero_frame(source, frame);
    if (content.size() < frame.logical_bytes) content.resize(frame.logical_bytes);
    read_frame(source, frame, MutableByteSpan(content).first(frame.logical_bytes), dictionaries);
    return true;
  } catch (const CorruptError&) {
    return false;
  }
}

bool is_well_formed(const RandomAccessSource& source, const FrameEntry& frame) {
  const auto found = find_frame(source, frame.stored_offset);
  const auto* const extent = std::get_if<FrameExtent>(&found);
  const auto entry = extent != nullptr ? as_entry(*extent) : std::nullopt;
  return entry && entry->stored_bytes == frame.stored_bytes &&
         entry->logical_bytes == frame.logical_bytes && entry->checksum == frame.checksum;
}

std::optional<FrameEntry> as_entry(const FrameExtent& extent) {
  if (extent.kind != FrameExtent::Kind::kData || !extent.content_bytes || !extent.checksum ||
      *extent.content_bytes == 0 || *extent.content_bytes > kMaxZeroFrameBytes ||
      extent.stored_bytes > std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return FrameEntry{.stored_offset = extent.stored_offset,
                    .stored_bytes = static_cast<std::uint32_t>(extent.stored_bytes),
                    .logical_bytes = static_cast<std::uint32_t>(*extent.content_bytes),
                    .checksum = *extent.checksum};
}

bool is_without_content(const FrameExtent& extent) {
  return extent.kind == FrameExtent::Kind::kSkippable || extent.content_bytes == 0;
}

bool is_seek_table(const FrameExtent& extent) {
  return extent.kind == FrameExtent::Kind::kSkippable && extent.magic == kSeekTableMagic;
}

bool begins_like_seek_table(const RandomAccessSource& source, std::uint64_t stored_offset) {
  std::array<std::byte, sizeof(kSeekTableMagic)> magic{};
  return source.read_at(stored_offset, magic) == magic.size() &&
         load_le<std::uint32_t>(magic, 0) == kSeekTableMagic;
}

bool is_padding(const RandomAccessSource& source, ByteRange gap) {
  if (gap.bytes > kMaxGapBytes) return false;
  std::uint64_t at = gap.offset;
  while (at < gap.end()) {
    const auto found = find_frame(source, at);
    const auto* const extent = std::get_if<FrameExtent>(&found);
    if (extent == nullptr || !is_without_content(*extent) || is_seek_table(*extent)) return false;
    at += extent->stored_bytes;
  }
  return at == gap.end();
}

std::optional<FrameEntry> find_verified_frame(const RandomAccessSource& source, std::uint64_t from,
                                              const DictionarySource& dictionaries) {
  const std::uint64_t size = source.size();
  Bytes window;
  int false_frames = 0;
  for (std::uint64_t at = from; at < size;) {
    at = next_data(source, at, size);
    window.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kSearchBytes, size - at)));
    window.resize(source.read_at(at, window));
    auto hit = window.begin();
    while (true) {
      hit = std::search(hit, window.end(), kFrameHeader.begin(), kFrameHeader.end());
      if (hit == window.end()) break;
      const auto found = find_frame(source, at + static_cast<std::uint64_t>(hit - window.begin()));
      const auto* const extent = std::get_if<FrameExtent>(&found);
      const auto entry = extent != nullptr ? as_entry(*extent) : std::nullopt;
      if (entry && verifies(source, *entry, dictionaries)) return entry;
      if (++false_frames > kMaxFalseFrames) return std::nullopt;
      ++hit;
    }
    // A magic number may lie across the window's end.
    if (window.size() < kFrameHeader.size() || at + window.size() >= size) break;
    at += window.size() - (kFrameHeader.size() - 1);
  }
  return std::nullopt;
}

}  // namespace zstdfs::store
