#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "zstdfs/byte_chunks.hpp"

namespace zstdfs {

struct CompressionChunkerOptions {
  /// Bytes that will be compressed, if that is known.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t chunk_size = 131591;  ///< of every piece but the last; not 0
};

/// Compresses what is fed to it to one frame, which comes in pieces of one size.
///
/// Each call returns a range that compresses as it is walked. It has to be walked to its end before
/// the next call, which is a UsageError otherwise. Its bytes_consumed() counts all calls' bytes.
///
/// Lifetime: may outlive its compressor, and its ranges may outlive it.
/// Thread safety: one thread at a time, together with the compressor; breaking that is a
/// UsageError, and so is going on after another operation of the compressor was begun.
/// Errors: a step throws ZstdError when there is more input than was declared, or less at the end.
/// What was thrown, every later call and step throws again. The compressor can be used for new
/// operations.
/// Memory: the compressor's context and a buffer of `chunk_size`, which shows the present piece.
class ZstdCompressionChunker {
 public:
  ~ZstdCompressionChunker();
  ZstdCompressionChunker(ZstdCompressionChunker&&) noexcept;
  ZstdCompressionChunker& operator=(ZstdCompressionChunker&&) noexcept;

  /// Yields pieces of exactly `chunk_size`; what remains is carried over. `data` has to stay in
  /// place until the range is at its end, unless it is given away. UsageError after finish().
  ByteChunks compress(ByteSpan data);
  /// A template, so that `{}` is a span.
  template <std::same_as<Bytes> Given>
  ByteChunks compress(Given&& data) {
    return compress_given(std::move(data));
  }
  /// Ends a block, and yields all that there is by now: the last piece may be short.
  ByteChunks flush();
  /// As flush(), ending the frame. After it, every call is a UsageError.
  ByteChunks finish();

 private:
  friend class ZstdCompressor;
  struct State;
  explicit ZstdCompressionChunker(std::shared_ptr<State> state);
  ByteChunks compress_given(Bytes&& data);

  std::shared_ptr<State> state_;  // shared with the ranges
};

}  // namespace zstdfs
