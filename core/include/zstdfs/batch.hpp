#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "zstdfs/buffers.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs {

/// How ZstdCompressor::multi_compress_to_buffer and ZstdDecompressor::multi_decompress_to_buffer
/// go about it. The result does not depend on it: the same items give the same buffers.
struct BatchOptions {
  /// Threads that work at once, the calling one counted; 0: one; negative: one for each processor.
  /// No more are used than there is work for.
  int threads = 0;
  /// Threads that are there already, instead; not owned.
  WorkerPool* pool = nullptr;
  /// Called after some items are done, with how many are, one call at a time, from any of the
  /// threads. Must not use the compressor or decompressor, nor throw.
  std::function<void(std::size_t done)> progress = nullptr;
};

/// The items of buffers, for the functions that take many spans. They live as long as the buffers,
/// which are therefore no temporaries.
std::vector<ByteSpan> items_of(const BufferWithSegments& buffer);
std::vector<ByteSpan> items_of(const BufferWithSegmentsCollection& buffers);
std::vector<ByteSpan> items_of(const BufferWithSegments&& buffer) = delete;
std::vector<ByteSpan> items_of(const BufferWithSegmentsCollection&& buffers) = delete;

}  // namespace zstdfs
