#pragma once

#include <compare>
#include <cstdint>

namespace zstdfs::store {

/// What names a backing file while it is open: device and inode number.
struct FileKey {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileKey&, const FileKey&) = default;
};

enum class ForWriting { kNo, kYes };

}  // namespace zstdfs::store
