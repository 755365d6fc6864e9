#include "tests/bench/core_bench.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs::bench {
namespace {

struct Sample {
  explicit Sample(std::size_t bytes)
      : content(test::text_bytes(bytes, 1)),
        frame(frame_of(content)),
        out(ZSTD_compressBound(bytes)) {}

  Bytes content;
  Bytes frame;
  Bytes out;
};

void add_pairs_of(std::size_t bytes) {
  const auto sample = std::make_shared<Sample>(bytes);
  const auto cctx = make_cctx(3);
  const auto dctx = make_dctx();
  const auto compressor = std::make_shared<ZstdCompressor>();
  const auto decompressor = std::make_shared<ZstdDecompressor>();
  const Work compress = [=] {
    return ZSTD_compress2(cctx.get(), sample->out.data(), sample->out.size(),
                          sample->content.data(), sample->content.size());
  };
  const Work decompress = [=] {
    return ZSTD_decompressDCtx(dctx.get(), sample->out.data(), sample->out.size(),
                               sample->frame.data(), sample->frame.size());
  };
  add_pair("compress", bytes, compress,
           [=] { return compressor->compress(sample->content).size(); });
  add_pair("compress_into", bytes, compress,
           [=] { return compressor->compress_into(sample->out, sample->content); });
  add_pair("decompress", bytes, decompress,
           [=] { return decompressor->decompress(sample->frame).size(); });
  add_pair("decompress_into", bytes, decompress,
           [=] { return decompressor->decompress_into(sample->out, sample->frame); });
}

}  // namespace

void add_one_shot_pairs() {
  for (const std::size_t bytes : {100u, 4096u, 65536u, 1u << 20}) add_pairs_of(bytes);
}

}  // namespace zstdfs::bench
