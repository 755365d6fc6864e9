#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

#include "arguments.hpp"
#include "exclusive_use.hpp"
#include "source_input.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

/// Throws ZstdError where `given` bytes are more than were declared, or are all and fewer. libzstd
/// itself looks neither at frames without any input nor at all of those that workers compress.
void check_declared_size(std::uint64_t declared, std::uint64_t given, ZSTD_EndDirective directive);

/// What a compressor and the objects that it made share. All of it is touched only while in use.
struct CompressionContext {
  explicit CompressionContext(const CompressorOptions& options);
  ~CompressionContext();
  CompressionContext(const CompressionContext&) = delete;
  CompressionContext& operator=(const CompressionContext&) = delete;

  /// What workers are at: nothing, a frame, or one that libzstd gave up.
  enum class Workers { kIdle, kBusy, kFailed };
  /// What one call to libzstd did.
  struct Step {
    std::size_t produced = 0;
    /// All input was taken and nothing has to be emitted for the directive.
    bool complete = false;
  };

  /// Gives a context the parameters and the dictionary of the options: this one's, or others that
  /// are to compress alike. They may not outlive the options' dictionary.
  void configure(ZSTD_CCtx* context) const;
  /// For the frames to come. Throws ZstdError, and has changed nothing then.
  void set_parameter(int parameter, int value);
  /// Ends what workers still do for a frame that was not ended: libzstd resets and frees a context
  /// without waiting for them. To be called before that, and before a new frame.
  void abandon_frame();
  /// Makes `cctx` ready for a new frame, whatever the last operation has left.
  void begin_frame(std::optional<std::uint64_t> size);
  /// Attaches the dictionary's precomputed form, if it was made or replaced since. If there is
  /// none, has libzstd digest the dictionary again where parameters were changed.
  void refresh_dictionary();
  /// Compresses from the front of `input`, which it shortens by what was taken.
  Step step(ByteSpan& input, MutableByteSpan out, ZSTD_EndDirective directive);
  std::size_t memory_size() const;
  FrameProgression progression() const;
  /// Whether frames are compressed by workers, where they are not too small.
  bool has_workers() const;

  UseState use;
  const ZstdCompressionParameters initial_parameters;
  ZstdCompressionParameters parameters;  // with what was set since
  const std::shared_ptr<const ZstdCompressionDict> dict;
  const std::optional<ZstdThreadPool> thread_pool;
  std::shared_ptr<const ZSTD_CDict> attached;  // libzstd refers to it
  bool is_digest_outdated = false;             // libzstd's own: parameters were set since
  CCtxPtr cctx;
  std::optional<std::uint64_t> declared_size;  // of the present frame
  std::uint64_t taken_bytes = 0;               // of its input
  Workers workers = Workers::kIdle;
  ZSTD_EndDirective workers_directive = ZSTD_e_continue;  // what they may be busy with
  // They belong to the present operation, as cctx does: what it leaves there stays until it ends.
  ScratchBuffer input_scratch;
  ScratchBuffer output_scratch;

 private:
  CCtxPtr make_configured() const;
  void give_dictionary(ZSTD_CCtx* context) const;
  void wait_for_workers();
};

/// An operation, as the object that goes on with it holds it.
class CompressionOperation {
 public:
  /// Begins a new operation of the context.
  CompressionOperation(std::shared_ptr<CompressionContext> context,
                       std::optional<std::uint64_t> size);

  /// To be held during each call of the object that this belongs to.
  ExclusiveUse enter() const { return ExclusiveUse(context_->use); }

  /// Throws when the operation cannot go on: overtaken by another, or failed.
  void check_can_go_on() const;

  /// Goes on with it. What `work` throws, every later call throws again, because compressed bytes
  /// were lost.
  template <typename Work>
  auto go_on(Work work) {
    check_can_go_on();
    try {
      return work(*context_);
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
  }

  CompressionContext& context() const { return *context_; }

 private:
  std::shared_ptr<CompressionContext> context_;  // shared: see ZstdCompressor
  std::uint64_t number_ = 0;
  std::exception_ptr failure_;
};

}  // namespace zstdfs
