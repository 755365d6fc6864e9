#include "zstdfs/errors.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <cstdio>
#include <cstdlib>

namespace zstdfs {

std::size_t ZstdError::check(std::size_t result, const char* doing) {
  if (ZSTD_isError(result) == 0) return result;
  throw ZstdError(static_cast<int>(ZSTD_getErrorCode(result)),
                  std::string("cannot ") + doing + ": " + ZSTD_getErrorName(result));
}

namespace detail {

void assertion_failed(const char* expression, const char* file, int line) {
  (void)std::fprintf(stderr, "zstdfs: internal error: %s does not hold (%s:%d)\n", expression, file,
                     line);
  std::abort();
}

}  // namespace detail
}  // namespace zstdfs
