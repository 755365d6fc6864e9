#include "fs/fuse/inode_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

constexpr std::uint32_t kRootGeneration = 0;  // The kernel knows it without asking.

store::FileKey key_of_root(int root) {
  struct stat status;
  if (::fstat(root, &status) != 0) {
    throw std::system_error(errno, std::generic_category(), "fstat of the backing directory");
  }
  return {.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace

InodeTable::InodeTable(int root, os::DescriptorPool& pool)
    : pool_(pool),
      root_inode_(std::make_unique<Inode>(key_of_root(root), S_IFDIR, kRootGeneration, pool,
                                          os::duplicate(root))),
      last_generation_(std::random_device()()) {
  root_inode_->descriptor_.keep_open();
}

InodeTable::~InodeTable() = default;

Inode& InodeTable::acquire(store::FileKey key, mode_t type, os::UniqueFd fd) {
  if (key == root_inode_->key()) return *root_inode_;  // A bind mount of the root below itself.
  MutexLock lock(mutex_);
  auto found = inodes_.find(key);
  if (found != inodes_.end()) {
    Inode& known = inode_at(found);
    if (known.type_ != type || !known.descriptor_.is_same(fd)) {
      orphans_.reserve(orphans_.size() + 1);
      orphans_.push_back(inodes_.extract(found));
      found = inodes_.end();
    }
  }
  if (found == inodes_.end()) {
    found = inodes_.emplace(key, type, ++last_generation_, pool_, std::move(fd)).first;
  }
  Inode& inode = inode_at(found);
  ++inode.lookups_;
  return inode;
}

bool InodeTable::forget(Inode& inode, std::uint64_t count) noexcept {
  if (&inode == root_inode_.get()) return false;  // It lives as long as the table.
  Inodes::node_type gone;  // Destroyed, and its descriptor closed, after the lock.
  MutexLock lock(mutex_);
  ZSTDFS_ASSERT(inode.lookups_ >= count);
  inode.lookups_ -= count;
  if (inode.lookups_ == 0) gone = extract(inode);
  return !gone.empty();
}

InodeTable::Inodes::node_type InodeTable::extract(Inode& inode) {
  if (const auto found = inodes_.find(inode.key_); found != inodes_.end() && &*found == &inode) {
    return inodes_.extract(found);
  }
  const auto orphan = std::find_if(orphans_.begin(), orphans_.end(),
                                   [&](const auto& each) { return &each.value() == &inode; });
  ZSTDFS_ASSERT(orphan != orphans_.end());
  Inodes::node_type owner = std::move(*orphan);
  orphans_.erase(orphan);
  return owner;
}

Descriptor InodeTable::find(store::FileKey key) noexcept {
  MutexLock lock(mutex_);
  const auto found = inodes_.find(key);
  if (found == inodes_.end()) return nullptr;
  try {
    return inode_at(found).descriptor_.get();
  } catch (const std::exception&) {
    return nullptr;
  }
}

void InodeTable::keep_open(store::FileKey key) noexcept {
  MutexLock lock(mutex_);
  const auto found = inodes_.find(key);
  if (found != inodes_.end()) inode_at(found).descriptor_.keep_open();
}

std::size_t InodeTable::size() const {
  MutexLock lock(mutex_);
  return inodes_.size() + orphans_.size();
}

}  // namespace zstdfs::fuse
