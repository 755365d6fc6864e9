#include <algorithm>

#include "tests/bench/core_bench.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::bench {
namespace {

constexpr std::size_t kCompressIn = 131072;
constexpr std::size_t kCompressOut = 131591;
constexpr std::size_t kDecompressIn = 131075;
constexpr std::size_t kDecompressOut = 131072;

/// What all pairs of one size share. The buffers are as large as core's.
struct Streams {
  explicit Streams(std::size_t bytes)
      : content(test::text_bytes(bytes, 1)), frame(frame_of(content)) {}

  Bytes content;
  Bytes frame;
  std::shared_ptr<ZSTD_CCtx> cctx = make_cctx(3);
  std::shared_ptr<ZSTD_DCtx> dctx = make_dctx();
  Bytes in = Bytes(kDecompressIn);
  Bytes out = Bytes(kCompressOut);
  ZstdCompressor compressor;
  ZstdDecompressor decompressor;
};
using Shared = std::shared_ptr<Streams>;

enum class Input {
  kInMemory,
  kCopied,  ///< through a buffer, as that of a source
};

/// A frame through ZSTD_compressStream2, as its manual has it.
std::size_t compress_stream(Streams& streams, Input input, bool knows_size,
                            std::size_t out_bytes = kCompressOut) {
  ZSTD_CCtx* const cctx = streams.cctx.get();
  ZSTD_CCtx_reset(cctx, ZSTD_reset_session_only);
  if (knows_size) ZSTD_CCtx_setPledgedSrcSize(cctx, streams.content.size());
  std::size_t produced = 0;
  ByteSpan rest = streams.content;
  for (std::size_t left = 1; left != 0;) {
    ByteSpan piece = rest;
    if (input == Input::kCopied) {
      piece = rest.first(std::min(rest.size(), kCompressIn));
      std::copy(piece.begin(), piece.end(), streams.in.begin());
      piece = ByteSpan(streams.in).first(piece.size());
    }
    rest = rest.subspan(piece.size());
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    const ZSTD_EndDirective directive = piece.empty() ? ZSTD_e_end : ZSTD_e_continue;
    do {
      ZSTD_outBuffer out{streams.out.data(), out_bytes, 0};
      left = ZstdError::check(ZSTD_compressStream2(cctx, &out, &in, directive), "compress");
      produced += out.pos;
    } while (in.pos < in.size || (directive == ZSTD_e_end && left != 0));
    if (directive == ZSTD_e_continue) left = 1;
  }
  return produced;
}

std::size_t decompress_stream(Streams& streams, Input input) {
  ZSTD_DCtx* const dctx = streams.dctx.get();
  ZSTD_DCtx_reset(dctx, ZSTD_reset_session_only);
  std::size_t produced = 0;
  ByteSpan rest = streams.frame;
  for (std::size_t left = 1; left != 0;) {
    ByteSpan piece = rest;
    if (input == Input::kCopied) {
      piece = rest.first(std::min(rest.size(), kDecompressIn));
      std::copy(piece.begin(), piece.end(), streams.in.begin());
      piece = ByteSpan(streams.in).first(piece.size());
    }
    rest = rest.subspan(piece.size());
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    ZSTD_outBuffer out{};
    do {
      out = {streams.out.data(), kDecompressOut, 0};
      left = ZstdError::check(ZSTD_decompressStream(dctx, &out, &in), "decompress");
      produced += out.pos;
    } while (left != 0 && (in.pos < in.size || out.pos == out.size));
  }
  return produced;
}

std::size_t size_of_all(ByteChunks chunks) {
  std::size_t bytes = 0;
  for (const ByteSpan piece : chunks) bytes += piece.size();
  return bytes;
}

void add_compressing_pairs(const Shared& s, std::size_t bytes) {
  const auto bare = [s](Input input, bool knows_size) {
    return Work([=] { return compress_stream(*s, input, knows_size); });
  };
  add_pair("compress stream_writer", bytes, bare(Input::kInMemory, true), [s] {
    CountingSink sink;
    auto writer = s->compressor.stream_writer(sink, {.size = s->content.size()});
    writer.write(s->content);
    writer.close();
    return sink.count;
  });
  add_pair("compress stream_reader", bytes, bare(Input::kCopied, true), [s] {
    SpanSource source(s->content);
    auto reader = s->compressor.stream_reader(source, {.size = s->content.size()});
    std::size_t produced = 0;
    while (const std::size_t n = reader.readinto(s->out)) produced += n;
    return produced;
  });
  add_pair("compressobj", bytes, bare(Input::kInMemory, true), [s] {
    auto object = s->compressor.compressobj(s->content.size());
    const std::size_t first = object.compress(s->content).size();
    return first + object.flush().size();
  });
  add_pair("compress chunker", bytes, bare(Input::kInMemory, true), [s] {
    auto chunker = s->compressor.chunker({.size = s->content.size()});
    const std::size_t first = size_of_all(chunker.compress(s->content));
    return first + size_of_all(chunker.finish());
  });
  add_pair("compress read_to_iter", bytes, bare(Input::kInMemory, true),
           [s] { return size_of_all(s->compressor.read_to_iter(s->content)); });
  add_pair("compress copy_stream", bytes, bare(Input::kCopied, true), [s] {
    SpanSource source(s->content);
    CountingSink sink;
    return static_cast<std::size_t>(
        s->compressor.copy_stream(source, sink, {.size = s->content.size()}).written);
  });
}

void add_decompressing_pairs(const Shared& s, std::size_t bytes) {
  const auto bare = [s](Input input) { return Work([=] { return decompress_stream(*s, input); }); };
  add_pair("decompress stream_writer", bytes, bare(Input::kInMemory), [s] {
    CountingSink sink;
    auto writer = s->decompressor.stream_writer(sink);
    writer.write(s->frame);
    writer.close();
    return sink.count;
  });
  add_pair("decompress stream_reader", bytes, bare(Input::kCopied), [s] {
    SpanSource source(s->frame);
    auto reader = s->decompressor.stream_reader(source);
    const MutableByteSpan out = MutableByteSpan(s->out).first(kDecompressOut);
    std::size_t produced = 0;
    while (const std::size_t n = reader.readinto(out)) produced += n;
    return produced;
  });
  add_pair("decompressobj", bytes, bare(Input::kInMemory),
           [s] { return s->decompressor.decompressobj().decompress(s->frame).size(); });
  add_pair("decompress chunker", bytes, bare(Input::kInMemory), [s] {
    auto chunker = s->decompressor.chunker();
    const std::size_t first = size_of_all(chunker.decompress(s->frame));
    return first + size_of_all(chunker.finish());
  });
  add_pair("decompress read_to_iter", bytes, bare(Input::kInMemory),
           [s] { return size_of_all(s->decompressor.read_to_iter(s->frame)); });
  add_pair("decompress copy_stream", bytes, bare(Input::kCopied), [s] {
    SpanSource source(s->frame);
    CountingSink sink;
    return static_cast<std::size_t>(s->decompressor.copy_stream(source, sink).written);
  });
}

}  // namespace

void add_stream_pairs() {
  for (const std::size_t bytes : {100u, 4096u, 65536u, 4u << 20}) {
    const auto streams = std::make_shared<Streams>(bytes);
    add_compressing_pairs(streams, bytes);
    add_decompressing_pairs(streams, bytes);
  }
}

}  // namespace zstdfs::bench
