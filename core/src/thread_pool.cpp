#include "zstdfs/thread_pool.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <new>

#include "arguments.hpp"

namespace zstdfs {

ZstdThreadPool::ZstdThreadPool(std::size_t threads) {
  require_nonzero(threads, "threads");
  POOL_ctx_s* const pool = ZSTD_createThreadPool(threads);
  if (pool == nullptr) throw std::bad_alloc();
  pool_ = {pool, ZSTD_freeThreadPool};
}

}  // namespace zstdfs
