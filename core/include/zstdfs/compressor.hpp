#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "zstdfs/batch.hpp"
#include "zstdfs/byte_chunks.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/compression_chunker.hpp"
#include "zstdfs/compression_object.hpp"
#include "zstdfs/compression_parameters.hpp"
#include "zstdfs/compression_reader.hpp"
#include "zstdfs/compression_writer.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/stream.hpp"
#include "zstdfs/thread_pool.hpp"

namespace zstdfs {

struct CompressionContext;

struct CompressorOptions {
  int level = 3;  ///< at most 22; 0 is 3; what is too low becomes the lowest
  /// Shared, because compressors and what they make may outlive the caller's own handle.
  std::shared_ptr<const ZstdCompressionDict> dict_data = nullptr;
  /// In place of the level and of everything below.
  std::optional<ZstdCompressionParameters> compression_params = std::nullopt;
  /// Absent: only with a dictionary that frames do not name, because it has no id (raw content) or
  /// ids are not written: there nothing but a checksum tells a reader that its dictionary is the
  /// wrong one. The same holds for parameters that do not say, and those write no ids unless they
  /// are told to. python-zstandard writes no checksum there.
  std::optional<bool> write_checksum = std::nullopt;
  std::optional<bool> write_content_size = std::nullopt;  ///< absent: true, where it is known
  std::optional<bool> write_dict_id = std::nullopt;       ///< absent: true
  int threads = 0;  ///< worker threads; 0: the caller's; negative: one for each processor
  /// Threads that are there already, for the workers of `threads` or of `compression_params`.
  std::optional<ZstdThreadPool> thread_pool = std::nullopt;
  /// Cuts frames so that a change of the input changes little of the output, for tools that send
  /// differences: at about every `job_size` bytes. libzstd does it with worker threads only, so
  /// there is at least one.
  bool rsyncable = false;
};

/// How far the present or last frame has got, in bytes.
struct FrameProgression {
  std::uint64_t ingested = 0;  ///< taken
  std::uint64_t consumed = 0;  ///< compressed
  std::uint64_t produced = 0;  ///< made of them, whether or not it was emitted
  friend bool operator==(const FrameProgression&, const FrameProgression&) = default;
};

struct CompressingCopyOptions {
  /// Bytes that the source has, if that is known. A SpanSource knows it itself.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t read_size = 131072;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131591;  ///< the most that the sink is given at a time; not 0
  /// Called after each read, and at the end. Must not use the compressor.
  std::function<void(const FrameProgression&)> progress = nullptr;
};

/// Bytes read and compressed bytes written.
struct CompressingCopyResult {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  friend bool operator==(const CompressingCopyResult&, const CompressingCopyResult&) = default;
};

struct CompressionIteratorOptions {
  /// Bytes that the source has, if that is known. A SpanSource knows it itself; for memory that is
  /// given as a span or given away this is not looked at.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t read_size = 131072;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131591;  ///< the most that one step yields; not 0
};

/// Compresses to zstd frames.
///
/// One compressor does one thing at a time. Each call below that compresses, makes an object that
/// does, or resets, begins an operation, and what an earlier one returned (an object, chunker,
/// reader, writer, range) can then no longer be used: its calls throw UsageError.
///
/// Where a size is declared, parameters are tuned to it and the frame can carry it; a wrong one is
/// a ZstdError at the call that finds out.
///
/// Thread safety: one thread at a time, together with all objects it has made; a second thread gets
/// a UsageError, and so does a source, sink or callback that uses it from within a call. Not so
/// moving and destroying, which nothing else may overlap.
/// Threads: a frame that is not ended (abandoned, or too large for the memory it was to go to)
/// keeps the workers until they are done with the jobs they have; the next operation waits for
/// that, and so does destroying the compressor and the last object it has made.
/// After an error: the compressor can be used again, for new operations.
/// Memory: one zstd context, which grows to what the largest operation so far needed (at level 3
/// about 1.3 MiB, more at higher levels; with threads several blocks of 1 MiB and more), and the
/// buffers that operations have used.
class ZstdCompressor {
 public:
  /// Throws std::invalid_argument for a level above 22, and for `compression_params` together with
  /// a flag, threads or rsyncable; ZstdError for a damaged dictionary, and for more threads than
  /// libzstd takes.
  explicit ZstdCompressor(const CompressorOptions& options = {});
  ~ZstdCompressor();
  ZstdCompressor(ZstdCompressor&&) noexcept;
  ZstdCompressor& operator=(ZstdCompressor&&) noexcept;

