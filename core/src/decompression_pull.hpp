#pragma once

#include <exception>
#include <memory>

#include "decompression_context.hpp"
#include "zstdfs/stream.hpp"

namespace zstdfs {

/// Compressed bytes from a source, which need a buffer, or in memory, which do not.
class CompressedInput {
 public:
  explicit CompressedInput(ByteSpan memory) : pending_(memory) {}
  explicit CompressedInput(Bytes&& memory) : memory_(std::move(memory)), pending_(memory_) {}
  CompressedInput(Source& source, std::size_t read_size);
  CompressedInput(std::unique_ptr<Source> source, std::size_t read_size);

  /// What has been read and not yet been used; the user takes from its front.
  ByteSpan& pending() { return pending_; }
  /// Reads more when nothing is pending. False at the end.
  bool refill();
  /// What was read from the source. 0 in memory.
  std::uint64_t bytes_read() const { return bytes_read_; }
  void close();

 private:
  std::unique_ptr<Source> owned_;
  Source* source_ = nullptr;
  std::size_t read_size_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
  Bytes memory_;      // where it was given away; not changed, so that moving it keeps its place
  ByteSpan pending_;  // of the caller's memory, `memory_` or `buffer_`
  std::uint64_t bytes_read_ = 0;
};

/// Decompressed bytes on demand: what the reader, the range and copy_stream have in common.
class DecompressionPull {
 public:
  enum class FrameEnd {
    kGoOn,
    kEndsRead,    ///< a read that has got something stops there
    kEndsStream,  ///< what follows is not looked at
  };
  enum class Wait {
    kForAll,  ///< until the output is full
    kForAny,  ///< the source is not read again once there is something
  };

  DecompressionPull(std::shared_ptr<DecompressionContext> context, CompressedInput input,
                    FrameEnd frame_end)
      : stream_(std::move(context)), input_(std::move(input)), frame_end_(frame_end) {}

  /// Begins a read, which may take several calls of pull().
  void begin_read() { read_bytes_ = 0; }
  /// Returns how many bytes were put into `out`; fewer than it takes where the read has to stop,
  /// and 0 at the end. An error is thrown if the read has got nothing before; otherwise it stops
  /// the read, and the next one throws it.
  std::size_t pull(MutableByteSpan out, Wait wait);

  FrameStream& stream() { return stream_; }
  const FrameStream& stream() const { return stream_; }
  CompressedInput& input() { return input_; }

 private:
  /// One step, and what it means. False: the read stops.
  bool pull_step(MutableByteSpan& rest, Wait wait);

  FrameStream stream_;
  CompressedInput input_;
  FrameEnd frame_end_;
  bool is_finished_ = false;
  std::uint64_t read_bytes_ = 0;  // what the present read has got
  std::exception_ptr deferred_;   // what the next read throws
};

}  // namespace zstdfs
