#include "fs/store/byte_size.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

namespace zstdfs::store {
namespace {

struct Unit {
  std::string_view name;
  std::string_view letter;
  std::string_view ambiguous_name;
  unsigned shift;
};
constexpr auto kUnits = std::to_array<Unit>({{"TiB", "T", "TB", 40},
                                             {"GiB", "G", "GB", 30},
                                             {"MiB", "M", "MB", 20},
                                             {"KiB", "K", "KB", 10}});

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

unsigned shift_of(std::string_view unit) {
  if (unit.empty()) return 0;
  for (const Unit& each : kUnits) {
    if (equal_without_case(unit, each.name) || equal_without_case(unit, each.letter)) {
      return each.shift;
    }
    if (equal_without_case(unit, each.ambiguous_name)) {
      throw std::invalid_argument("is not clear; write " + std::string(each.name) +
                                  " for powers of 1024");
    }
  }
  throw std::invalid_argument(
      "is not a number of bytes, which may be followed by K, KiB, M, MiB, G, GiB, T or TiB");
}

}  // namespace

std::uint64_t parse_byte_size(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument) {
    throw std::invalid_argument("is not a size, such as \"4 KiB\" or 4096");
  }
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const unsigned shift = shift_of(unit);
  const bool too_large = number > (std::numeric_limits<std::uint64_t>::max() >> shift);
  if (error != std::errc() || too_large) throw std::invalid_argument("is too large");
  return number << shift;
}

std::string format_byte_size(std::uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    const std::uint64_t one = std::uint64_t{1} << unit.shift;
    if (bytes != 0 && bytes % one == 0) {
      return std::to_string(bytes / one) + " " + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

}  // namespace zstdfs::store
