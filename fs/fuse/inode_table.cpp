#include "fs/fuse/inode_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

// One operation looks at this many descriptors at most when it looks for some to give up, so that
// none has to pay for all.
constexpr int kLooksPerReclaim = 64;

union HandleBuffer {
  file_handle handle;
  char space[sizeof(file_handle) + MAX_HANDLE_SZ];
};

/// The file handle of an O_PATH descriptor; empty where the filesystem has none.
std::string handle_of(int fd) {
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof(buffer));
  buffer.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(fd, "", &buffer.handle, &mount_id, AT_EMPTY_PATH) != 0) return {};
  return std::string(buffer.space, sizeof(file_handle) + buffer.handle.handle_bytes);
}

os::UniqueFd open_handle(int root, const std::string& bytes) {
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof(buffer));
  std::memcpy(buffer.space, bytes.data(), std::min(bytes.size(), sizeof(buffer.space)));
  return os::UniqueFd(::open_by_handle_at(root, &buffer.handle, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

store::FileKey key_of_root(int root) {
  struct stat status;
  if (::fstat(root, &status) != 0) {
    throw std::system_error(errno, std::generic_category(), "fstat of the backing directory");
  }
  return {.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace

InodeTable::InodeTable(int root, std::size_t descriptor_budget)
    : root_(root),
      budget_(descriptor_budget),
      root_inode_(std::make_unique<Inode>(key_of_root(root), S_IFDIR)) {
  os::UniqueFd copy(::fcntl(root, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw std::system_error(errno, std::generic_category(), "dup");
  root_inode_->descriptor_ = std::make_shared<const os::UniqueFd>(std::move(copy));
  const std::string handle = handle_of(root);
  can_reclaim_ = !handle.empty() && open_handle(root, handle);
}

InodeTable::~InodeTable() = default;

Inode& InodeTable::acquire(store::FileKey key, mode_t type, os::UniqueFd fd) {
  if (key == root_inode_->key()) return *root_inode_;  // A bind mount of the root below itself.
  auto descriptor = std::make_shared<const os::UniqueFd>(std::move(fd));
  std::vector<Descriptor> given_up;  // Closed after the lock.
  MutexLock lock(mutex_);
  auto& slot = inodes_[key];
  if (slot && !slot->descriptor_) {
    // Nothing held the old object: the number may belong to another one by now.
    if (slot->type_ == type && handle_of(descriptor->get()) == slot->handle_) {
      set_descriptor(*slot, std::move(descriptor));
    } else {
      orphans_.push_back(std::move(slot));
    }
  }
  if (!slot) {
    try {
      slot = std::make_unique<Inode>(key, type);
      set_descriptor(*slot, std::move(descriptor));
    } catch (...) {
      inodes_.erase(key);
      throw;
    }
  }
  slot->recently_used_ = true;
  ++slot->lookups_;
  reclaim(given_up);
  return *slot;
}

void InodeTable::forget(Inode& inode, std::uint64_t count) noexcept {
  if (&inode == root_inode_.get()) return;  // It lives as long as the table.
  std::unique_ptr<Inode> gone;              // Destroyed, and its descriptor closed, after the lock.
  MutexLock lock(mutex_);
  ZSTDFS_ASSERT(inode.lookups_ >= count);
  inode.lookups_ -= count;
  if (inode.lookups_ == 0) gone = extract(inode);
}

std::unique_ptr<Inode> InodeTable::extract(Inode& inode) {
  unlist(inode);
  std::unique_ptr<Inode> owner;
  if (const auto found = inodes_.find(inode.key_);
      found != inodes_.end() && found->second.get() == &inode) {
    owner = std::move(found->second);
    inodes_.erase(found);
    return owner;
  }
  const auto orphan = std::find_if(orphans_.begin(), orphans_.end(),
                                   [&](const auto& each) { return each.get() == &inode; });
  ZSTDFS_ASSERT(orphan != orphans_.end());
  owner = std::move(*orphan);
  orphans_.erase(orphan);
  return owner;
}

Descriptor InodeTable::descriptor(Inode& inode) {
  std::vector<Descriptor> given_up;
  MutexLock lock(mutex_);
  inode.recently_used_ = true;
  if (!inode.descriptor_) {
    set_descriptor(inode, open_again(inode));
    reclaim(given_up);
  }
  return inode.descriptor_;
}

Descriptor InodeTable::find(store::FileKey key) noexcept {
  MutexLock lock(mutex_);
  const auto found = inodes_.find(key);
  if (found == inodes_.end()) return nullptr;
  Inode& inode = *found->second;
  try {
    if (!inode.descriptor_) set_descriptor(inode, open_again(inode));
  } catch (const std::exception&) {
    return nullptr;
  }
  return inode.descriptor_;
}

void InodeTable::keep_open(store::FileKey key) noexcept {
  MutexLock lock(mutex_);
  const auto found = inodes_.find(key);
  if (found == inodes_.end()) return;
  found->second->keep_open_ = true;
  unlist(*found->second);
}

std::size_t InodeTable::size() const {
  MutexLock lock(mutex_);
  return inodes_.size() + orphans_.size();
}

std::size_t InodeTable::reclaimable_descriptors() const {
  MutexLock lock(mutex_);
  return open_.size();
}

Descriptor InodeTable::open_again(Inode& inode) {
  os::UniqueFd fd = open_handle(root_, inode.handle_);
  if (!fd) throw std::system_error(errno, std::generic_category(), "open_by_handle_at");
  return std::make_shared<const os::UniqueFd>(std::move(fd));
}

void InodeTable::set_descriptor(Inode& inode, Descriptor descriptor) {
  // A handle is opened through the root's filesystem, so it serves only objects on the same one.
  if (can_reclaim_ && !inode.keep_open_ && inode.key_.device == root_inode_->key_.device) {
    inode.place_ = open_.insert(open_.end(), &inode);
    inode.reclaimable_ = true;
  }
  inode.descriptor_ = std::move(descriptor);
}

void InodeTable::unlist(Inode& inode) {
  if (!inode.reclaimable_) return;
  open_.erase(inode.place_);
  inode.reclaimable_ = false;
}

void InodeTable::reclaim(std::vector<Descriptor>& given_up) {
  for (int looks = kLooksPerReclaim; looks > 0 && open_.size() > budget_; --looks) {
    Inode& inode = *open_.front();
    open_.splice(open_.end(), open_, open_.begin());
    if (std::exchange(inode.recently_used_, false) || inode.descriptor_.use_count() > 1) continue;
    std::string handle = handle_of(inode.descriptor_->get());
    if (handle.empty()) continue;
    given_up.reserve(given_up.size() + 1);
    inode.handle_ = std::move(handle);
    given_up.push_back(std::move(inode.descriptor_));
    inode.descriptor_ = nullptr;
    unlist(inode);
  }
}

}  // namespace zstdfs::fuse
