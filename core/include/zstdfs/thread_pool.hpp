#pragma once

#include <cstddef>
#include <memory>

struct POOL_ctx_s;

namespace zstdfs {

/// Worker threads for the compressors that are given it, in place of threads of their own: what
/// `threads` of each asks for are then jobs that take turns here.
///
/// Copies share the threads, which end with the last copy and the last compressor.
/// Thread safety: immutable; compressors of different threads may use it at once.
class ZstdThreadPool {
 public:
  /// Throws std::invalid_argument for no threads, std::bad_alloc.
  explicit ZstdThreadPool(std::size_t threads);

  /// For libzstd's own functions (a ZSTD_threadPool).
  POOL_ctx_s* raw() const { return pool_.get(); }

 private:
  std::shared_ptr<POOL_ctx_s> pool_;
};

}  // namespace zstdfs