  /// Bytes that the context and its buffers take now: also the dictionary's digested form, unless
  /// that is a precomputed one, which others may share.
  std::size_t memory_size() const;
  FrameProgression frame_progression() const;
  /// Bytes that the oldest unfinished job of the workers has ready to be emitted. 0 without
  /// threads.
  std::size_t to_flush_now() const;

  /// Compresses `data` to one frame.
  Bytes compress(ByteSpan data);
  /// As above into the caller's memory. Returns the frame's size. Throws ZstdError when it does not
  /// fit; it always does in compress_bound(data.size()) bytes. After an error `out` holds
  /// unspecified bytes.
  std::size_t compress_into(MutableByteSpan out, ByteSpan data);

  ZstdCompressionObj compressobj(std::optional<std::uint64_t> size = std::nullopt);

  /// Throws std::invalid_argument for a size of 0 where one must not be, as do all below.
  ZstdCompressionChunker chunker(const CompressionChunkerOptions& options = {});

  /// Compresses all of `source` to one frame in `sink`; closes and flushes neither. Passes on what
  /// they throw; then the sink holds no whole frame.
  CompressingCopyResult copy_stream(Source& source, Sink& sink,
                                    const CompressingCopyOptions& options = {});

  /// Yields the frame that a source compresses to, reading as the range is walked. The source or
  /// memory has to outlive what is returned, unless it is given away; so it is below.
  ByteChunks read_to_iter(Source& source, const CompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(std::unique_ptr<Source> source,
                          const CompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(ByteSpan data, const CompressionIteratorOptions& options = {});
  ByteChunks read_to_iter(Bytes&& data, const CompressionIteratorOptions& options = {});

  ZstdCompressionReader stream_reader(Source& source, const CompressionReaderOptions& options = {});
  ZstdCompressionReader stream_reader(std::unique_ptr<Source> source,
                                      const CompressionReaderOptions& options = {});
  ZstdCompressionReader stream_reader(ByteSpan data, const CompressionReaderOptions& options = {});
  ZstdCompressionReader stream_reader(Bytes&& data, const CompressionReaderOptions& options = {});

  ZstdCompressionWriter stream_writer(Sink& sink, const CompressionWriterOptions& options = {});
  ZstdCompressionWriter stream_writer(std::unique_ptr<Sink> sink,
                                      const CompressionWriterOptions& options = {});

  /// Compresses each item to a frame of its own, several at once; each frame is compressed by one
  /// thread, whatever `compression_params` say. Segment number i of the result is item number i.
  /// Throws std::invalid_argument when there is no item, or only empty ones; ZstdError that names
  /// the item. Memory: a context for each thread, and the compressed bound of 1 MiB or one item.
  BufferWithSegmentsCollection multi_compress_to_buffer(std::span<const ByteSpan> items,
                                                        const BatchOptions& options = {});
  BufferWithSegmentsCollection multi_compress_to_buffer(const BufferWithSegments& items,
                                                        const BatchOptions& options = {});
  BufferWithSegmentsCollection multi_compress_to_buffer(const BufferWithSegmentsCollection& items,
                                                        const BatchOptions& options = {});

  /// Abandons the present operation.
  void reset();
  /// As above; parameters and dictionary become again those of the constructor.
  void reset_parameters();
  /// Any parameter that the installed libzstd knows (a ZSTD_cParameter), for the frames to come.
  /// Throws ZstdError, as ZstdCompressionParameters::with() does, and has changed nothing then.
  /// Within a frame libzstd takes a few (the level, and what it stands for) and refuses the others
  /// with a ZstdError.
  void set_parameter(int parameter, int value);
  int get_parameter(int parameter) const;
  /// Not those of decompressors: their numbers are other parameters here.
  void set_parameter(DecompressionParameter parameter, int value) = delete;
  int get_parameter(DecompressionParameter parameter) const = delete;

 private:
  /// Shared with the objects it makes, which may outlive it.
  std::shared_ptr<CompressionContext> context_;
};

/// Compresses with a compressor of its own: in a loop, a ZstdCompressor is faster.
Bytes compress(ByteSpan data, int level = 3);

/// The size of the largest frame that so many bytes compress to in one call.
std::size_t compress_bound(std::size_t data_bytes);

}  // namespace zstdfs
