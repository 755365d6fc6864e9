#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "arguments.hpp"
#include "exclusive_use.hpp"
#include "frames_in_memory.hpp"
#include "source_input.hpp"
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
  /// Gives the next frame content to refer to, which has to stay in place. While in use.
  void refer_to(ByteSpan prefix);
  /// Makes parameters again those of the construction. While in use.
  void reset_parameters();
  /// Decompresses whole frames, which `stored` consists of, with a context that has this
  /// configuration. Returns what libzstd returns.
  std::size_t decompress_frames(ZSTD_DCtx* context, MutableByteSpan out, ByteSpan stored) const;
  /// Throws ZstdError when the options do not allow a frame.
  void check_allowed(const FrameInMemory& frame) const;
  /// Throws ZstdError when the options do not allow to take memory for so much content.
  void check_content_size(std::uint64_t bytes) const;
  /// As much as max_content_size allows of `bytes`.
  std::uint64_t within_content_limit(std::uint64_t bytes) const;
  bool is_magicless() const { return format == ZSTD_f_zstd1_magicless; }
  void set_parameter(int parameter, int value);
  std::size_t memory_size() const;
  /// The dictionary for a frame that names `dict_id`.
  const ZSTD_DDict* dictionary_for(std::uint32_t dict_id) const;
  /// Makes it that of the frame which a stream is about to begin, unless a prefix takes its place.
  void choose_dictionary(std::uint32_t dict_id);

  const DecompressorOptions options;
  const bool requires_checksum;
  UseState use;
  DCtxPtr dctx;  // touched only while in use, as all below
  int format;
  std::uint64_t max_window_size;
  bool has_prefix = false;        // may be left
  std::map<int, int> parameters;  // what was set since the construction
  /// Shared: libzstd refers to them, and the dictionaries may let go of them.
  std::shared_ptr<const ZSTD_DDict> digested;
  std::vector<std::shared_ptr<const ZSTD_DDict>> more_digested;  // as `more_dicts` of the options
  // They belong to the present operation, as dctx does.
  ScratchBuffer input_scratch;
  ScratchBuffer output_scratch;
};

/// Frames, decompressed in steps: tells where they end, and data from skippable ones.
class FrameStream {
 public:
  enum class Event { kNone, kSkippableFrameEnd, kDataFrameEnd };

  /// Begins a new operation of the context.
  explicit FrameStream(std::shared_ptr<DecompressionContext> context);

  /// To be held during each call of the object that this belongs to, which goes on with it.
  ExclusiveUse use() const { return ExclusiveUse(context_->use, operation_); }
  /// As above for calls that only ask or close, also after another operation was begun.
  ExclusiveUse enter() const { return ExclusiveUse(context_->use); }

  /// While in use: throws UsageError when another operation was begun.
  void check_not_overtaken() const { ExclusiveUse::check_current(context_->use, operation_); }

  /// Decompresses until the input is used up, the output full, or a frame at its end, and takes
  /// what was consumed and produced from the fronts of the spans. Throws ZstdError, and the same
  /// one whenever it is called again.
  Event step(ByteSpan& in, MutableByteSpan& out);

  /// Whether a step without input may produce more.
  bool has_pending_output() const { return has_pending_output_; }
  /// Whether the input so far ends within a frame.
  bool is_in_frame() const { return is_in_frame_; }
  /// Content that the present frame claims to have still; 0 where it does not say.
  std::uint64_t content_left() const;
  /// Data frames that have ended.
  std::uint64_t data_frames() const { return data_frames_; }
  std::uint64_t consumed() const { return consumed_; }
  std::uint64_t produced() const { return produced_; }
  std::size_t memory_size() const;

  /// The buffers of the present operation.
  ScratchBuffer& input_scratch() const { return context_->input_scratch; }
  ScratchBuffer& output_scratch() const { return context_->output_scratch; }

  /// For an input that is at its end: throws ZstdError if it ends within a frame.
  void check_not_truncated() const;

 private:
  /// No frame header is longer.
  static constexpr std::size_t kStartBytes = ZSTD_FRAMEHEADERSIZE_MAX;

  /// Reads the present frame's header, if all of it is there by now.
  void find_header(ByteSpan in);
  std::size_t whole_frame(ByteSpan in, std::size_t room);
  /// Gives libzstd the dictionary, and what was kept of the header, which makes no output.
  void begin_frame(MutableByteSpan out);
  /// How many of the bytes that are there libzstd is to be given next.
  std::size_t presentable(std::size_t there) const;
  /// What libzstd returned, if it is no error.
  std::size_t check(std::size_t result);
  Event advance(ByteSpan& in, std::size_t consumed, MutableByteSpan& out, std::size_t produced,
                bool is_frame_end);
  void note(ByteSpan consumed, std::size_t produced);
  void check_content_size();
  [[noreturn]] void fail(int code, const std::string& what);

  std::shared_ptr<DecompressionContext> context_;  // shared: see ZstdDecompressor
  std::uint64_t operation_ = 0;
  // Of the present frame:
  std::array<std::byte, kStartBytes> start_{};
  std::size_t start_bytes_ = 0;
  std::optional<ZSTD_frameHeader> header_;
  bool is_begun_ = false;  // libzstd has it
  std::uint64_t frame_produced_ = 0;
  // Of all:
  bool is_in_frame_ = false;
  bool has_pending_output_ = false;
  std::uint64_t data_frames_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t produced_ = 0;
  std::optional<ZstdError> failure_;
};

}  // namespace zstdfs
