#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <array>
#include <memory>
#include <optional>

#include "arguments.hpp"
#include "exclusive_use.hpp"
#include "frames_in_memory.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

/// What a decompressor and the objects that it made share.
struct DecompressionContext {
  explicit DecompressionContext(const DecompressorOptions& options);

  /// Gives a context the limits, format and dictionary of the options: this one's, or others that
  /// are to decompress alike. They may not outlive this.
  void configure(ZSTD_DCtx* context) const;
  /// Makes the context ready for a new operation, whatever the last one has left. While in use.
  void begin();
  /// Throws ZstdError when the options do not allow a frame.
  void check_allowed(const FrameInMemory& frame) const;
  bool is_magicless() const { return options.format == ZSTD_f_zstd1_magicless; }

  const DecompressorOptions options;
  const bool requires_checksum;
  UseState use;
  DCtxPtr dctx;  // touched only while in use
  /// Shared: libzstd refers to it, and the dictionary may let go of it.
  std::shared_ptr<const ZSTD_DDict> digested;
};

/// Frames, decompressed in steps: tells where they end, and data from skippable ones.
class FrameStream {
 public:
  enum class Event { kNone, kSkippableFrameEnd, kDataFrameEnd };

  /// Begins a new operation of the context.
  explicit FrameStream(std::shared_ptr<DecompressionContext> context);

  /// To be held during each call of the object that this belongs to.
  ExclusiveUse use() const { return ExclusiveUse(context_->use, operation_); }

  /// Decompresses until the input is used up, the output full, or a frame at its end, and takes
  /// what was consumed and produced from the fronts of the spans. Throws ZstdError, and the same
  /// one whenever it is called again.
  Event step(ByteSpan& in, MutableByteSpan& out);

  /// Whether a step without input may produce more.
  bool has_pending_output() const { return has_pending_output_; }
  /// Whether the input so far ends within a frame.
  bool is_in_frame() const { return is_in_frame_; }
  /// Data frames that have ended.
  std::uint64_t data_frames() const { return data_frames_; }
  std::uint64_t consumed() const { return consumed_; }
  std::uint64_t produced() const { return produced_; }
  std::size_t memory_size() const;

  /// For an input that is at its end: throws ZstdError if it ends within a frame.
  void check_not_truncated() const;

 private:
  /// Up to and with the frame header descriptor.
  static constexpr std::size_t kStartBytes = 5;

  void note_start(ByteSpan consumed);
  bool is_skippable() const;
  void check_checksum_policy();
  [[noreturn]] void fail(int code, const std::string& what);

  std::shared_ptr<DecompressionContext> context_;  // shared: see ZstdDecompressor
  std::uint64_t operation_ = 0;
  std::array<std::byte, kStartBytes> start_{};  // of the present frame
  std::size_t start_bytes_ = 0;
  bool is_in_frame_ = false;
  bool has_pending_output_ = false;
  std::uint64_t data_frames_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t produced_ = 0;
  std::optional<ZstdError> failure_;
};

}  // namespace zstdfs
