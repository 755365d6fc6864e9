#pragma once

// What the objects hold that a ZstdCompressor makes, for the compressor, which makes it.

#include "compression_context.hpp"

namespace zstdfs {

struct ZstdCompressionObj::State {
  explicit State(CompressionOperation begun) : operation(std::move(begun)) {}

  /// All that is emitted for `data` and the directive.
  Bytes emit(ByteSpan data, ZSTD_EndDirective directive);
  void check_unfinished() const;

  CompressionOperation operation;
  bool is_finished = false;
};

struct ZstdCompressionChunker::State {
  State(CompressionOperation begun, std::size_t bytes)
      : operation(std::move(begun)), chunk_size(bytes) {}

  /// The range of one call of `self`.
  static ByteChunks begin(const std::shared_ptr<State>& self, ByteSpan data,
                          ZSTD_EndDirective directive);
  class Chunks;
  ByteSpan next(ZSTD_EndDirective directive);
  /// A piece, if there is one to be yielded; notes the end of the call's output.
  ByteSpan make_piece(CompressionContext& context, ZSTD_EndDirective directive);

  CompressionOperation operation;
  const std::size_t chunk_size;
  Bytes given;                    // the last input that was given away
  ByteSpan input;                 // of the present call, not yet taken
  std::uint64_t given_bytes = 0;  // by all calls
  std::size_t filled = 0;         // bytes of the next piece, which are in the context's buffer
  bool is_call_complete = false;  // libzstd has nothing more for the present call
  bool is_unconsumed = false;     // the present call's range is not at its end
  bool is_finished = false;
};

struct ZstdCompressionReader::State {
  enum class Wait {
    kForAll,  ///< until the output is full
    kForAny,  ///< until there is something
  };

  State(CompressionOperation begun, SourceInput from, bool close_source)
      : operation(std::move(begun)), input(std::move(from)), closes_source(close_source) {}

  std::size_t pull(MutableByteSpan out, Wait wait);
  Bytes pull_bytes(std::size_t size, Wait wait);
  void check_open() const;

  CompressionOperation operation;
  SourceInput input;
  const bool closes_source;
  bool is_finished = false;  // the frame's end was read
  bool is_closed = false;
  std::uint64_t emitted_bytes = 0;
};

struct ZstdCompressionWriter::State {
  enum class Frame {
    kNone,   ///< no frame was begun: the first one
    kOpen,   ///< has input
    kEnded,  ///< nothing came after the last frame's end
  };

  State(CompressionOperation begun, Sink& to, const CompressionWriterOptions& with)
      : operation(std::move(begun)), sink(&to), options(with) {}

  /// Compresses all of `data` and gives the sink what is emitted. Returns how many bytes it was.
  std::size_t emit(ByteSpan data, ZSTD_EndDirective directive);
  void check_open() const;

  CompressionOperation operation;
  std::unique_ptr<Sink> owned;
  Sink* sink;
  const CompressionWriterOptions options;
  Frame frame = Frame::kNone;
  bool is_closed = false;
  std::uint64_t taken_bytes = 0;
  std::uint64_t emitted_bytes = 0;
};

/// The pieces, of at most `write_size`, that can be read from a reader.
ByteChunks chunks_of(ZstdCompressionReader reader, std::size_t write_size);

}  // namespace zstdfs
