#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "tests/unit/api_compression_fixture.hpp"
#include "zstdfs/decompressor.hpp"

// Whatever is compressed, with whatever options, in whatever way and pieces, comes back.

namespace zstdfs::test {
namespace {

/// One case, which its seed determines.
struct Case {
  Bytes content;
  CompressorOptions options;
  int format = kFormatZstd1;
};

Bytes random_content(Random& random) {
  const auto bytes = static_cast<std::size_t>(random.below(1u << random.below(18)));
  return bytes_of_any_kind(bytes, random);
}

std::shared_ptr<const ZstdCompressionDict> random_dictionary(Random& random) {
  static const auto kTrained = [] {
    std::vector<Bytes> samples;
    for (std::uint64_t i = 0; i < 200; ++i) samples.push_back(text_bytes(600, i));
    return train_dictionary(4096, std::vector<ByteSpan>(samples.begin(), samples.end()));
  }();
  if (random.chance(50)) return nullptr;
  if (random.chance(50)) return kTrained;
  const auto raw = std::make_shared<ZstdCompressionDict>(text_bytes(5000, random.below(100)),
                                                         DictType::kRawContent);
  if (random.chance(50)) raw->precompute_compress(static_cast<int>(1 + random.below(10)));
  return raw;
}

/// Parameters in place of a level and flags.
ZstdCompressionParameters random_parameters(Random& random, Case& drawn) {
  CompressionParameterValues values;
  if (random.chance(20)) values.format = drawn.format = kFormatZstd1Magicless;
  values.compression_level = static_cast<int>(random.below(12)) - 3;
  if (random.chance(50)) values.window_log = static_cast<int>(10 + random.below(12));
  if (random.chance(30)) values.min_match = static_cast<int>(3 + random.below(5));
  if (random.chance(30)) values.strategy = static_cast<int>(1 + random.below(7));
  if (random.chance(30)) values.write_checksum = true;
  values.write_content_size = random.chance(70);
  values.write_dict_id = random.chance(50);
  values.enable_ldm = random.chance(20);
  return ZstdCompressionParameters(values);
}

Case random_case(std::uint64_t seed) {
  Random random(seed);
  Case drawn;
  drawn.content = random_content(random);
  drawn.options.dict_data = random_dictionary(random);
  if (random.chance(40)) {
    drawn.options.compression_params = random_parameters(random, drawn);
    return drawn;
  }
  drawn.options.level = static_cast<int>(random.below(24)) - 8;
  if (random.chance(50)) drawn.options.write_checksum = true;
  if (random.chance(50)) drawn.options.write_content_size = random.chance(50);
  if (random.chance(50)) drawn.options.write_dict_id = random.chance(50);
  drawn.options.threads = random.chance(10) ? 2 : 0;
  drawn.options.rsyncable = random.chance(10);
  return drawn;
}

/// Mostly large, sometimes one byte.
std::size_t random_piece(Random& random) {
  return static_cast<std::size_t>(1 + random.below(1u << random.below(17)));
}

std::optional<std::uint64_t> random_size(Random& random, ByteSpan content) {
  return random.chance(50) ? std::optional<std::uint64_t>(content.size()) : std::nullopt;
}

/// Calls `work` for pieces that cover the content.
template <typename Work>
void for_pieces(Random& random, ByteSpan content, Work work) {
  while (!content.empty()) {
    const ByteSpan piece = content.first(std::min(content.size(), random_piece(random)));
    content = content.subspan(piece.size());
    work(piece);
  }
}

void append(Bytes& all, ByteSpan piece) {
  all.insert(all.end(), piece.begin(), piece.end());
}

void append_all(Bytes& all, ByteChunks chunks) {
  for (const ByteSpan piece : chunks) append(all, piece);
}

using Way = Bytes (*)(ZstdCompressor&, ByteSpan, Random&);

Bytes by_one_shot(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  if (random.chance(50)) return compressor.compress(content);
  Bytes out(compress_bound(content.size()));
  out.resize(compressor.compress_into(out, content));
  return out;
}

Bytes by_object(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  ZstdCompressionObj object = compressor.compressobj(random_size(random, content));
  Bytes all;
  for_pieces(random, content, [&](ByteSpan piece) {
    append(all, object.compress(piece));
    if (random.chance(20)) append(all, object.flush(kCompressObjFlushBlock));
  });
  append(all, object.flush());
  return all;
}

Bytes by_chunker(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  ZstdCompressionChunker chunker = compressor.chunker(
      {.size = random_size(random, content), .chunk_size = random_piece(random)});
  Bytes all;
  for_pieces(random, content, [&](ByteSpan piece) {
    append_all(all, chunker.compress(piece));
    if (random.chance(20)) append_all(all, chunker.flush());
  });
  append_all(all, chunker.finish());
  return all;
}

Bytes by_writer(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  RecordingSink sink(random_piece(random));
  // Frames may be ended in between: then the size is not that of the first.
  const bool ends_frames = random.chance(30);
  ZstdCompressionWriter writer = compressor.stream_writer(
      sink, {.size = ends_frames ? std::nullopt : random_size(random, content),
             .write_size = random_piece(random)});
  for_pieces(random, content, [&](ByteSpan piece) {
    EXPECT_EQ(writer.write(piece), piece.size());
    if (random.chance(20)) writer.flush();
    if (ends_frames && random.chance(20)) writer.flush(kFlushFrame);
  });
  writer.close();
  return sink.content;
}

Bytes by_reader(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  RecordingSource source(content, random_piece(random));
  ZstdCompressionReader reader = compressor.stream_reader(
      source, {.size = random_size(random, content), .read_size = random_piece(random)});
  Bytes all;
  Bytes piece;
  do {
    const auto size = static_cast<std::int64_t>(random_piece(random));
    piece = random.chance(50) ? reader.read(size) : reader.read1();
    append(all, piece);
  } while (!piece.empty());
  return all;
}

Bytes by_range(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  RecordingSource source(content, random_piece(random));
  Bytes all;
  append_all(all, compressor.read_to_iter(source, {.size = random_size(random, content),
                                                   .read_size = random_piece(random),
                                                   .write_size = random_piece(random)}));
  return all;
}

Bytes by_copy(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  RecordingSource source(content, random_piece(random));
  RecordingSink sink(random_piece(random));
  compressor.copy_stream(source, sink,
                         {.size = random_size(random, content),
                          .read_size = random_piece(random),
                          .write_size = random_piece(random)});
  return sink.content;
}

/// The items of a batch are the content's pieces.
Bytes by_batch(ZstdCompressor& compressor, ByteSpan content, Random& random) {
  if (content.empty()) return compressor.compress(content);
  std::vector<ByteSpan> items;
  for_pieces(random, content, [&](ByteSpan piece) { items.push_back(piece); });
  const auto frames = compressor.multi_compress_to_buffer(
      items, {.threads = static_cast<int>(1 + random.below(3))});
  Bytes all;
  for (std::size_t i = 0; i < frames.segment_count(); ++i) append(all, frames[i].bytes());
  return all;
}

constexpr Way kWays[] = {by_one_shot, by_object, by_chunker, by_writer,
                         by_reader,   by_range,  by_copy,    by_batch};

TEST(RoundTrip, EveryWayOfCompressingComesBack) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 40 : 300); ++seed) {
    SCOPED_TRACE(seed);
    const Case drawn = random_case(seed);
    Random random(seed + 1'000'000);
    ZstdCompressor compressor(drawn.options);
    ZstdDecompressor decompressor({.dict_data = drawn.options.dict_data, .format = drawn.format});
    for (const Way way : kWays) {
      SCOPED_TRACE(&way - std::begin(kWays));
      const Bytes frames = way(compressor, drawn.content, random);
      ASSERT_EQ(decompressor.decompress(frames, {.max_output_size = drawn.content.size() + 1,
                                                 .read_across_frames = true}),
                drawn.content);
      ASSERT_EQ(decompressor.stream_reader(frames).readall(), drawn.content);
    }
  }
}

}  // namespace
}  // namespace zstdfs::test
