#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>

#include "zstdfs/byte_chunks.hpp"

namespace zstdfs {

struct DecompressionChunkerOptions {
  std::size_t chunk_size = 131072;  ///< of every piece but the last; not 0
};

/// Decompresses the frames that are fed to it, to pieces of one size: the counterpart of
/// ZstdCompressionChunker. Skippable frames are passed over; whatever else is no frame is an error.
///
/// Each call returns a range that decompresses as it is walked. It has to be walked to its end
/// before the next call, which is a UsageError otherwise. Its bytes_consumed() counts all calls'
/// bytes.
///
/// Lifetime: may outlive its decompressor, and its ranges may outlive it.
/// Thread safety: one thread at a time, together with the decompressor; breaking that is a
/// UsageError, and so is going on after another operation of the decompressor was begun.
/// Errors: a step throws ZstdError for data that does not decompress, and every later call and step
/// throws it again.
/// Memory: the decompressor's context and a buffer of `chunk_size`, which shows the present piece.
class ZstdDecompressionChunker {
 public:
  ~ZstdDecompressionChunker();
  ZstdDecompressionChunker(ZstdDecompressionChunker&&) noexcept;
  ZstdDecompressionChunker& operator=(ZstdDecompressionChunker&&) noexcept;

  /// Yields pieces of exactly `chunk_size`; what remains is carried over. `data` has to stay in
  /// place until the range is at its end, unless it is given away. UsageError after finish().
  ByteChunks decompress(ByteSpan data);
  /// A template, so that `{}` is a span.
  template <std::same_as<Bytes> Given>
  ByteChunks decompress(Given&& data) {
    return decompress_given(std::move(data));
  }
  /// Yields what was carried over: all that the data so far decompresses to was then yielded.
  ByteChunks flush();
  /// As flush(), at the end of the data: a step throws ZstdError when that ends within a frame.
  /// After it, every call is a UsageError.
  ByteChunks finish();

 private:
  friend class ZstdDecompressor;
  struct State;
  explicit ZstdDecompressionChunker(std::shared_ptr<State> state);
  ByteChunks decompress_given(Bytes&& data);

  std::shared_ptr<State> state_;  // shared with the ranges
};

}  // namespace zstdfs
