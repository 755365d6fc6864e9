#include "tools/batch_codec.hpp"

#include <algorithm>

namespace zstdfs::tools {
namespace {

CompressorOptions compressor_options(const BatchCodecOptions& options) {
  // Digested once, not by each thread for each group.
  if (options.dictionary) options.dictionary->precompute_compress(options.level);
  CompressorOptions result;
  result.level = options.level;
  result.dict_data = options.dictionary;
  result.write_checksum = options.checksum;
  return result;
}

DecompressorOptions decompressor_options(const BatchCodecOptions& options) {
  DecompressorOptions result;
  result.dict_data = options.dictionary;
  return result;
}

}  // namespace

BatchCodec::BatchCodec(const BatchCodecOptions& options)
    : dictionary_(options.dictionary),
      pool_(static_cast<unsigned>(options.threads)),
      compressor_(compressor_options(options)),
      decompressor_(decompressor_options(options)) {}

std::vector<ByteSpan> BatchCodec::compress(std::span<const ByteSpan> items) {
  result_.clear();
  empty_frames_.clear();
  if (std::any_of(items.begin(), items.end(), [](ByteSpan item) { return !item.empty(); })) {
    BatchOptions how;
    how.pool = &pool_;
    result_.push_back(compressor_.multi_compress_to_buffer(items, how));
    return items_of(result_.front());
  }
  // Core takes no batch of nothing but empty items.
  for (const ByteSpan item : items) empty_frames_.push_back(compressor_.compress(item));
  return {empty_frames_.begin(), empty_frames_.end()};
}

std::vector<ByteSpan> BatchCodec::decompress(std::span<const ByteSpan> frames) {
  result_.clear();
  if (frames.empty()) return {};
  BatchOptions how;
  how.pool = &pool_;
  result_.push_back(decompressor_.multi_decompress_to_buffer(frames, {}, how));
  return items_of(result_.front());
}

}  // namespace zstdfs::tools
