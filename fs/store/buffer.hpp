#pragma once

#include <cstddef>
#include <memory>

#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// Memory that is not initialised, unlike Bytes: for what is filled as a whole next, where zeros
/// before that would cost a tenth of decompressing.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}

  std::size_t size() const { return size_; }
  MutableByteSpan span() { return {bytes_.get(), size_}; }
  ByteSpan span() const { return {bytes_.get(), size_}; }
  /// Gives the memory back, and stays of that size.
  void release() { bytes_.reset(); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

}  // namespace zstdfs::store
