#pragma once

#include <cstdint>

#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// A frame to be stored.
struct NewFrame {
  std::uint32_t logical_bytes = 0;
  std::uint32_t checksum = 0;
  Bytes stored;
};

}  // namespace zstdfs::store
