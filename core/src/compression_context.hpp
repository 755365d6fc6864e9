#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "arguments.hpp"
#include "exclusive_use.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

/// Memory whose content is of no interest to the next user. Grows, and never shrinks.
class ScratchBuffer {
 public:
  MutableByteSpan at_least(std::size_t bytes);
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
};

/// What a compressor and the objects that it made share. All of it is touched only while in use.
struct CompressionContext {
  explicit CompressionContext(const CompressorOptions& options);

  /// What one call to libzstd did.
  struct Step {
    std::size_t produced = 0;
    /// All input was taken and nothing has to be emitted for the directive.
    bool complete = false;
  };

  /// Gives a context the parameters and the dictionary of the options: this one's, or others that
  /// are to compress alike. They may not outlive the options' dictionary.
  void configure(ZSTD_CCtx* context) const;
  /// Makes `cctx` ready for a new frame, whatever the last operation has left.
  void begin_frame(std::optional<std::uint64_t> size);
  /// Attaches the dictionary's precomputed form, if it was made or replaced since.
  void refresh_dictionary();
  /// Compresses from the front of `input`, which it shortens by what was taken.
  Step step(ByteSpan& input, MutableByteSpan out, ZSTD_EndDirective directive);
  std::size_t memory_size() const;
  FrameProgression progression() const;

  UseState use;
  const ZstdCompressionParameters initial_parameters;
  ZstdCompressionParameters parameters;  // with what was set since
  const std::shared_ptr<const ZstdCompressionDict> dict;
  std::shared_ptr<const ZSTD_CDict> attached;  // libzstd refers to it
  CCtxPtr cctx;
  // They belong to the present operation, as cctx does: what it leaves there stays until it ends.
  ScratchBuffer input_scratch;
  ScratchBuffer output_scratch;
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

/// Bytes to be compressed: of a source, which needs a buffer, or in memory, which do not.
class UncompressedInput {
 public:
  explicit UncompressedInput(ByteSpan memory) : pending_(memory), bytes_read_(memory.size()) {}
  UncompressedInput(Source& source, std::size_t read_size);
  UncompressedInput(std::unique_ptr<Source> source, std::size_t read_size);

  /// What was read and not yet compressed.
  ByteSpan& pending() { return pending_; }
  /// Reads more when nothing is pending. False at the end, and then always.
  bool refill(CompressionContext& context);
  void close();
  /// What the source has given and was compressed.
  std::uint64_t bytes_consumed() const { return bytes_read_ - pending_.size(); }

 private:
  std::unique_ptr<Source> owned_;
  Source* source_ = nullptr;  // null: all is in pending_
  std::size_t read_size_ = 0;
  bool ended_ = false;
  ByteSpan pending_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace zstdfs
