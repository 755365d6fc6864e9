#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "zstdfs/batch.hpp"
#include "zstdfs/byte_chunks.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/decompression_chunker.hpp"
#include "zstdfs/decompression_object.hpp"
#include "zstdfs/decompression_reader.hpp"
#include "zstdfs/decompression_writer.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/stream.hpp"

namespace zstdfs {

struct DecompressionContext;

/// Whether frames have to carry a checksum of their content.
enum class ChecksumPolicy {
  kVerifyIfPresent,
  /// A frame without one is refused where `dict_data` has no id (raw content): nothing else would
  /// tell that it is the wrong dictionary, and the content would be silently wrong.
  kRequireWithRawDict,
  kRequire,
};

struct DecompressorOptions {
  /// Shared, because decompressors and what they make may outlive the caller's own handle.
  std::shared_ptr<const ZstdCompressionDict> dict_data = nullptr;
  /// Dictionaries with ids, of which a frame that names one gets that. A frame that names another,
  /// or none, gets `dict_data`.
  std::vector<std::shared_ptr<const ZstdCompressionDict>> more_dicts = {};
  /// The largest window, in bytes, that a frame may ask for: what bounds the memory that streams
  /// take. From 1 KiB to 2 GiB. 0 is libzstd's limit (128 MiB) in streams, and none in one-shot
  /// decompression, where no window takes memory but the content does: `max_content_size`.
  std::uint64_t max_window_size = 0;
  int format = 0;  ///< kFormatZstd1 or kFormatZstd1Magicless
  /// The compressor writes checksums by itself where the default demands them.
  ChecksumPolicy checksums = ChecksumPolicy::kRequireWithRawDict;
  /// The most content, in bytes, that decompress() or multi_decompress_to_buffer() returns, and
  /// that each frame of a chain has; 0: any. More is a ZstdError, before memory is taken for it:
  /// a few KiB of frames can really hold 32768 times as much. It does not bound what is written to
  /// the caller's memory, nor streams, which give the content in pieces.
  std::uint64_t max_content_size = 0;
};

struct DecompressOptions {
  /// The most bytes that are returned where the frames do not say how many they hold; not looked
  /// at where they do. 0: such frames are an error.
  std::size_t max_output_size = 0;
  /// Decompresses all frames instead of one.
  bool read_across_frames = false;
  /// Whether bytes after the frame are left alone instead of being an error. Across frames: bytes
  /// that do not begin like a frame.
  bool allow_extra_data = false;
};

/// Compressed bytes read and decompressed bytes written.
struct DecompressingCopyResult {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  friend bool operator==(const DecompressingCopyResult&, const DecompressingCopyResult&) = default;
};

struct DecompressingCopyOptions {
  std::size_t read_size = 131075;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131072;  ///< the most that the sink is given at a time; not 0
  /// Called after each write, and at the end, with what was done so far. Must not use the
  /// decompressor.
  std::function<void(const DecompressingCopyResult&)> progress = nullptr;
};

struct DecompressionIteratorOptions {
  std::size_t read_size = 131075;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131072;  ///< the most that one step yields; not 0
  /// Passes over so many bytes before the first frame. They have to be fewer than `read_size`, and
  /// than the source has or gives at its first read: std::invalid_argument otherwise.
  std::size_t skip_bytes = 0;
  /// Goes on after the first frame, to the source's end. Otherwise what follows is not looked at.
  bool read_across_frames = false;
};

/// Decompresses zstd frames. Everywhere, skippable frames before a frame are passed over.
///
/// One decompressor does one thing at a time. Each call below that is not const begins an
/// operation, and what an earlier one returned (an object, reader, writer, range) can then no
/// longer be used: its calls throw UsageError.
///
/// Thread safety: one thread at a time, together with all objects it has made; a second thread gets
/// a UsageError, and so does a source, sink or callback that uses it from within a call. Not so
/// moving and destroying, which nothing else may overlap.
/// After an error: the decompressor can be used again, for new operations.
/// Memory: one zstd context (about 96 KiB), which streams let grow by the largest window and a
/// block, and the buffers that streams have used; the dictionary's digested form, shared with other
/// users of the dictionary.
class ZstdDecompressor {
 public:
  /// Throws ZstdError for a window limit or format that libzstd refuses, or a damaged dictionary.
  explicit ZstdDecompressor(const DecompressorOptions& options = {});
  ~ZstdDecompressor();
  ZstdDecompressor(ZstdDecompressor&&) noexcept;
  ZstdDecompressor& operator=(ZstdDecompressor&&) noexcept;

  /// Bytes that the context and its buffers take now.
  std::size_t memory_size() const;

