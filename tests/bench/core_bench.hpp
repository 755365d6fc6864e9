#pragma once

#include <benchmark/benchmark.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <functional>
#include <memory>
#include <string>

#include "zstdfs/bytes.hpp"
#include "zstdfs/stream.hpp"

// Pairs of the same work: by the bare libzstd calls, and by core. A pair's names differ in their
// last part alone ("libzstd", "core"): what ratios.py goes by.

namespace zstdfs::bench {

/// One round of some work. Returns how many bytes came out, so that nothing is optimised away.
using Work = std::function<std::size_t()>;

/// Registers a pair. `content_bytes` are those that a round compresses, or decompresses to.
void add_pair(const std::string& name, std::size_t content_bytes, const Work& libzstd,
              const Work& core);

using CCtx = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;
using DCtx = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;
std::shared_ptr<ZSTD_CCtx> make_cctx(int level);
std::shared_ptr<ZSTD_DCtx> make_dctx();

/// `content` as one frame of libzstd's.
Bytes frame_of(ByteSpan content);

/// Counts what it is given, and forgets it.
class CountingSink final : public Sink {
 public:
  std::size_t write(ByteSpan bytes) override {
    count += bytes.size();
    return bytes.size();
  }
  std::size_t count = 0;
};

void add_one_shot_pairs();
void add_stream_pairs();
void add_batch_pairs();
void add_seekable_pairs();

}  // namespace zstdfs::bench
