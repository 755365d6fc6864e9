#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

struct DecompressionObjectOptions {
  std::size_t write_size = 131072;  ///< how many bytes are decompressed in one step; not 0
  /// Goes on with the frame after a frame; whatever is not a frame is then an error.
  bool read_across_frames = false;
};

/// Decompresses what is fed to it, piece by piece (python-zstandard's decompressobj). Skippable
/// frames are passed over.
///
/// Lifetime: may outlive its decompressor.
/// Thread safety: one thread at a time, together with the decompressor; breaking that is a
/// UsageError, and so is going on after another operation of the decompressor was begun.
/// Errors: data that does not decompress is a ZstdError. What the failing call had decompressed is
/// lost, and every later call that decompresses throws the error again, also std::bad_alloc.
/// Memory: the decompressor's context, one step of output, and copies of unused input.
class ZstdDecompressionObj {
 public:
  ~ZstdDecompressionObj();
  ZstdDecompressionObj(ZstdDecompressionObj&&) noexcept;
  ZstdDecompressionObj& operator=(ZstdDecompressionObj&&) noexcept;

  /// Returns what `data` decompresses to, at most `max_length` bytes of it. What was then not
  /// looked at is in unconsumed_tail() and has to be passed again, before any newer data (the
  /// view itself may be passed); output that is held back comes first in the next call's.
  /// Throws UsageError once a frame has ended, unless reading goes across frames.
  Bytes decompress(ByteSpan data, std::optional<std::size_t> max_length = std::nullopt);

  /// Returns what max_length has held back: the rest of the output that the input given so far
  /// leads to. Mostly nothing; may be called at any time.
  Bytes flush();

  /// The rest of the last call's input, which lies behind the frame's end.
  ByteSpan unused_data() const;
  /// The rest of the last call's input, which max_length has kept from being looked at.
  ByteSpan unconsumed_tail() const;
  /// Whether the frame has ended. Across frames: whether the input so far consists of whole frames,
  /// at least one of them with content.
  bool eof() const;
  /// Whether nothing is held back: more output needs more input.
  bool needs_input() const;

  /// Compressed bytes that were decompressed or passed over in all calls.
  std::uint64_t bytes_consumed() const;
  /// Bytes returned by all calls.
  std::uint64_t bytes_produced() const;

 private:
  friend class ZstdDecompressor;
  struct State;
  explicit ZstdDecompressionObj(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
