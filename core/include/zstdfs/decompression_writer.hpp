#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

struct DecompressionWriterOptions {
  std::size_t write_size = 131072;  ///< the most that the sink is given at a time; not 0
  /// Whether write() returns how many compressed bytes it took (all of them), or how many
  /// decompressed bytes the sink was given.
  bool write_return_read = true;
  bool closefd = true;  ///< whether closing the writer closes the sink
};

/// Decompresses what is written to it into a sink, one frame after the other. Skippable frames are
/// passed over. All output that input leads to is given to the sink before write() returns.
///
/// Lifetime: may outlive its decompressor; the sink outlives the writer. The destructor does not
/// close anything: whether the data was whole is only told by close().
/// Thread safety: one thread at a time, together with the decompressor; breaking that is a
/// UsageError, and so is writing after another operation of the decompressor was begun, or after
/// close().
/// Errors: data that does not decompress is a ZstdError; what the sink throws is passed on. Either
/// way decompressed bytes may be lost: every later write(), flush() and the first close() throw the
/// same again, and leave the sink as it is.
/// Memory: the decompressor's context and `write_size` bytes.
class ZstdDecompressionWriter {
 public:
  ~ZstdDecompressionWriter();
  ZstdDecompressionWriter(ZstdDecompressionWriter&&) noexcept;
  ZstdDecompressionWriter& operator=(ZstdDecompressionWriter&&) noexcept;

  /// Decompresses `data`, and returns what `write_return_read` says.
  std::size_t write(ByteSpan data);
  /// Flushes the sink; the writer itself never holds output back.
  void flush();
  /// Closes the sink too, if that was asked for and no write() has failed, but does not flush it.
  /// Then throws ZstdError if the data has ended within a frame. The writer is closed in any case,
  /// and a second call does nothing.
  void close();
  bool closed() const;

  /// Bytes that the decompression context takes.
  std::size_t memory_size() const;
  /// The sink's descriptor, where it has one.
  std::optional<int> fileno() const;

  /// Compressed bytes taken, and decompressed bytes made of them, by all calls.
  std::uint64_t bytes_consumed() const;
  std::uint64_t bytes_produced() const;

 private:
  friend class ZstdDecompressor;
  struct State;
  explicit ZstdDecompressionWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
