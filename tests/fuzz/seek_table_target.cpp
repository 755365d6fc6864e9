#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/seek_table.hpp"

namespace zstdfs::fuzz {
namespace {

/// The table of any seekable file.
std::optional<SeekTable> read_any(ByteSpan file) {
  std::optional<SeekTable> table;
  try {
    table = read_seek_table(MemorySource(file));
  } catch (const CorruptError& error) {
    FUZZ_REQUIRE(error.stored_offset() < file.size());
  }
  if (!table) return table;
  std::uint64_t decompressed_offset = 0;
  std::uint64_t compressed_offset = 0;
  for (const SeekableFrame& frame : *table) {
    FUZZ_REQUIRE(frame.compressed_offset == compressed_offset);
    FUZZ_REQUIRE(frame.decompressed_offset == decompressed_offset);
    FUZZ_REQUIRE(frame.checksum.has_value() == table->has_checksums());
    if (frame.decompressed_size != 0) {
      FUZZ_REQUIRE((*table)[*table->find(decompressed_offset)] == frame);
      FUZZ_REQUIRE((*table)[*table->find(frame.decompressed_end() - 1)] == frame);
    }
    compressed_offset = frame.compressed_end();
    decompressed_offset = frame.decompressed_end();
  }
  FUZZ_REQUIRE(table->compressed_size() + table->encoded_size() == file.size());
  FUZZ_REQUIRE(parse_seek_table(table->encode(), file.size()) == table);
  return table;
}

void read(ByteSpan file) {
  const auto any = read_any(file);
  const auto table = read_container_table(MemorySource(file));
  if (!table) return;
  // A container is a seekable file.
  FUZZ_REQUIRE(any && any->compressed_size() == table->table_offset);
  FUZZ_REQUIRE(any->decompressed_size() == table->index.logical_bytes());
  FUZZ_REQUIRE(table->table_offset < file.size());
  FUZZ_REQUIRE(table->index.frames_end() <= table->table_offset);
  FUZZ_REQUIRE(table->index.size() * 12 < file.size());
  std::uint64_t logical_offset = 0;
  std::uint64_t stored_end = kContainerHeaderBytes;
  for (const FrameEntry& frame : table->index) {
    FUZZ_REQUIRE(frame.logical_offset == logical_offset && frame.logical_bytes > 0);
    FUZZ_REQUIRE(frame.stored_offset >= stored_end);
    FUZZ_REQUIRE(table->index[*table->index.find(logical_offset)] == frame);
    FUZZ_REQUIRE(table->index[*table->index.find(frame.logical_end() - 1)] == frame);
    logical_offset = frame.logical_end();
    stored_end = frame.stored_end();
  }
  // What was read can be written and read again. Neighbouring padding is joined, and padding behind
  // the last frame is not in an index.
  Bytes again(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(stored_end));
  const Bytes encoded = encode_container_table(table->index);
  FUZZ_REQUIRE(encoded.size() == container_table_bytes(table->index));
  again.insert(again.end(), encoded.begin(), encoded.end());
  const auto reread = read_container_table(MemorySource(again));
  FUZZ_REQUIRE(reread && reread->index == table->index);
}

}  // namespace

/// The input is a file's end; the frames before it are zeros, as many as the first two bytes say.
void seek_table_target(ByteSpan input) {
  read(input);
  if (input.size() < 2) return;
  Bytes file(kContainerHeaderBytes + load_le<std::uint16_t>(input, 0));
  file.insert(file.end(), input.begin() + 2, input.end());
  read(file);
}

}  // namespace zstdfs::fuzz
