#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "zstdfs/bytes.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::tools {

/// A way of storing files that is to be tried.
struct Recipe {
  int level = kDefaultLevel;
  std::uint32_t chunk_bytes = kDefaultChunkBytes;
  std::shared_ptr<const ZstdCompressionDict> dictionary = nullptr;  ///< null: none
};

/// What came out. Speeds are logical bytes per second of one processor, by its own clock, which
/// other work on the machine disturbs little.
struct RecipeTrial {
  Recipe recipe;
  std::uint64_t logical_bytes = 0;
  /// Each sample stored as a file of its own: as a container, or raw where that saves no block.
  std::uint64_t stored_bytes = 0;
  std::uint64_t disk_blocks = 0;
  /// The same if every sample were a container that only has to save bytes.
  std::uint64_t compact_bytes = 0;
  double compress_speed = 0;
  double decompress_speed = 0;
  unsigned timings = 0;  ///< how many the compression speed is the median of

  double ratio() const;
};

/// Tries one recipe on samples, each at most the start of a file. Speeds are medians of three
/// timings of at least 0.2 s each, or one timing where that takes more than 2 s. Throws ZstdError.
/// Memory: the compressed samples.
RecipeTrial try_recipe(const Recipe& recipe, std::span<const Bytes> samples,
                       std::uint64_t block_bytes);

/// Blocks that so many bytes take.
inline std::uint64_t blocks_of(std::uint64_t bytes, std::uint64_t block_bytes) {
  return (bytes + block_bytes - 1) / block_bytes;
}

}  // namespace zstdfs::tools
