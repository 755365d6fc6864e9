#pragma once

#include <sys/types.h>

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "fs/os/posix.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::os {

/// An open descriptor. Shared, because an operation that has begun goes on using it while its owner
/// already gives its own copy up.
using Descriptor = std::shared_ptr<const UniqueFd>;

class PooledDescriptor;

/// Descriptors of which only so many are kept open: those that were not used for longest are
/// closed, and opened again by file handle when they are needed. So more objects can be in use than
/// the process may have files open.
///
/// Handles work as root, on most filesystems; where they do not, all descriptors stay open.
///
/// Thread safety: all methods may run concurrently.
class DescriptorPool {
 public:
  /// `root` is a readable descriptor, of whose filesystem the objects are. So many descriptors are
  /// kept as `budget` says; fewer when the process comes near `limit`, the number of files that it
  /// may have open.
  DescriptorPool(int root, std::size_t budget, std::size_t limit);

  /// Whether descriptors can be given up at all.
  bool can_reopen() const { return can_reopen_; }
  /// A descriptor that is not the pool's was opened: where few are left, the pool gives some up.
  void make_room(int newest_fd) ZSTDFS_EXCLUDES(mutex_);
  /// How many descriptors are open that could be given up.
  std::size_t reclaimable() const ZSTDFS_EXCLUDES(mutex_);

 private:
  friend class PooledDescriptor;

  void set(PooledDescriptor& owner, Descriptor descriptor) ZSTDFS_REQUIRES(mutex_);
  void unlist(PooledDescriptor& owner) ZSTDFS_REQUIRES(mutex_);
  Descriptor open_again(const PooledDescriptor& owner) ZSTDFS_REQUIRES(mutex_);
  /// For when none is left: closes some, whatever the budget, if there are any.
  void give_up_some() ZSTDFS_REQUIRES(mutex_);
  /// The descriptors go into `given_up`, to be closed after the lock was given back.
  void reclaim(int newest_fd, std::vector<Descriptor>& given_up) ZSTDFS_REQUIRES(mutex_);

  // Constant after construction.
  const UniqueFd root_;
  const dev_t device_;
  const std::size_t budget_;
  const std::size_t high_water_;  // numbers from here on mean that few are left
  bool can_reopen_ = false;

  mutable Mutex mutex_;  // order: nothing else is locked while it is held
  /// Those that can be given up, in the order of a clock: the hand is in front.
  std::list<PooledDescriptor*> open_ ZSTDFS_GUARDED_BY(mutex_);
};

/// One object's descriptor in a pool, which outlives it.
///
/// Thread safety: all methods may run concurrently.
class PooledDescriptor {
 public:
  PooledDescriptor(DescriptorPool& pool, UniqueFd fd, OpenedAs how);
  ~PooledDescriptor();
  PooledDescriptor(const PooledDescriptor&) = delete;
  PooledDescriptor& operator=(const PooledDescriptor&) = delete;

  /// The descriptor, opened again if it was given up. Throws std::system_error (ESTALE when the
  /// object is gone).
  Descriptor get();
  /// Whether `fd`, whose inode number is the object's, is the object: where the descriptor was
  /// given up, the number may belong to another one by now. If it is, `fd` may be taken in its
  /// place.
  bool is_same(UniqueFd& fd);
  /// Whether it has written what is not synced yet: should the kernel fail to, it may forget that
  /// once no descriptor is open. Such a one is given up only when few are left.
  void set_unsynced(bool unsynced) { is_unsynced_ = unsynced; }
  /// From now on it stays open: it may be all that keeps the object alive.
  void keep_open();

 private:
  friend class DescriptorPool;

  DescriptorPool& pool_;
  const int flags_;
  std::atomic<bool> is_unsynced_{false};

  // Guarded by the pool's mutex. The small ones first, which saves memory: there are millions.
  bool can_be_given_up_ = false;
  bool is_listed_ = false;
  bool recently_used_ = true;
  Descriptor descriptor_;  // null: given up
  std::string handle_;     // set when it is given up
  std::list<PooledDescriptor*>::iterator place_;
};

}  // namespace zstdfs::os
