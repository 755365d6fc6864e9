#pragma once

#include <zstd.h>

#include <memory>
#include <new>

// Owners of libzstd's contexts.

namespace zstdfs {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using CCtxPtr = std::unique_ptr<ZSTD_CCtx, FreeContext>;
using DCtxPtr = std::unique_ptr<ZSTD_DCtx, FreeContext>;

inline CCtxPtr make_cctx() {
  CCtxPtr context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  return context;
}

inline DCtxPtr make_dctx() {
  DCtxPtr context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context;
}

}  // namespace zstdfs
