#pragma once

#include <memory>

#include "decompression_context.hpp"
#include "decompression_pull.hpp"

// What the objects that a decompressor makes are made of.

namespace zstdfs {

struct ZstdDecompressionObj::State {
  State(std::shared_ptr<DecompressionContext> context, const DecompressionObjectOptions& given);

  /// Decompresses from the front of `in` until `out` has `max_length` bytes or nothing is left.
  void run(ByteSpan& in, Bytes& out, std::size_t max_length);

  FrameStream stream;
  const DecompressionObjectOptions options;
  std::unique_ptr<std::byte[]> buffer;  // of one step's output
  bool finished = false;
  Bytes unused_data;
  Bytes unconsumed_tail;
};

struct ZstdDecompressionReader::State {
  State(std::shared_ptr<DecompressionContext> context, CompressedInput input,
        const DecompressionReaderOptions& options);

  DecompressionPull pull;
  const bool closefd;
  bool closed = false;
  std::uint64_t position = 0;
};

struct ZstdDecompressionWriter::State {
  State(std::shared_ptr<DecompressionContext> context, Sink& given,
        const DecompressionWriterOptions& options);

  FrameStream stream;
  std::unique_ptr<Sink> owned;
  Sink& sink;
  const DecompressionWriterOptions options;
  std::unique_ptr<std::byte[]> buffer;  // of one step's output
  bool closed = false;
  bool failed = false;
};

struct ZstdDecompressionRange::State {
  State(std::shared_ptr<DecompressionContext> context, CompressedInput input,
        const DecompressionIteratorOptions& given);

  DecompressionPull pull;
  const DecompressionIteratorOptions options;
  std::unique_ptr<std::byte[]> buffer;  // of one piece
  bool begun = false;
};

}  // namespace zstdfs
