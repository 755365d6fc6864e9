#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "tests/patterns.hpp"
#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/frame_parameters.hpp"
#include "zstdfs/seek_table.hpp"
#include "zstdfs/seekable_reader.hpp"
#include "zstdfs/seekable_writer.hpp"

// Seekable files for tests, and their tables, made byte by byte.

namespace zstdfs::test {

constexpr std::uint32_t kChecksumOfNothing = 0x51D8E999;

struct Entry {
  std::uint32_t compressed_size = 0;
  std::uint32_t decompressed_size = 0;
  std::uint32_t checksum = 0;
};

struct TableForm {
  std::uint8_t descriptor = 0x80;
  std::uint32_t magic = 0x184D2A5E;
};

/// A seek table as the format's description has it.
inline Bytes table_bytes(const std::vector<Entry>& entries, const TableForm& form = {}) {
  const bool checksums = (form.descriptor & 0x80) != 0;
  Bytes table;
  append_le(table, form.magic);
  append_le(table, static_cast<std::uint32_t>(entries.size() * (checksums ? 12 : 8) + 9));
  for (const Entry& entry : entries) {
    append_le(table, entry.compressed_size);
    append_le(table, entry.decompressed_size);
    if (checksums) append_le(table, entry.checksum);
  }
  append_le(table, static_cast<std::uint32_t>(entries.size()));
  append_le(table, form.descriptor);
  append_le(table, std::uint32_t{0x8F92EAB1});
  return table;
}

inline Bytes concatenated(const Bytes& first, const Bytes& second) {
  return joined({first, second});
}

/// `content` in a seekable file.
inline Bytes seekable(ByteSpan content, SeekableWriterOptions options = {}) {
  Bytes file;
  BytesSink sink(file);
  ZstdSeekableWriter writer(sink, std::move(options));
  writer.write(content);
  writer.close();
  return file;
}

inline ByteSpan part_of(ByteSpan content, std::uint64_t offset, std::size_t bytes) {
  if (offset >= content.size()) return {};
  const ByteSpan rest = content.subspan(offset);
  return rest.first(std::min(rest.size(), bytes));
}

inline Bytes read_part(const RandomAccessSource& source, std::uint64_t offset, std::size_t bytes) {
  Bytes out(bytes);
  out.resize(source.read_at(offset, out));
  return out;
}

inline bool same(ByteSpan a, ByteSpan b) {
  return std::ranges::equal(a, b);
}

/// Counts what is read of it.
class CountingSource final : public RandomAccessSource {
 public:
  explicit CountingSource(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    ++reads;
    largest = std::max(largest, out.size());
    return MemorySource(bytes_).read_at(offset, out);
  }
  std::optional<int> fileno() const override { return 55; }

  mutable int reads = 0;
  mutable std::size_t largest = 0;

 private:
  Bytes bytes_;
};

/// Where a CorruptError says that something is wrong; nothing if `call` throws none.
template <typename Call>
std::optional<std::uint64_t> corrupt_at(const Call& call) {
  try {
    call();
  } catch (const CorruptError& error) {
    return error.stored_offset();
  }
  return std::nullopt;
}

}  // namespace zstdfs::test