  /// Decompresses the first frame of `data`, or all. Throws ZstdError: no frame, truncated or
  /// damaged, bytes left over (the message says how many), more than `max_output_size` or
  /// DecompressorOptions::max_content_size. Takes memory only for what the frames' blocks can
  /// really hold, whatever their headers claim.
  Bytes decompress(ByteSpan data, const DecompressOptions& options = {});
  /// As above into the caller's memory, which bounds the output in place of `max_output_size`.
  /// Returns how many bytes that were. After an error `out` holds unspecified bytes. It comes
  /// first, as wherever the library writes into the caller's memory.
  std::size_t decompress_into(MutableByteSpan out, ByteSpan data,
                              const DecompressOptions& options = {});

  /// Decompresses frames each of which, but the first, has the content of the one before as its
  /// dictionary; returns the last one's content. Every frame has to carry its content size. Throws
  /// std::invalid_argument for no frames, ZstdError otherwise; its message has the chunk's number,
  /// counted from 0.
  Bytes decompress_content_dict_chain(std::span<const ByteSpan> frames);

  /// Throws std::invalid_argument for a size of 0, as do the functions below.
  ZstdDecompressionObj decompressobj(const DecompressionObjectOptions& options = {});

  ZstdDecompressionChunker chunker(const DecompressionChunkerOptions& options = {});

  /// Yields what a source decompresses to, reading as the range is walked; a source without bytes
  /// yields nothing. A step throws ZstdError for data that does not decompress or ends within a
  /// frame, and what the source throws, after the bytes before that were yielded. The source or
  /// memory has to outlive what is returned, unless it is given away; so it is below.
  ByteChunks read_to_iter(Source& source, const DecompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(std::unique_ptr<Source> source,
                          const DecompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(ByteSpan data, const DecompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(Bytes&& data, const DecompressionIteratorOptions& options = {});
  ZstdDecompressionReader stream_reader(Source& source,
                                        const DecompressionReaderOptions& options = {});
  ZstdDecompressionReader stream_reader(std::unique_ptr<Source> source,
                                        const DecompressionReaderOptions& options = {});
  ZstdDecompressionReader stream_reader(ByteSpan data,
                                        const DecompressionReaderOptions& options = {});
  ZstdDecompressionReader stream_reader(Bytes&& data,
                                        const DecompressionReaderOptions& options = {});
  ZstdDecompressionWriter stream_writer(Sink& sink, const DecompressionWriterOptions& options = {});
  ZstdDecompressionWriter stream_writer(std::unique_ptr<Sink> sink,
                                        const DecompressionWriterOptions& options = {});

  /// Decompresses frames, several at once. Each has to be one whole frame and nothing else, but for
  /// skippable ones before it; segment
  /// number i of the result is the content of frame number i. `decompressed_sizes` has one size for
  /// each frame, or is empty: then every frame has to carry its own. Throws ZstdError that names
  /// the frame, std::invalid_argument for no frames or not one size for each. Memory: that of the
  /// content, once it was seen that the frames can hold as much; a context for each thread.
  BufferWithSegmentsCollection multi_decompress_to_buffer(
      std::span<const ByteSpan> frames, std::span<const std::uint64_t> decompressed_sizes = {},
      const BatchOptions& options = {});
  BufferWithSegmentsCollection multi_decompress_to_buffer(
      const BufferWithSegments& frames, std::span<const std::uint64_t> decompressed_sizes = {},
      const BatchOptions& options = {});
  BufferWithSegmentsCollection multi_decompress_to_buffer(
      const BufferWithSegmentsCollection& frames,
      std::span<const std::uint64_t> decompressed_sizes = {}, const BatchOptions& options = {});

  /// Decompresses all frames of `source` into `sink`; closes and flushes neither. Throws ZstdError
  /// for damaged data and for a source that ends within a frame, after what came before that was
  /// written; and what source and sink throw.
  DecompressingCopyResult copy_stream(Source& source, Sink& sink,
                                      const DecompressingCopyOptions& options = {});

  /// Abandons the present operation.
  void reset();
  /// As above; parameters become again those of the constructor.
  void reset_parameters();
  /// Any parameter that the installed libzstd knows (a ZSTD_dParameter), for the operations to
  /// come. Abandons the present one. Throws ZstdError.
  void set_parameter(int parameter, int value);
  int get_parameter(int parameter) const;
  /// Not those of compressors: their numbers are other parameters here.
  void set_parameter(CompressionParameter parameter, int value) = delete;
  int get_parameter(CompressionParameter parameter) const = delete;

 private:
  /// Shared with the objects it makes, which may outlive it.
  std::shared_ptr<DecompressionContext> context_;
};

/// Decompresses one frame with a context of its own: in a loop, a ZstdDecompressor is faster.
/// Trailing bytes are an error. Throws as ZstdDecompressor::decompress does.
Bytes decompress(ByteSpan data, std::size_t max_output_size = 0);

}  // namespace zstdfs
