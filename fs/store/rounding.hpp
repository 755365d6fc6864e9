#pragma once

#include <cstdint>

namespace zstdfs::store {

/// The multiples of `unit` next to `value`; of a multiple, that itself.
constexpr std::uint64_t floor_to(std::uint64_t value, std::uint64_t unit) {
  return value - value % unit;
}
constexpr std::uint64_t ceil_to(std::uint64_t value, std::uint64_t unit) {
  return floor_to(value + unit - 1, unit);
}

}  // namespace zstdfs::store
