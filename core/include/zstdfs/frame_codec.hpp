#pragma once

#include <memory>

#include "zstdfs/bytes.hpp"
#include "zstdfs/dictionary_source.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DCtx_s;

namespace zstdfs {

/// The largest chunk, and with it the largest content of an ordinary data frame.
inline constexpr std::uint32_t kMaxChunkBytes = 16u << 20;
inline constexpr std::uint32_t kMinChunkBytes = 4u << 10;
inline constexpr std::uint32_t kDefaultChunkBytes = 128u << 10;
inline constexpr int kDefaultLevel = 3;

/// The low 32 bits of XXH64 (seed 0) of `content`: a zstd frame's content checksum, and the
/// checksum in a seek table.
std::uint32_t content_checksum(ByteSpan content);

/// How a chunk is compressed.
struct FrameRecipe {
  int level = kDefaultLevel;
  /// Digested for this level, which then decides; null for none.
  // Shared: encoders on several threads use it, while it may already have been replaced.
  std::shared_ptr<const ZSTD_CDict_s> dictionary = nullptr;
  bool long_distance_matching = false;
};

/// Compresses chunks, each to one zstd frame with content size and content checksum, and with the
/// id of its dictionary.
///
/// Thread safety: one thread at a time. Memory: one zstd context, grown to the largest level used,
/// and a buffer, grown to the largest chunk.
class FrameEncoder {
 public:
  FrameEncoder();
  ~FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept;
  FrameEncoder& operator=(FrameEncoder&&) noexcept;

  /// Returns one whole frame that holds `content` (at most kMaxChunkBytes, may be empty).
  /// Throws ZstdError; the encoder can be used again afterwards.
  Bytes encode(ByteSpan content, const FrameRecipe& recipe);
  Bytes encode(ByteSpan content, int level) { return encode(content, FrameRecipe{level}); }

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  Bytes scratch_;  // where frames are made before their size is known
};

/// Decompresses single frames and verifies their checksums.
///
/// Thread safety: one thread at a time.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(FrameDecoder&&) noexcept;
  FrameDecoder& operator=(FrameDecoder&&) noexcept;

  /// Decompresses exactly one frame into `out`, whose size is the content's. `stored_offset` goes
  /// into the error. Throws CorruptError if `frame` is not one whole frame with a content checksum
  /// that holds, and exactly `out.size()` bytes of content; what `out` then holds is unspecified.
  /// Throws what `dictionaries` throws.
  void decode(ByteSpan frame, MutableByteSpan out, std::uint64_t stored_offset,
              const DictionarySource& dictionaries = no_dictionaries());

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

}  // namespace zstdfs
