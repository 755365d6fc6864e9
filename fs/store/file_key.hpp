#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace zstdfs::store {

/// What names a backing file while it is open: device and inode number.
struct FileKey {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileKey&, const FileKey&) = default;
};

struct FileKeyHash {
  std::size_t operator()(const FileKey& key) const noexcept {
    // Inode numbers are dense: multiplied, neighbours spread over the buckets.
    return (key.inode * 0x9E3779B97F4A7C15u) ^ key.device;
  }
};

enum class ForWriting { kNo, kYes };

}  // namespace zstdfs::store
