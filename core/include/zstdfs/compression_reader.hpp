#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

struct CompressionReaderOptions {
  /// Bytes that the source has, if that is known. A SpanSource knows it itself; for memory that is
  /// given as a span or given away this is not looked at.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t read_size = 131072;  ///< how many bytes the source is asked for at a time; not 0
  bool closefd = true;             ///< whether closing the reader closes the source
};

/// A stream of the one frame that a source compresses to.
///
/// Lifetime: may outlive its compressor; the source outlives the reader, unless it was given away.
/// Thread safety: one thread at a time, together with the compressor; breaking that is a
/// UsageError, and so is going on after another operation of the compressor was begun, or reading
/// after close().
/// Errors: reading throws ZstdError when the source has not the declared size, and what the source
/// throws. Every later read throws the same again. The compressor can be used for new operations.
/// Memory: the compressor's context and a buffer of `read_size`; no copy of a source in memory.
class ZstdCompressionReader {
 public:
  ~ZstdCompressionReader();
  ZstdCompressionReader(ZstdCompressionReader&&) noexcept;
  ZstdCompressionReader& operator=(ZstdCompressionReader&&) noexcept;

  /// Returns `size` bytes, or fewer where the frame ends; nothing after that. -1 is readall().
  /// Below that: std::invalid_argument.
  Bytes read(std::int64_t size = -1);
  /// Returns as soon as there are any bytes, at most `size`; -1 is 131591.
  Bytes read1(std::int64_t size = -1);
  /// As read() into the caller's memory. Returns how many bytes that were.
  std::size_t readinto(MutableByteSpan out);
  /// As read1() into the caller's memory.
  std::size_t readinto1(MutableByteSpan out);
  /// All that is left of the frame.
  Bytes readall();

  /// How many compressed bytes have been read. Also after close().
  std::uint64_t tell() const;
  /// How many bytes the source has given for that.
  std::uint64_t bytes_consumed() const;

  /// Closes the source too, if that was asked for. A second call does nothing.
  void close();
  bool closed() const;

 private:
  friend class ZstdCompressor;
  struct State;
  explicit ZstdCompressionReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
