#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/seek_table.hpp"
#include "zstdfs/stream.hpp"

namespace zstdfs {

struct SeekableWriterOptions {
  /// Of each frame. The format must be kFormatZstd1, and content sizes must not be turned off.
  /// Frames carry checksums of their own if that is asked for here; readers need only those of the
  /// seek table.
  CompressorOptions compressor = {};
  /// Bytes of content in each frame but the last, from 1 to 2^30. What a reader has to decompress
  /// for one byte.
  std::size_t frame_size = std::size_t{1} << 20;
  SeekTableChecksums checksums = SeekTableChecksums::kPresent;
  /// Appends to a file with these frames: the sink stands behind them, at byte
  /// `continues->compressed_size()`, where the file's present table begins. That is overwritten by
  /// new frames and a new table, which is never smaller: until close() has written that, a file
  /// that is cut off there has no table. In place of `checksums`.
  std::optional<SeekTable> continues = std::nullopt;
  bool closefd = true;  ///< whether closing the writer closes the sink
};

/// Compresses what is written to it to a seekable file: frames of `frame_size`, and the seek table.
/// The file's bytes do not depend on how the content was divided into calls of write().
///
/// Lifetime: the sink outlives the writer, unless it was given away. The destructor commits
/// nothing and does not close the sink: that is for close(), which can fail. A file without its
/// table can be read after scan_seek_table().
/// Thread safety: one thread at a time; a second one gets a UsageError.
/// Errors: ZstdError; what the sink throws is passed on, and so is what write_all() says of sinks
/// that take nothing. The content is then in doubt, so every later call throws the same again.
/// Calls after close() are a UsageError. Arguments that are refused (std::invalid_argument,
/// ZstdError frameIndex_tooLarge) change nothing.
/// Memory: the compressor's context, a frame's content where it was not written at once, and the
/// bound of what it compresses to; the seek table.
class ZstdSeekableWriter {
 public:
  /// Throws std::invalid_argument for options that cannot be, and as ZstdCompressor does.
  explicit ZstdSeekableWriter(Sink& sink, SeekableWriterOptions options = {});
  explicit ZstdSeekableWriter(std::unique_ptr<Sink> sink, SeekableWriterOptions options = {});
  ~ZstdSeekableWriter();
  ZstdSeekableWriter(ZstdSeekableWriter&&) noexcept;
  ZstdSeekableWriter& operator=(ZstdSeekableWriter&&) noexcept;

  /// Takes all of `data`, and returns how many bytes that were. Whole frames are compressed from
  /// the caller's memory. Throws ZstdError (frameIndex_tooLarge), before anything is written, when
  /// the file would get more than the 2^27 frames that the format allows.
  std::size_t write(ByteSpan data);
  /// Ends the frame here, if it has content: what follows begins another one.
  void end_frame();
  /// As above, and flushes the sink.
  void flush();
  /// Ends the frame and writes a skippable one with these bytes, which decoders pass over and the
  /// seek table lists. `variant` is the last hexadecimal digit of its magic number, 0x184D2A50 to
  /// 0x184D2A5F: 0 to 15, but not 14, which is the seek table's.
  void write_skippable_frame(unsigned variant, ByteSpan bytes);
  /// Ends the frame, writes the seek table, and closes the sink if that was asked for; does not
  /// flush it. When that fails this throws, and leaves the sink open. The writer is closed in any
  /// case, and a second call does nothing.
  void close();
  bool closed() const;

  /// How many compressed bytes the sink was given. Also after close().
  std::uint64_t tell() const;
  /// Bytes that write() has taken.
  std::uint64_t bytes_consumed() const;
  /// The frames that were written, after those that were there. Valid until the writer is gone or
  /// moved to.
  const SeekTable& seek_table() const;
  /// Bytes that the compressor and the buffers take, without the seek table.
  std::size_t memory_size() const;
  /// The sink's descriptor, where it has one.
  std::optional<int> fileno() const;

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
