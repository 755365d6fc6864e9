#include "zstdfs/seek_table.hpp"

#include <algorithm>
#include <limits>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

// docs/format.md, "Seek table".

namespace zstdfs {
namespace {

constexpr std::size_t kFooterBytes = 9;
constexpr std::byte kDescriptor{0x80};             // checksums present, reserved bits 0
constexpr std::byte kCheckedDescriptorBits{0xFC};  // the format says that readers ignore the rest

/// What a seek table says of one frame.
struct TableEntry {
  std::uint32_t stored_bytes = 0;
  std::uint32_t logical_bytes = 0;
  std::uint32_t checksum = 0;
};

void append_entry(Bytes& out, std::uint64_t stored_bytes, std::uint32_t logical_bytes,
                  std::uint32_t checksum) {
  ZSTDFS_ASSERT(stored_bytes <= std::numeric_limits<std::uint32_t>::max());
  append_le(out, static_cast<std::uint32_t>(stored_bytes));
  append_le(out, logical_bytes);
  append_le(out, checksum);
}

TableEntry load_entry(ByteSpan table, std::size_t i) {
  const std::size_t at = kSkippableHeaderBytes + i * kSeekTableEntryBytes;
  return {.stored_bytes = load_le<std::uint32_t>(table, at),
          .logical_bytes = load_le<std::uint32_t>(table, at + 4),
          .checksum = load_le<std::uint32_t>(table, at + 8)};
}

std::size_t entry_count(const FrameIndex& index) {
  std::size_t count = 1;  // the header
  std::uint64_t end = kContainerHeaderBytes;
  for (const FrameEntry& frame : index) {
    count += frame.stored_offset > end ? 2 : 1;
    end = frame.stored_end();
  }
  return count;
}

std::size_t table_bytes(std::size_t count) {
  return kSeekTableOverheadBytes + count * kSeekTableEntryBytes;
}

/// The number of frames that the footer gives, if `footer` is one and a table of so many frames
/// can belong to a file of `file_bytes`: each frame takes some bytes itself.
std::optional<std::size_t> plausible_count(ByteSpan footer, std::uint64_t file_bytes) {
  if (load_le<std::uint32_t>(footer, 5) != kSeekableFooterMagic) return std::nullopt;
  if ((footer[4] & kCheckedDescriptorBits) != kDescriptor) return std::nullopt;
  const std::uint64_t count = load_le<std::uint32_t>(footer, 0);
  if (count == 0 || count > kMaxFrames) return std::nullopt;
  const std::uint64_t least_bytes =
      kSeekTableOverheadBytes + count * (kSeekTableEntryBytes + kSkippableHeaderBytes);
  if (least_bytes > file_bytes) return std::nullopt;
  return static_cast<std::size_t>(count);
}

/// The frames that a table lists, if its entries fill the bytes below `table_offset` exactly.
std::optional<FrameIndex> index_of(ByteSpan table, std::size_t count, std::uint64_t table_offset) {
  const TableEntry header = load_entry(table, 0);
  if (header.stored_bytes != kContainerHeaderBytes || header.logical_bytes != 0 ||
      header.checksum != kEmptyChecksum) {
    return std::nullopt;
  }
  FrameIndex index;
  index.reserve(count - 1);
  std::uint64_t offset = kContainerHeaderBytes;
  for (std::size_t i = 1; i < count; ++i) {
    const TableEntry entry = load_entry(table, i);
    if (entry.stored_bytes > table_offset - offset) return std::nullopt;
    if (entry.logical_bytes == 0) {
      if (entry.stored_bytes < kSkippableHeaderBytes || entry.checksum != kEmptyChecksum) {
        return std::nullopt;
      }
    } else {
      if (entry.stored_bytes < kMinDataFrameBytes || entry.logical_bytes > kMaxZeroFrameBytes) {
        return std::nullopt;
      }
      index.append(offset, entry.stored_bytes, entry.logical_bytes, entry.checksum);
    }
    offset += entry.stored_bytes;
  }
  if (offset != table_offset) return std::nullopt;
  return index;
}

}  // namespace

std::size_t seek_table_bytes(const FrameIndex& index) {
  return table_bytes(entry_count(index));
}

Bytes encode_seek_table(const FrameIndex& index) {
  const std::size_t count = entry_count(index);
  ZSTDFS_ASSERT(count <= kMaxFrames);
  Bytes table;
  table.reserve(table_bytes(count));
  append_le(table, kSeekTableMagic);
  append_le(table, static_cast<std::uint32_t>(count * kSeekTableEntryBytes + kFooterBytes));
  append_entry(table, kContainerHeaderBytes, 0, kEmptyChecksum);
  std::uint64_t end = kContainerHeaderBytes;
  for (const FrameEntry& frame : index) {
    if (frame.stored_offset > end)
      append_entry(table, frame.stored_offset - end, 0, kEmptyChecksum);
    append_entry(table, frame.stored_bytes, frame.logical_bytes, frame.checksum);
    end = frame.stored_end();
  }
  append_le(table, static_cast<std::uint32_t>(count));
  table.push_back(kDescriptor);
  append_le(table, kSeekableFooterMagic);
  return table;
}

std::optional<SeekTable> read_seek_table(const RandomAccessSource& container) {
  const std::uint64_t file_bytes = container.size();
  if (file_bytes < kContainerHeaderBytes + kSeekTableOverheadBytes) return std::nullopt;
  std::array<std::byte, kFooterBytes> footer;
  if (container.read_at(file_bytes - kFooterBytes, footer) != kFooterBytes) return std::nullopt;
  const auto count = plausible_count(footer, file_bytes);
  if (!count) return std::nullopt;

  Bytes table(table_bytes(*count));
  const std::uint64_t table_offset = file_bytes - table.size();
  if (table_offset < kContainerHeaderBytes) return std::nullopt;
  if (container.read_at(table_offset, table) != table.size()) return std::nullopt;
  if (load_le<std::uint32_t>(table, 0) != kSeekTableMagic ||
      load_le<std::uint32_t>(table, 4) != table.size() - kSkippableHeaderBytes) {
    return std::nullopt;
  }
  // The file may have changed since the footer was read: the entries are those of this table.
  if (!std::ranges::equal(ByteSpan(table).last(kFooterBytes), footer)) return std::nullopt;
  auto index = index_of(table, *count, table_offset);
  if (!index) return std::nullopt;
  return SeekTable{
      .index = std::move(*index), .table_offset = table_offset, .table_hash = hash64(table)};
}

}  // namespace zstdfs
