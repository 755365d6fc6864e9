#pragma once

#include <exception>
#include <memory>

#include "decompression_context.hpp"
#include "decompression_pull.hpp"

// What the objects that a decompressor makes are made of.

namespace zstdfs {

struct ZstdDecompressionObj::State {
  State(std::shared_ptr<DecompressionContext> context, const DecompressionObjectOptions& given);

  /// Decompresses from the front of `in` until `out` has `max_length` bytes or nothing is left.
  void run(ByteSpan& in, Bytes& out, std::size_t max_length);
  /// Keeps the rest of a call's input, which may lie in what was kept before: there it stays.
  void keep(ByteSpan rest);
  /// Both, for a call; notes what is thrown.
  Bytes decompress(ByteSpan data, std::size_t max_length);
  bool needs_input() const;

  FrameStream stream;
  const DecompressionObjectOptions options;
  bool finished = false;
  std::exception_ptr failure;  // bytes were lost by it
  Bytes unused_data;
  Bytes kept;
  ByteSpan unconsumed_tail;  // of it
};

struct ZstdDecompressionReader::State {
  State(std::shared_ptr<DecompressionContext> context, SourceInput input,
        const DecompressionReaderOptions& options);

  /// Throws UsageError when it is closed, or another operation was begun.
  void check_can_go_on() const;

  DecompressionPull pull;
  const bool closefd;
  bool closed = false;
  std::uint64_t position = 0;
};

struct ZstdDecompressionWriter::State {
  State(std::shared_ptr<DecompressionContext> context, Sink& given,
        const DecompressionWriterOptions& options);

  void check_open() const;
  /// Throws again what an earlier write has thrown.
  void check_whole() const;
  /// Decompresses all of `in` into the sink; notes what is thrown.
  void write(ByteSpan in);

  FrameStream stream;
  std::unique_ptr<Sink> owned;
  Sink& sink;
  const DecompressionWriterOptions options;
  bool closed = false;
  std::exception_ptr failure;  // bytes were lost by it
};

struct ZstdDecompressionChunker::State {
  enum class Call { kDecompress, kFlush, kFinish };

  State(std::shared_ptr<DecompressionContext> context, std::size_t bytes)
      : stream(std::move(context)), chunk_size(bytes) {}

  /// The range of one call of `self`.
  static ByteChunks begin(const std::shared_ptr<State>& self, ByteSpan data, Call call);
  class Chunks;
  /// A piece, or nothing at the end of the call's output.
  ByteSpan next(Call call);

  FrameStream stream;
  const std::size_t chunk_size;
  Bytes given;                 // the last input that was given away
  ByteSpan input;              // of the present call, not yet taken
  std::size_t filled = 0;      // bytes of the next piece, which are in the context's buffer
  bool is_unconsumed = false;  // the present call's range is not at its end
  bool is_finished = false;
};

/// The pieces that an input decompresses to.
ByteChunks decompressed_chunks(std::shared_ptr<DecompressionContext> context, SourceInput input,
                               const DecompressionIteratorOptions& options);

}  // namespace zstdfs
