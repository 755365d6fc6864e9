#include "zstdfs/seek_table.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "seek_table_layout.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

/// The last bytes of a file, as a source that has the size of all of it.
class FileEnd final : public RandomAccessSource {
 public:
  FileEnd(ByteSpan end, std::uint64_t file_bytes) : end_(end), file_bytes_(file_bytes) {
    if (end.size() > file_bytes) {
      throw std::invalid_argument("the end of a file is larger than the file");
    }
  }

  std::uint64_t size() const override { return file_bytes_; }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    const std::uint64_t start = file_bytes_ - end_.size();
    if (offset < start) {
      throw std::invalid_argument("the seek table begins at byte " + std::to_string(offset) +
                                  ", the bytes given at " + std::to_string(start));
    }
    return MemorySource(end_).read_at(offset - start, out);
  }

 private:
  ByteSpan end_;
  std::uint64_t file_bytes_;
};

[[noreturn]] void throw_too_large(const std::string& what) {
  throw ZstdError(ZSTD_error_frameIndex_tooLarge, what);
}

/// A size of frame number `i`, if a table can list it.
std::uint32_t listed_size(std::size_t i, std::uint64_t size, const char* name) {
  if (size > std::numeric_limits<std::uint32_t>::max()) {
    throw_too_large("frame number " + std::to_string(i) + " has a " + name + " of " +
                    std::to_string(size) + " bytes; a seek table can list no more than 2^32 - 1");
  }
  return static_cast<std::uint32_t>(size);
}

/// The frames that a stored table lists, if they fill the bytes before it exactly.
SeekTable table_of(const StoredSeekTable& stored) {
  const SeekTableShape& shape = stored.shape;
  SeekTable table(shape.has_checksums ? SeekTableChecksums::kPresent : SeekTableChecksums::kAbsent);
  table.reserve(shape.entries);
  const auto refuse = [&](std::size_t i, const std::string& what) {
    throw CorruptError(stored.table_offset + shape.entry_at(i),
                       "seek table entry " + std::to_string(i) + ": " + what);
  };
  for (std::size_t i = 0; i < shape.entries; ++i) {
    const SeekTableEntry entry = load_entry(stored.bytes, shape, i);
    if (entry.stored_bytes < kSkippableFrameOverhead) {
      refuse(i, std::to_string(entry.stored_bytes) + " bytes are no frame");
    }
    if (entry.stored_bytes > stored.table_offset - table.compressed_size()) {
      refuse(i, "the frames take more than the " + std::to_string(stored.table_offset) +
                    " bytes before the table");
    }
    table.append({.compressed_size = entry.stored_bytes,
                  .decompressed_size = entry.logical_bytes,
                  .checksum = entry.checksum});
  }
  if (table.compressed_size() != stored.table_offset) {
    throw CorruptError(stored.table_offset,
                       "the seek table lists " + std::to_string(table.compressed_size()) +
                           " bytes of frames, but " + std::to_string(stored.table_offset) +
                           " bytes are before it");
  }
  return table;
}

}  // namespace

std::optional<std::size_t> SeekTable::find(std::uint64_t decompressed_offset) const {
  if (decompressed_offset >= decompressed_size()) return std::nullopt;
  // Frames without content begin where the next one does, so the last of them is never one.
  const auto after = std::ranges::upper_bound(frames_, decompressed_offset, {},
                                              &SeekableFrame::decompressed_offset);
  return static_cast<std::size_t>(after - frames_.begin()) - 1;
}

void SeekTable::append(const NewFrame& frame) {
  check_room_for(1);
  if (frame.compressed_size < kSkippableFrameOverhead) {
    throw std::invalid_argument(std::to_string(frame.compressed_size) + " bytes are no frame");
  }
  SeekableFrame added{
      .compressed_offset = compressed_size(),
      .decompressed_offset = decompressed_size(),
      .compressed_size = listed_size(frames_.size(), frame.compressed_size, "compressed size"),
      .decompressed_size =
          listed_size(frames_.size(), frame.decompressed_size, "decompressed size"),
      .checksum = std::nullopt};
  if (has_checksums()) {
    if (!frame.checksum && frame.decompressed_size != 0) {
      throw std::invalid_argument("a seek table with checksums needs that of every frame");
    }
    added.checksum = frame.checksum.value_or(kEmptyChecksum);
  }
  frames_.push_back(added);
}

void SeekTable::check_room_for(std::uint64_t frames) const {
  if (frames > kMaxSeekTableFrames - frames_.size()) {
    throw_too_large("a seek table can list no more than " + std::to_string(kMaxSeekTableFrames) +
                    " frames; there are " + std::to_string(frames_.size()) + ", and " +
                    std::to_string(frames) + " more");
  }
}

std::size_t SeekTable::encoded_size() const {
  return SeekTableShape{.entries = frames_.size(), .has_checksums = has_checksums()}.bytes();
}

Bytes SeekTable::encode() const {
  SeekTableEncoder encoder({.entries = frames_.size(), .has_checksums = has_checksums()});
  for (const SeekableFrame& frame : frames_) {
    encoder.append({.stored_bytes = frame.compressed_size,
                    .logical_bytes = frame.decompressed_size,
                    .checksum = frame.checksum.value_or(0)});
  }
  return std::move(encoder).finish();
}

std::optional<SeekTable> read_seek_table(const RandomAccessSource& source) {
  const auto found = read_stored_table(source);
  if (const auto* none = std::get_if<NoSeekTable>(&found)) {
    if (!none->is_malformed) return std::nullopt;
    throw CorruptError(none->stored_offset, none->reason);
  }
  return table_of(std::get<StoredSeekTable>(found));
}

std::optional<SeekTable> parse_seek_table(ByteSpan file_end, std::uint64_t file_bytes) {
  return read_seek_table(FileEnd(file_end, file_bytes));
}

}  // namespace zstdfs
