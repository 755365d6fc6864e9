#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "frame_layout.hpp"
#include "zstdfs/source.hpp"

// How a seek table of the zstd seekable format 0.1.0 lies in its file: a skippable frame, the last
// of the file, of entries and a footer. Its description is zstd's
// contrib/seekable_format/zstd_seekable_compression_format.md. What the entries may say is for
// those who read them.

namespace zstdfs {

inline constexpr std::uint64_t kMaxSeekTableFrames = std::uint64_t{1} << 27;

/// What a seek table says of one frame.
struct SeekTableEntry {
  std::uint32_t stored_bytes = 0;
  std::uint32_t logical_bytes = 0;
  std::uint32_t checksum = 0;
};

/// What tells where in a table everything lies.
struct SeekTableShape {
  std::size_t entries = 0;
  bool has_checksums = true;

  std::size_t entry_bytes() const { return has_checksums ? 12 : 8; }
  std::size_t entry_at(std::size_t i) const { return kSkippableFrameOverhead + i * entry_bytes(); }
  std::size_t footer_at() const { return entry_at(entries); }
  /// Of the whole frame.
  std::size_t bytes() const { return footer_at() + kSeekTableFooterBytes; }
};

/// Reads entry `i` of a table of that shape.
inline SeekTableEntry load_entry(ByteSpan table, const SeekTableShape& shape, std::size_t i) {
  const std::size_t at = shape.entry_at(i);
  return {.stored_bytes = load_le<std::uint32_t>(table, at),
          .logical_bytes = load_le<std::uint32_t>(table, at + 4),
          .checksum = shape.has_checksums ? load_le<std::uint32_t>(table, at + 8) : 0};
}

/// Makes a table, entry by entry.
class SeekTableEncoder {
 public:
  /// Precondition: no more than kMaxSeekTableFrames entries.
  explicit SeekTableEncoder(const SeekTableShape& shape);

  /// The checksum is left out of tables without them.
  void append(const SeekTableEntry& entry);
  /// The whole frame. Precondition: as many entries were appended as the shape has.
  Bytes finish() &&;

 private:
  SeekTableShape shape_;
  Bytes table_;
  std::size_t appended_ = 0;
};

/// A table as it was found at the end of a source: its frame header and its footer hold, its
/// entries were not looked at. There are no more than the source has room for, with their frames.
struct StoredSeekTable {
  SeekTableShape shape;
  std::uint64_t table_offset = 0;
  Bytes bytes;
};

/// Why there is none.
struct NoSeekTable {
  /// The source ends in the footer's magic, but the rest does not hold. Otherwise it just ends in
  /// something else.
  bool is_malformed = false;
  std::uint64_t stored_offset = 0;
  std::string reason;
};

/// Reads what a source ends in. Takes no memory before footer and size agree; for a large table
/// not before its frame header was seen. Throws std::system_error.
std::variant<StoredSeekTable, NoSeekTable> read_stored_table(const RandomAccessSource& source);

}  // namespace zstdfs
