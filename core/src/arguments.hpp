#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace zstdfs {

/// Throws std::invalid_argument, naming the option, for a size of 0.
inline void require_nonzero(std::size_t size, const char* name) {
  if (size == 0) throw std::invalid_argument(std::string(name) + " must not be 0");
}

/// The size of a read. Throws std::invalid_argument where it is negative; -1 is for the caller to
/// look at before.
inline std::size_t checked_size(std::int64_t size) {
  if (size < 0) throw std::invalid_argument("cannot read " + std::to_string(size) + " bytes");
  return static_cast<std::size_t>(size);
}

}  // namespace zstdfs
