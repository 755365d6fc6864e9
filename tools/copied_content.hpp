#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "tools/copied_file.hpp"

namespace zstdfs::tools {

/// The copy differs from the original.
class CopyDiffers : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What was copied of a file: the size, and a checksum of each piece that is no hole.
struct ContentSums {
  struct Piece {
    ByteRange range;
    std::uint32_t checksum = 0;
  };
  std::uint64_t bytes = 0;
  std::vector<Piece> pieces;
};

/// Told about each piece that was copied or verified; throws to end that.
using PieceDone = std::function<void(std::uint64_t bytes)>;

/// Copies the content to a file that is empty; holes stay holes. Memory: 1 MiB.
ContentSums copy_content(CopiedFile& from, CopiedFile& to, const PieceDone& done);

/// Reads a copy back. Throws CopyDiffers when it is not what was copied.
void verify_content(CopiedFile& copy, const ContentSums& sums, const PieceDone& done);

}  // namespace zstdfs::tools
