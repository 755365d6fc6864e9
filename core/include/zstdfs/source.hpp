#pragma once

#include <algorithm>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

/// Bytes that can be read at any offset: a file, a piece of memory.
///
/// Thread safety: all methods may run concurrently.
class RandomAccessSource {
 public:
  virtual ~RandomAccessSource() = default;

  virtual std::uint64_t size() const = 0;

  /// Reads into `out` from `offset`. Returns how many bytes were read: fewer than `out.size()`
  /// only at the end. Throws std::system_error.
  virtual std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const = 0;
};

/// Memory as a source. The span is not owned.
class MemorySource final : public RandomAccessSource {
 public:
  explicit MemorySource(ByteSpan bytes) : bytes_(bytes) {}

  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    if (offset >= bytes_.size()) return 0;
    const ByteSpan rest = bytes_.subspan(static_cast<std::size_t>(offset));
    const std::size_t n = std::min(rest.size(), out.size());
    std::copy_n(rest.begin(), n, out.begin());
    return n;
  }

 private:
  ByteSpan bytes_;
};

}  // namespace zstdfs
