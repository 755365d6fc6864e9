#pragma once

#include <memory>
#include <unordered_map>
#include <utility>

#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// What the kernel has a file handle for.
class OpenHandle {
 public:
  virtual ~OpenHandle() = default;
};

/// Owns all handles that the kernel has. It gives them back one by one; but those that are still
/// on their way at an unmount never arrive, and end with this table.
///
/// Thread safety: all methods may run concurrently.
class OpenHandles {
 public:
  /// The handle becomes the kernel's, which names it by the address that is returned.
  template <typename Handle>
  Handle* keep(std::unique_ptr<Handle> handle) ZSTDFS_EXCLUDES(mutex_) {
    Handle* const address = handle.get();
    MutexLock lock(mutex_);
    handles_.emplace(address, std::move(handle));
    return address;
  }

  /// The kernel gave the handle back, or never got it: it is the caller's again.
  std::unique_ptr<OpenHandle> take(OpenHandle& handle) ZSTDFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = handles_.find(&handle);
    ZSTDFS_ASSERT(found != handles_.end());
    std::unique_ptr<OpenHandle> taken = std::move(found->second);
    handles_.erase(found);
    return taken;
  }

 private:
  Mutex mutex_;
  std::unordered_map<OpenHandle*, std::unique_ptr<OpenHandle>> handles_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::fuse
