#include <algorithm>

#include "tests/bench/core_bench.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/seekable_reader.hpp"
#include "zstdfs/seekable_writer.hpp"

namespace zstdfs::bench {
namespace {

constexpr std::size_t kContentBytes = 64u << 20;
constexpr std::size_t kReadBytes = 4096;

/// A seekable file in memory, whose frames are verified once either way: libzstd's by their own
/// checksums, core's by those of the table.
struct SeekableFile {
  SeekableFile(ByteSpan content, std::size_t frame_size, bool own_checksums) {
    BytesSink sink(bytes);
    ZstdSeekableWriter writer(
        sink, {.compressor = {.write_checksum = own_checksums}, .frame_size = frame_size});
    writer.write(content);
    writer.close();
    table = writer.seek_table();
  }

  Bytes bytes;
  SeekTable table;
};

struct Reads {
  Reads(ByteSpan content, std::size_t frame_size)
      : checked(content, frame_size, true),
        plain(content, frame_size, false),
        source(plain.bytes),
        reader(source),
        stored(ZSTD_compressBound(frame_size)),
        frame(frame_size) {}

  std::size_t next_offset() {
    return random.below((kContentBytes - kReadBytes) / kReadBytes) * kReadBytes;
  }

  SeekableFile checked;
  SeekableFile plain;
  MemorySource source;
  ZstdSeekableReader reader;
  std::shared_ptr<ZSTD_DCtx> dctx = make_dctx();
  Bytes stored;
  Bytes frame;
  Bytes out = Bytes(kReadBytes);
  test::Random random = test::Random(1);
};

std::size_t read_bare(Reads& reads) {
  const std::size_t offset = reads.next_offset();
  const SeekableFrame& frame = reads.checked.table[*reads.checked.table.find(offset)];
  const MemorySource file(reads.checked.bytes);
  file.read_at(frame.compressed_offset, MutableByteSpan(reads.stored).first(frame.compressed_size));
  ZstdError::check(ZSTD_decompressDCtx(reads.dctx.get(), reads.frame.data(), reads.frame.size(),
                                       reads.stored.data(), frame.compressed_size),
                   "decompress");
  std::copy_n(reads.frame.begin() + static_cast<std::ptrdiff_t>(offset - frame.decompressed_offset),
              kReadBytes, reads.out.begin());
  return kReadBytes;
}

}  // namespace

void add_seekable_pairs() {
  const Bytes content = test::text_bytes(kContentBytes, 1);
  for (const std::size_t frame_size : {128u << 10, 1u << 20}) {
    const auto reads = std::make_shared<Reads>(content, frame_size);
    add_pair(
        "seekable random read, frames of " + std::to_string(frame_size >> 10) + " KiB", kReadBytes,
        [reads] { return read_bare(*reads); },
        [reads] { return reads->reader.read_at(reads->next_offset(), reads->out); });
  }
}

}  // namespace zstdfs::bench
