#include <vector>

#include "tests/bench/core_bench.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs::bench {
namespace {

constexpr std::size_t kItems = 8192;
constexpr std::size_t kItemBytes = 4096;

struct Items {
  Items() {
    for (std::size_t i = 0; i < kItems; ++i) content.push_back(test::text_bytes(kItemBytes, i));
    for (const Bytes& item : content) frames.push_back(frame_of(item));
    content_views.assign(content.begin(), content.end());
    frame_views.assign(frames.begin(), frames.end());
  }

  std::vector<Bytes> content;
  std::vector<Bytes> frames;
  std::vector<ByteSpan> content_views;
  std::vector<ByteSpan> frame_views;
  Bytes out = Bytes(ZSTD_compressBound(kItemBytes));
};

}  // namespace

// The bare calls are those of one thread, one item after the other.
void add_batch_pairs() {
  const auto items = std::make_shared<Items>();
  const auto cctx = make_cctx(3);
  const auto dctx = make_dctx();
  const auto compressor = std::make_shared<ZstdCompressor>();
  const auto decompressor = std::make_shared<ZstdDecompressor>();
  const Work compress = [=] {
    std::size_t bytes = 0;
    for (const ByteSpan item : items->content_views) {
      bytes += ZSTD_compress2(cctx.get(), items->out.data(), items->out.size(), item.data(),
                              item.size());
    }
    return bytes;
  };
  const Work decompress = [=] {
    std::size_t bytes = 0;
    for (const ByteSpan frame : items->frame_views) {
      bytes += ZSTD_decompressDCtx(dctx.get(), items->out.data(), items->out.size(), frame.data(),
                                   frame.size());
    }
    return bytes;
  };
  for (const int threads : {1, 2}) {
    const std::string with = " of 4 KiB items, threads " + std::to_string(threads);
    add_pair("multi_compress_to_buffer" + with, kItems * kItemBytes, compress, [=] {
      return compressor->multi_compress_to_buffer(items->content_views, {.threads = threads})
          .segment_count();
    });
    add_pair("multi_decompress_to_buffer" + with, kItems * kItemBytes, decompress, [=] {
      return decompressor->multi_decompress_to_buffer(items->frame_views, {}, {.threads = threads})
          .segment_count();
    });
  }
}

}  // namespace zstdfs::bench
