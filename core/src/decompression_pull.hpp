#pragma once

#include <exception>
#include <memory>

#include "decompression_context.hpp"
#include "source_input.hpp"

namespace zstdfs {

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

  DecompressionPull(std::shared_ptr<DecompressionContext> context, SourceInput input,
                    FrameEnd frame_end)
      : stream_(std::move(context)), input_(std::move(input)), frame_end_(frame_end) {}

  /// Begins a read, which may take several calls of pull().
  void begin_read() {
    read_bytes_ = 0;
    is_read_over_ = false;
  }
  /// Returns how many bytes were put into `out`; fewer than it takes where the read has to stop,
  /// and 0 at the end. An error is thrown if the read has got nothing before; otherwise it stops
  /// the read, and the next one throws it.
  std::size_t pull(MutableByteSpan out, Wait wait);

  FrameStream& stream() { return stream_; }
  const FrameStream& stream() const { return stream_; }
  SourceInput& input() { return input_; }

 private:
  /// One step, and what it means. False: the read stops.
  bool pull_step(MutableByteSpan& rest, Wait wait);

  FrameStream stream_;
  SourceInput input_;
  FrameEnd frame_end_;
  bool is_finished_ = false;
  std::uint64_t read_bytes_ = 0;  // what the present read has got
  bool is_read_over_ = false;     // a frame has ended it
  std::exception_ptr deferred_;   // what the next read throws
};

}  // namespace zstdfs
