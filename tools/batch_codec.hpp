#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tools/progress.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs::tools {

// What `zstdfs batch` does with files and with records has in common.

enum class BatchDirection { kCompress, kDecompress };

struct BatchTotals {
  std::uint64_t items = 0;  ///< files or records that are done
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t failures = 0;
};

/// As much is worked on at once: enough for all threads, little enough for memory.
inline constexpr std::uint64_t kGroupBytes = 16u << 20;
inline constexpr std::size_t kGroupItems = 16384;

struct BatchCodecOptions {
  int level = 3;
  std::shared_ptr<ZstdCompressionDict> dictionary;  ///< shared with compressor and decompressor
  bool checksum = true;
  int threads = 0;  ///< 0: one for each processor
};

/// Compresses and decompresses groups of items on several threads.
///
/// Thread safety: one thread at a time.
class BatchCodec {
 public:
  explicit BatchCodec(const BatchCodecOptions& options);

  /// Each item as a frame.
  std::vector<ByteSpan> compress(std::span<const ByteSpan> items);
  /// The content of each frame, which must carry its size. Throws ZstdError when one of them does
  /// not decompress.
  std::vector<ByteSpan> decompress(std::span<const ByteSpan> frames);
  // What they return lives until the next call.

  /// For single items; their results do not count as calls.
  ZstdCompressor& compressor() { return compressor_; }
  ZstdDecompressor& decompressor() { return decompressor_; }
  const ZstdCompressionDict* dictionary() const { return dictionary_.get(); }
  unsigned threads() const { return pool_.threads(); }

 private:
  std::shared_ptr<ZstdCompressionDict> dictionary_;
  WorkerPool pool_;
  ZstdCompressor compressor_;
  ZstdDecompressor decompressor_;
  std::vector<BufferWithSegmentsCollection> result_;  // one, or none
  std::vector<Bytes> empty_frames_;
};

}  // namespace zstdfs::tools
