#pragma once

#include <cstdint>

#include "fs/store/settings.hpp"

namespace zstdfs::store {

struct StoreOptions {
  /// Where neither an attribute nor the policy says something else.
  Settings settings;
  /// Bound for changed data that is held in memory, over all files.
  std::uint64_t overlay_bytes = 64u << 20;
  /// Bound for the cache of decompressed chunks.
  std::uint64_t cache_bytes = 32u << 20;
  /// With the thread that asks. 0: one for each processor, and that one.
  unsigned compression_threads = 0;
  bool read_only = false;
  /// The store's lock is held already by who opens it, and will be longer than the store is open.
  bool locked_by_caller = false;
  /// Files are settled (journals merged, forms reconsidered) this long after their last close.
  std::uint64_t settle_after_ms = 1000;
  /// No thread in the background: settling happens in settle_now() and shut_down(). For tests.
  bool settle_in_background = true;
};

}  // namespace zstdfs::store
