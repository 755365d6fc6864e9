#pragma once

#include <cstdint>

#include "fs/store/settings.hpp"

namespace zstdfs::store {

/// What became of a file that was to be compressed anew.
enum class Recompression {
  kDone,
  kAsWanted,       ///< it is already stored as wanted
  kNoGain,         ///< raw, and stays so: it would not get smaller
  kLikeContainer,  ///< cannot be raw: its content would be taken for a container
  kMostlyHoles,    ///< is not made raw: its holes would be written out
  kBusy,           ///< it was changed again and again meanwhile; nothing was done
};

struct RecompressionResult {
  Recompression outcome = Recompression::kAsWanted;
  std::uint64_t stored_bytes_before = 0;
  std::uint64_t stored_bytes_after = 0;
};

/// What would become of it.
struct RecompressionPlan {
  /// kDone for a file that would be stored anew; whether a raw one gains by that shows only then.
  Recompression outcome = Recompression::kAsWanted;
  Settings wanted;
  std::uint64_t stored_bytes = 0;
};

}  // namespace zstdfs::store
