#pragma once

#include <time.h>

#include <atomic>

#include "fs/os/volume.hpp"
#include "fs/store/change_times.hpp"
#include "fs/store/compression_policy.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/frame_cache.hpp"
#include "fs/store/journal_codec.hpp"
#include "fs/store/lost_syncs.hpp"
#include "fs/store/options.hpp"
#include "fs/store/statistics.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs::store {

class StoredFile;

/// What all files of a store share. Everything in it may be used concurrently.
struct FileServices {
  FileServices(os::Volume& the_volume, const StoreOptions& the_options)
      : volume(the_volume),
        options(the_options),
        journal(the_volume),
        pool(threads_of_pool(the_options)),
        cache(the_options.cache_bytes),
        dictionaries(the_volume),
        policy(the_volume, the_options.settings),
        block_bytes(the_volume.block_bytes()),
        next_generation_(random_nonce()) {}

  os::Volume& volume;
  const StoreOptions options;
  Journal journal;
  WorkerPool pool;
  FrameCache cache;
  Dictionaries dictionaries;
  CompressionPolicy policy;
  ChangeTimes change_times;
  LostSyncs lost_syncs;
  Statistics statistics;
  const std::uint64_t block_bytes;

  std::atomic<std::uint64_t> overlay_bytes{0};  ///< held by all overlays together
  std::atomic<std::uint64_t> next_content_id{1};
  std::atomic<bool> changed{false};  ///< something was written since the last checkpoint
  /// The file whose content was changed last. Only to be compared with.
  std::atomic<const StoredFile*> changed_last{nullptr};

  /// A number for a container's generation. Counts from a random number, so that no two containers
  /// of a store meet by chance.
  std::uint64_t new_generation() { return next_generation_++; }

 private:
  // Were there as many as processors with the thread that asks, one processor would be idle
  // whenever the scheduler lets that run where one of them does.
  static unsigned threads_of_pool(const StoreOptions& options) {
    const unsigned threads = options.compression_threads;
    return threads == 0 ? processor_count() + 1 : threads;
  }

  std::atomic<std::uint64_t> next_generation_;
};

}  // namespace zstdfs::store
