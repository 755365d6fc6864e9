#pragma once

#include <memory>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs {

/// Compresses what is fed to it to one frame, piece by piece (python-zstandard's compressobj).
///
/// Lifetime: may outlive its compressor.
/// Thread safety: one thread at a time, together with the compressor; breaking that is a
/// UsageError, and so is going on after another operation of the compressor was begun.
/// Errors: what a call has thrown, every later call throws again: a part of the frame is lost. The
/// compressor can be used for new operations.
/// Memory: the compressor's context and its buffer of 131591 bytes.
class ZstdCompressionObj {
 public:
  ~ZstdCompressionObj();
  ZstdCompressionObj(ZstdCompressionObj&&) noexcept;
  ZstdCompressionObj& operator=(ZstdCompressionObj&&) noexcept;

  /// Returns the part of the frame that is complete by now: often nothing. Throws ZstdError when
  /// there is more input than the size that was declared, UsageError after the finish.
  Bytes compress(ByteSpan data);

  /// Ends the frame or, with kCompressObjFlushBlock, a block, and returns what remained to be
  /// emitted. A block without input is none. Throws ZstdError when a frame is ended with less input
  /// than was declared, UsageError after the finish.
  Bytes flush(CompressObjFlush mode = kCompressObjFlushFinish);

 private:
  friend class ZstdCompressor;
  struct State;
  explicit ZstdCompressionObj(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
