#include "seek_table_layout.hpp"

#include <algorithm>
#include <array>

#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

// Of the footer.
constexpr std::size_t kDescriptorAt = 4;
constexpr std::size_t kFooterMagicAt = 5;
constexpr unsigned kChecksumsBit = 0x80;
constexpr unsigned kReservedBits = 0x7C;  // the format says that readers ignore the lowest two

/// The frame header of a table up to this size is read together with the rest.
constexpr std::size_t kSmallTableBytes = 64u << 10;

using Footer = std::array<std::byte, kSeekTableFooterBytes>;

NoSeekTable malformed(std::uint64_t stored_offset, std::string reason) {
  return {.is_malformed = true, .stored_offset = stored_offset, .reason = std::move(reason)};
}

/// What the footer of a file of `file_bytes` says, if a table like that has room there: each frame
/// takes some bytes itself.
std::variant<SeekTableShape, NoSeekTable> plausible_shape(ByteSpan footer,
                                                          std::uint64_t file_bytes) {
  const std::uint64_t footer_at = file_bytes - kSeekTableFooterBytes;
  if (load_le<std::uint32_t>(footer, kFooterMagicAt) != kSeekableFooterMagic) return NoSeekTable{};
  const auto descriptor = std::to_integer<unsigned>(footer[kDescriptorAt]);
  if ((descriptor & kReservedBits) != 0) {
    return malformed(footer_at + kDescriptorAt, "reserved bits of the seek table are set");
  }
  const auto count = load_le<std::uint32_t>(footer, 0);
  if (count > kMaxSeekTableFrames) {
    return malformed(footer_at, "the seek table claims " + std::to_string(count) +
                                    " frames, more than the format allows");
  }
  const SeekTableShape shape{.entries = count, .has_checksums = (descriptor & kChecksumsBit) != 0};
  if (shape.bytes() + std::uint64_t{count} * kSkippableFrameOverhead > file_bytes) {
    return malformed(footer_at, "the seek table claims " + std::to_string(count) +
                                    " frames, more than the file has room for");
  }
  return shape;
}

bool is_header_of(ByteSpan header, const SeekTableShape& shape) {
  return header.size() >= kSkippableFrameOverhead &&
         load_le<std::uint32_t>(header, 0) == kSeekTableMagic &&
         load_le<std::uint32_t>(header, 4) == shape.bytes() - kSkippableFrameOverhead;
}

}  // namespace

SeekTableEncoder::SeekTableEncoder(const SeekTableShape& shape)
    : shape_(shape), table_(shape.bytes()) {
  ZSTDFS_ASSERT(shape.entries <= kMaxSeekTableFrames);
  const MutableByteSpan table(table_);
  store_le(table, 0, kSeekTableMagic);
  store_le(table, 4, static_cast<std::uint32_t>(shape.bytes() - kSkippableFrameOverhead));
  const MutableByteSpan footer = table.subspan(shape.footer_at());
  store_le(footer, 0, static_cast<std::uint32_t>(shape.entries));
  footer[kDescriptorAt] = std::byte(shape.has_checksums ? kChecksumsBit : 0);
  store_le(footer, kFooterMagicAt, kSeekableFooterMagic);
}

void SeekTableEncoder::append(const SeekTableEntry& entry) {
  ZSTDFS_ASSERT(appended_ < shape_.entries);
  const MutableByteSpan table(table_);
  const std::size_t at = shape_.entry_at(appended_++);
  store_le(table, at, entry.stored_bytes);
  store_le(table, at + 4, entry.logical_bytes);
  if (shape_.has_checksums) store_le(table, at + 8, entry.checksum);
}

Bytes SeekTableEncoder::finish() && {
  ZSTDFS_ASSERT(appended_ == shape_.entries);
  return std::move(table_);
}

std::variant<StoredSeekTable, NoSeekTable> read_stored_table(const RandomAccessSource& source) {
  const std::uint64_t file_bytes = source.size();
  Footer footer;
  if (file_bytes < footer.size()) return NoSeekTable{};
  if (source.read_at(file_bytes - footer.size(), footer) != footer.size()) return NoSeekTable{};
  const auto plausible = plausible_shape(footer, file_bytes);
  if (const auto* none = std::get_if<NoSeekTable>(&plausible)) return *none;

  StoredSeekTable table;
  table.shape = std::get<SeekTableShape>(plausible);
  const std::size_t table_bytes = table.shape.bytes();
  table.table_offset = file_bytes - table_bytes;
  const auto wrong_header = [&] {
    return malformed(table.table_offset, "expected the frame header of a seek table of " +
                                             std::to_string(table.shape.entries) + " frames");
  };
  if (table_bytes > kSmallTableBytes) {
    std::array<std::byte, kSkippableFrameOverhead> header;
    const std::size_t n = source.read_at(table.table_offset, header);
    if (!is_header_of(ByteSpan(header).first(n), table.shape)) return wrong_header();
  }
  table.bytes.resize(table_bytes);
  if (source.read_at(table.table_offset, table.bytes) != table_bytes) {
    return malformed(table.table_offset, "the seek table is cut off");
  }
  if (!is_header_of(table.bytes, table.shape)) return wrong_header();
  // The file may have changed since the footer was read: the entries are those of this table.
  if (!std::ranges::equal(ByteSpan(table.bytes).last(footer.size()), footer)) {
    return malformed(table.table_offset, "the seek table was changed while it was read");
  }
  return table;
}

}  // namespace zstdfs
