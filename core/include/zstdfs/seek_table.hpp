#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "zstdfs/bytes.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs {

// The zstd seekable format 0.1.0: frames, one behind the other, and a skippable frame at the end,
// the seek table, which lists them. Any zstd decoder reads such a file.

/// Whether a seek table has checksums of the frames' contents.
enum class SeekTableChecksums {
  kAbsent,
  kPresent,
};

/// One frame as a seek table knows it. Skippable frames hold no content.
struct SeekableFrame {
  std::uint64_t compressed_offset = 0;
  std::uint64_t decompressed_offset = 0;
  std::uint32_t compressed_size = 0;
  std::uint32_t decompressed_size = 0;
  /// The low 32 bits of XXH64 (seed 0) of the content; of tables with checksums only.
  std::optional<std::uint32_t> checksum;

  std::uint64_t compressed_end() const { return compressed_offset + compressed_size; }
  std::uint64_t decompressed_end() const { return decompressed_offset + decompressed_size; }
  friend bool operator==(const SeekableFrame&, const SeekableFrame&) = default;
};

/// The frames of a seekable file, in order and without gaps, detached from the file: it can be kept
/// elsewhere, and made for files that have none.
///
/// Thread safety: const methods may run concurrently. Memory: 32 bytes for each frame.
class SeekTable {
 public:
  explicit SeekTable(SeekTableChecksums checksums = SeekTableChecksums::kPresent)
      : checksums_(checksums) {}

  std::size_t frame_count() const { return frames_.size(); }
  /// Precondition: i < frame_count().
  const SeekableFrame& operator[](std::size_t i) const { return frames_[i]; }
  auto begin() const { return frames_.begin(); }
  auto end() const { return frames_.end(); }

  /// Bytes of all frames together, which is where a file's own table begins.
  std::uint64_t compressed_size() const {
    return frames_.empty() ? 0 : frames_.back().compressed_end();
  }
  /// Bytes of all frames' contents together.
  std::uint64_t decompressed_size() const {
    return frames_.empty() ? 0 : frames_.back().decompressed_end();
  }
  bool has_checksums() const { return checksums_ == SeekTableChecksums::kPresent; }
  SeekTableChecksums checksums() const { return checksums_; }

  /// The number of the frame whose content has the byte at `decompressed_offset`; nothing beyond
  /// the end.
  std::optional<std::size_t> find(std::uint64_t decompressed_offset) const;

  /// What is to be listed of a frame.
  struct NewFrame {
    std::uint64_t compressed_size = 0;
    std::uint64_t decompressed_size = 0;
    /// Not needed for frames without content, and not kept by tables without checksums.
    std::optional<std::uint32_t> checksum = std::nullopt;
  };
  /// Adds a frame at the end. Throws ZstdError (frameIndex_tooLarge) when the format cannot list
  /// it: more than 2^27 frames, sizes that take more than 32 bits; std::invalid_argument when a
  /// frame has less than the 8 bytes that every frame has, or lacks its checksum. The table is then
  /// as it was.
  void append(const NewFrame& frame);
  /// Throws ZstdError (frameIndex_tooLarge) when so many more frames cannot be appended.
  void check_room_for(std::uint64_t frames) const;
  void reserve(std::size_t frame_count) { frames_.reserve(frame_count); }

  /// The table as it stands at a file's end: one whole skippable frame.
  Bytes encode() const;
  /// Size of what encode() gives.
  std::size_t encoded_size() const;

  friend bool operator==(const SeekTable&, const SeekTable&) = default;

 private:
  SeekTableChecksums checksums_;
  std::vector<SeekableFrame> frames_;
};

/// Reads the table at the end of a seekable file. Returns nothing when the file does not end like
/// one. Throws CorruptError when it does, but the table is malformed or is not that of this file:
/// reserved bits, more frames than the format allows or the file has room for, a frame header that
/// does not fit, sizes that do not add up to exactly the bytes before the table; std::system_error
/// from the source. Memory: in proportion to the table, whose size is checked first.
std::optional<SeekTable> read_seek_table(const RandomAccessSource& source);

/// As above for a file of `file_bytes` whose last bytes are `file_end`. Throws
/// std::invalid_argument when the table begins before them.
std::optional<SeekTable> parse_seek_table(ByteSpan file_end, std::uint64_t file_bytes);

struct SeekTableScanOptions {
  /// Where a frame carries a checksum that is believed; other frames are decompressed for it.
  SeekTableChecksums checksums = SeekTableChecksums::kAbsent;
  /// For frames that have to be decompressed. The format must be kFormatZstd1: frames without a
  /// magic number cannot be told from skippable ones.
  DecompressorOptions decompressor = {};
};

/// Makes the table of a file by going from frame to frame: for zstd files that have none, or a
/// damaged one. A seek table that the file ends in is not listed. Frames that do not tell how much
/// they hold are decompressed.
/// Throws CorruptError, with the offset, where there is no whole frame, or one that does not
/// decompress; ZstdError (frameIndex_tooLarge) for frames that a table cannot list, and when the
/// options do not allow a frame; std::invalid_argument for a magicless format; std::system_error.
/// Memory: the table, a window of the file of 128 KiB, and what decompressing a stream takes.
SeekTable scan_seek_table(const RandomAccessSource& source,
                          const SeekTableScanOptions& options = {});

}  // namespace zstdfs
