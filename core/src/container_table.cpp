#include "zstdfs/container_table.hpp"

#include <limits>
#include <utility>

#include "seek_table_layout.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

// docs/format.md, "Seek table".

namespace zstdfs {
namespace {

SeekTableEntry gap_entry(std::uint64_t stored_bytes) {
  ZSTDFS_ASSERT(stored_bytes <= std::numeric_limits<std::uint32_t>::max());
  return {.stored_bytes = static_cast<std::uint32_t>(stored_bytes), .checksum = kEmptyChecksum};
}

bool is_gap_entry(const SeekTableEntry& entry) {
  return entry.logical_bytes == 0 && entry.checksum == kEmptyChecksum;
}

std::size_t entry_count(const FrameIndex& index) {
  std::size_t count = 1;  // the header
  std::uint64_t end = index.frames_begin();
  for (const FrameEntry& frame : index) {
    count += frame.stored_offset > end ? 2 : 1;
    end = frame.stored_end();
  }
  return count;
}

/// The frames that a table lists, if its entries fill the bytes below `table_offset` exactly.
std::optional<FrameIndex> index_of(ByteSpan table, std::size_t count, std::uint64_t table_offset) {
  const SeekTableShape shape{.entries = count, .has_checksums = true};
  const SeekTableEntry header = load_entry(table, shape, 0);
  if (header.stored_bytes != kContainerHeaderBytes || !is_gap_entry(header)) return std::nullopt;
  FrameIndex index;
  index.reserve(count - 1);
  std::uint64_t offset = kContainerHeaderBytes;
  bool behind_gap = false;
  for (std::size_t i = 1; i < count; ++i) {
    const SeekTableEntry entry = load_entry(table, shape, i);
    if (entry.stored_bytes > table_offset - offset) return std::nullopt;
    if (entry.logical_bytes == 0) {
      if (entry.stored_bytes < kSkippableFrameOverhead || !is_gap_entry(entry)) return std::nullopt;
      if (std::exchange(behind_gap, true)) return std::nullopt;  // They are one.
    } else {
      behind_gap = false;
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

std::size_t container_table_bytes(const FrameIndex& index) {
  return SeekTableShape{.entries = entry_count(index)}.bytes();
}

std::size_t container_overhead_bytes(const ContainerHeader& header, std::size_t frame_count) {
  if (!has_container_table(header, frame_count)) return header.bytes();
  return header.bytes() + SeekTableShape{.entries = frame_count + 1}.bytes();
}

Bytes encode_container_table(const FrameIndex& index) {
  SeekTableEncoder encoder({.entries = entry_count(index)});
  std::uint64_t end = index.frames_begin();
  encoder.append(gap_entry(end));
  for (const FrameEntry& frame : index) {
    if (frame.stored_offset > end) encoder.append(gap_entry(frame.stored_offset - end));
    encoder.append({.stored_bytes = frame.stored_bytes,
                    .logical_bytes = frame.logical_bytes,
                    .checksum = frame.checksum});
    end = frame.stored_end();
  }
  return std::move(encoder).finish();
}

std::uint64_t table_hash_for(const ContainerHeader& header, ByteSpan table) {
  const std::uint64_t hash = hash64(table);
  return header.is_short ? static_cast<std::uint32_t>(hash) : hash;
}

std::optional<ContainerTable> read_container_table(const RandomAccessSource& container) {
  return read_moved_container_table(container, container.size());
}

std::optional<ContainerTable> read_moved_container_table(const RandomAccessSource& container,
                                                         std::uint64_t stored_bytes) {
  const auto found = read_stored_table(container);
  const auto* const table = std::get_if<StoredSeekTable>(&found);
  if (table == nullptr || !table->shape.has_checksums || table->shape.entries == 0 ||
      stored_bytes < kContainerHeaderBytes + table->bytes.size()) {
    return std::nullopt;
  }
  const std::uint64_t table_offset = stored_bytes - table->bytes.size();
  auto index = index_of(table->bytes, table->shape.entries, table_offset);
  if (!index) return std::nullopt;
  return ContainerTable{
      .index = std::move(*index), .table_offset = table_offset, .table_hash = hash64(table->bytes)};
}

}  // namespace zstdfs
