#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs {

struct CompressionWriterOptions {
  /// Bytes that will be written to the first frame, if that is known.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t write_size = 131591;  ///< the most that the sink is given at a time; not 0
  /// Whether write() returns how many bytes it took (all of them), or how many compressed bytes the
  /// sink was given.
  bool write_return_read = true;
  bool closefd = true;  ///< whether closing the writer closes the sink
};

/// Compresses what is written to it into a sink.
///
/// Lifetime: may outlive its compressor; the sink outlives the writer, unless it was given away.
/// The destructor neither ends the frame nor closes the sink: that is for close(), which can fail.
/// Thread safety: one thread at a time, together with the compressor; breaking that is a
/// UsageError, and so is going on after another operation of the compressor was begun, or after
/// close().
/// Errors: ZstdError when the first frame's input has not the declared size; what the sink throws
/// is passed on, and so is what write_all() says of sinks that take nothing. Compressed bytes are
/// then lost, so every later call throws the same again. The compressor can be used for new
/// operations. Memory: the compressor's context and a buffer of `write_size`.
class ZstdCompressionWriter {
 public:
  ~ZstdCompressionWriter();
  ZstdCompressionWriter(ZstdCompressionWriter&&) noexcept;
  ZstdCompressionWriter& operator=(ZstdCompressionWriter&&) noexcept;

  /// Compresses all of `data`, and returns what `write_return_read` says. After a flushed frame it
  /// begins another.
  std::size_t write(ByteSpan data);
  /// Ends a block or the frame, gives the sink all that there is, and flushes the sink. Returns how
  /// many bytes the sink was given. A block without input is none; a frame without input is an
  /// empty frame.
  std::size_t flush(FlushMode mode = kFlushBlock);
  /// Ends the frame, unless it was ended by a flush with nothing after it, and closes the sink if
  /// that was asked for; does not flush the sink. When the frame cannot be ended this throws, and
  /// leaves the sink open: what it was given is no whole frame. The writer is closed in any case,
  /// and a second call does nothing.
  void close();
  bool closed() const;

  /// How many compressed bytes the sink was given. Also after close().
  std::uint64_t tell() const;
  /// Bytes that were taken by all calls.
  std::uint64_t bytes_consumed() const;
  /// Bytes that the compressor takes: ZstdCompressor::memory_size().
  std::size_t memory_size() const;
  /// The sink's descriptor, where it has one.
  std::optional<int> fileno() const;

 private:
  friend class ZstdCompressor;
  struct State;
  explicit ZstdCompressionWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
