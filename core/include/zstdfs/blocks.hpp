#pragma once

#include <cstddef>
#include <memory>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/dictionary.hpp"

// Blocks without a frame around them, for formats that store sizes and checksums in their own way.
//
// The blocks of a session belong together: each may refer to the content of those before it, so
// they are decompressed all, in their order. Compressor and decompressor both keep as much of that
// content as is needed, in memory of their own: the caller's is free after each call. Nothing tells
// a block that was damaged into another valid one, or that is out of order: store checksums.

namespace zstdfs {

/// The largest window, 64 MiB. Levels that have a larger one get this.
inline constexpr int kBlockWindowLogMax = 26;

enum class StoredBlock {
  kRaw,         ///< the content itself: it does not become smaller
  kCompressed,  ///< as libzstd's block functions make and take it
};

/// One block, as it is to be stored. What `kind` and `content_bytes` say has to be stored with it.
struct CompressedBlockView {
  StoredBlock kind = StoredBlock::kRaw;
  std::size_t content_bytes = 0;
  ByteSpan bytes;  ///< not owned
};

/// The same, with memory of its own.
struct CompressedBlock {
  StoredBlock kind = StoredBlock::kRaw;
  std::size_t content_bytes = 0;
  Bytes bytes;

  operator CompressedBlockView() const {
    return {.kind = kind, .content_bytes = content_bytes, .bytes = bytes};
  }
};

/// A compressor and its decompressor have to have the same window and the same dictionary.
struct BlockCompressorOptions {
  int level = 3;       ///< at most 22; 0 is 3; what is too low becomes the lowest
  int window_log = 0;  ///< from kWindowLogMin to kBlockWindowLogMax; 0: as the level has it
  std::shared_ptr<const ZstdCompressionDict> dict_data = nullptr;
};

struct BlockDecompressorOptions {
  int window_log = 0;  ///< the compressor's window_log()
  std::shared_ptr<const ZstdCompressionDict> dict_data = nullptr;
};

/// Compresses a session of blocks.
///
/// Thread safety: one thread at a time; a second one gets a UsageError.
/// After an error of compression: the session is broken, and each call but reset() throws the same
/// again.
/// Memory: a zstd context, whose tables are those of the level and no larger than the window needs;
/// the window, and 0.4 MiB.
class ZstdBlockCompressor {
 public:
  /// Begins a session. Throws std::invalid_argument for a level or window out of bounds, ZstdError
  /// for a damaged dictionary.
  explicit ZstdBlockCompressor(const BlockCompressorOptions& options = {});
  ~ZstdBlockCompressor();
  ZstdBlockCompressor(ZstdBlockCompressor&&) noexcept;
  ZstdBlockCompressor& operator=(ZstdBlockCompressor&&) noexcept;

  /// What the decompressor needs to know.
  int window_log() const;
  /// The most content of one block: 128 KiB, or the window if that is smaller.
  std::size_t max_block_bytes() const;
  std::size_t memory_size() const;

  /// Compresses the session's next block. Throws std::invalid_argument, without harm to the
  /// session, for more than max_block_bytes(); ZstdError.
  CompressedBlock compress(ByteSpan content);
  /// As above into the caller's memory, which may be the content's own: `out` has at least the
  /// content's size, else std::invalid_argument. The result's bytes are in it.
  CompressedBlockView compress_into(MutableByteSpan out, ByteSpan content);

  /// Begins a new session.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Decompresses a session of blocks. Blocks may be damaged or hostile: that is a ZstdError, or
/// wrong content, and nothing worse.
///
/// Thread safety: one thread at a time; a second one gets a UsageError.
/// After an error of decompression: the session is broken, and each call but reset() throws the
/// same again.
/// Memory: a zstd context, the window, and 0.3 MiB.
class ZstdBlockDecompressor {
 public:
  /// Begins a session. Throws std::invalid_argument for a window out of bounds, ZstdError for a
  /// damaged dictionary.
  explicit ZstdBlockDecompressor(const BlockDecompressorOptions& options);
  ~ZstdBlockDecompressor();
  ZstdBlockDecompressor(ZstdBlockDecompressor&&) noexcept;
  ZstdBlockDecompressor& operator=(ZstdBlockDecompressor&&) noexcept;

  std::size_t max_block_bytes() const;
  std::size_t memory_size() const;

  /// Decompresses the session's next block. Throws ZstdError for a block that does not decompress
  /// to `content_bytes`, or has more than max_block_bytes() of them.
  Bytes decompress(const CompressedBlockView& block);
  /// As above into the caller's memory. Returns how many bytes that were: the block's
  /// content_bytes. Throws std::invalid_argument, without harm to the session, when `out` is
  /// smaller.
  std::size_t decompress_into(MutableByteSpan out, const CompressedBlockView& block);

  /// Begins a new session.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
