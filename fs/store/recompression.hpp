#pragma once

#include <cstdint>

namespace zstdfs::store {

/// What became of a file that was to be compressed anew.
enum class Recompression {
  kDone,
  kAsWanted,  ///< it is already stored as wanted
  kNoGain,    ///< raw, and stays so: it would not get smaller
  kMustStay,  ///< cannot be raw: it begins like a container, or is mostly holes
  kBusy,      ///< it was changed again and again meanwhile; nothing was done
};

struct RecompressionResult {
  Recompression outcome = Recompression::kAsWanted;
  std::uint64_t stored_bytes_before = 0;
  std::uint64_t stored_bytes_after = 0;
};

}  // namespace zstdfs::store
