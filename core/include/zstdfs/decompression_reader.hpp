#pragma once

#include <cstdint>
#include <memory>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

struct DecompressionReaderOptions {
  std::size_t read_size = 131075;   ///< how many bytes the source is asked for at a time; not 0
  bool read_across_frames = false;  ///< whether one read may return bytes of several frames
  bool closefd = true;              ///< whether closing the reader closes the source
};

/// From where a position is counted.
enum class SeekOrigin { kStart, kCurrent, kEnd };

/// A stream of the bytes that a compressed source decompresses to. Skippable frames and frames
/// without content are passed over; no bytes at all are a stream without content.
///
/// A read that has got some bytes when the source, the data or the memory for more fails returns
/// them, and the next read reports the error. So it is with a source that ends within a frame:
/// ZstdError, as often as it is asked, unless the source has got more by then.
///
/// Lifetime: may outlive its decompressor; the source outlives the reader.
/// Thread safety: one thread at a time, together with the decompressor; breaking that is a
/// UsageError, and so is going on after another operation of the decompressor was begun, or
/// reading or seeking after close().
/// Errors: data that does not decompress is a ZstdError, which every later read throws again.
/// Memory: the decompressor's context and `read_size` bytes; no copy of a source in memory.
class ZstdDecompressionReader {
 public:
  ~ZstdDecompressionReader();
  ZstdDecompressionReader(ZstdDecompressionReader&&) noexcept;
  ZstdDecompressionReader& operator=(ZstdDecompressionReader&&) noexcept;

  /// Returns `size` bytes, or fewer where a frame (unless reading goes across frames) or the
  /// stream ends: none only at the stream's end. -1 is readall(). Below that:
  /// std::invalid_argument.
  Bytes read(std::int64_t size = -1);
  /// Returns as soon as there are any bytes, at most `size`; -1 is 131072.
  Bytes read1(std::int64_t size = -1);
  /// As read() into the caller's memory. Returns how many bytes that were.
  std::size_t readinto(MutableByteSpan out);
  /// As read1() into the caller's memory.
  std::size_t readinto1(MutableByteSpan out);
  /// All that is left, of all frames. On an error the bytes read by this call are lost.
  Bytes readall();

  /// Skips forward, at most to the end, and returns the new position. Throws std::system_error:
  /// EINVAL for a position before the start, ESPIPE for one before the present and for any that is
  /// counted from the end, which a decompressor does not know.
  std::uint64_t seek(std::int64_t offset, SeekOrigin origin = SeekOrigin::kStart);
  /// How many decompressed bytes have been read or skipped. Also after close().
  std::uint64_t tell() const;
  /// How many compressed bytes that took; what was read ahead from the source does not count.
  std::uint64_t bytes_consumed() const;

  /// Closes the source too, if that was asked for. A second call does nothing.
  void close();
  bool closed() const;

 private:
  friend class ZstdDecompressor;
  struct State;
  explicit ZstdDecompressionReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
