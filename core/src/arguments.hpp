#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace zstdfs {

/// Throws std::invalid_argument, naming the option, for a size of 0.
inline void require_nonzero(std::size_t size, const char* name) {
  if (size == 0) throw std::invalid_argument(std::string(name) + " must not be 0");
}

}  // namespace zstdfs
