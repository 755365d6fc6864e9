#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace zstdfs {

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

/// A run of bytes: of a logical or of a stored file, as the variable's name says.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;

  std::uint64_t end() const { return offset + bytes; }
  bool empty() const { return bytes == 0; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

static_assert(std::endian::native == std::endian::little,
              "load_le and store_le copy the machine's own integers");

/// Reads an integer that is stored in little-endian order. `in` must hold `sizeof(T)` bytes at
/// `offset`.
template <typename T>
T load_le(ByteSpan in, std::size_t offset) {
  T value;
  std::memcpy(&value, in.subspan(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

/// Writes an integer in little-endian order. `out` must have `sizeof(T)` bytes at `offset`.
template <typename T>
void store_le(MutableByteSpan out, std::size_t offset, T value) {
  std::memcpy(out.subspan(offset, sizeof(T)).data(), &value, sizeof(T));
}

/// Appends an integer in little-endian order.
template <typename T>
void append_le(Bytes& out, T value) {
  out.resize(out.size() + sizeof(T));
  store_le(MutableByteSpan(out), out.size() - sizeof(T), value);
}

}  // namespace zstdfs
