#include "fs/os/descriptor_pool.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "fs/os/posix_error.hpp"

namespace zstdfs::os {
namespace {

// One operation looks at this many descriptors at most when it looks for some to give up, so that
// none has to pay for all.
constexpr int kLooksPerReclaim = 64;
// So much of the limit is left for what is no pool's business: journals, and opening in progress.
constexpr std::size_t kLimitPerReserve = 16;

union HandleBuffer {
  file_handle handle;
  char space[sizeof(file_handle) + MAX_HANDLE_SZ];
};

/// The file handle of a descriptor, its type (of which the kernel uses one byte) in front; empty
/// where the filesystem has none. There may be millions: in this form those of the usual
/// filesystems find room in the string itself.
std::string handle_of(int fd) {
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof(buffer));
  buffer.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(fd, "", &buffer.handle, &mount_id, AT_EMPTY_PATH) != 0) return {};
  const int type = buffer.handle.handle_type;
  if (type < 0 || type > std::numeric_limits<unsigned char>::max()) return {};
  std::string handle(1, static_cast<char>(type));
  return handle.append(buffer.space + sizeof(file_handle), buffer.handle.handle_bytes);
}

/// Precondition: the handle is one of handle_of() and not empty.
UniqueFd open_handle(int root, const std::string& handle, int flags) {
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof(buffer));
  buffer.handle.handle_type = static_cast<unsigned char>(handle.front());
  buffer.handle.handle_bytes = static_cast<unsigned>(handle.size() - 1);
  std::memcpy(buffer.space + sizeof(file_handle), handle.data() + 1, handle.size() - 1);
  return UniqueFd(::open_by_handle_at(root, &buffer.handle, flags | O_CLOEXEC));
}

dev_t device_of(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) throw_error(errno, "fstat");
  return status.st_dev;
}

}  // namespace

DescriptorPool::DescriptorPool(int root, std::size_t budget, std::size_t limit)
    : root_(duplicate(root)),
      device_(device_of(root)),
      budget_(budget),
      high_water_(limit - limit / kLimitPerReserve) {
  const std::string handle = handle_of(root);
  can_reopen_ = !handle.empty() && open_handle(root, handle, O_PATH);
}

void DescriptorPool::make_room(int newest_fd) {
  std::vector<Descriptor> given_up;
  MutexLock lock(mutex_);
  reclaim(newest_fd, given_up);
}

std::size_t DescriptorPool::reclaimable() const {
  MutexLock lock(mutex_);
  return open_.size();
}

void DescriptorPool::set(PooledDescriptor& owner, Descriptor descriptor) {
  if (owner.can_be_given_up_) {
    owner.place_ = open_.insert(open_.end(), &owner);
    owner.is_listed_ = true;
  }
  owner.descriptor_ = std::move(descriptor);
}

void DescriptorPool::unlist(PooledDescriptor& owner) {
  if (!owner.is_listed_) return;
  open_.erase(owner.place_);
  owner.is_listed_ = false;
}

Descriptor DescriptorPool::open_again(const PooledDescriptor& owner) {
  const auto try_open = [&] {
    UniqueFd fd = open_handle(root_.get(), owner.handle_, owner.flags_);
    // Only the owner and root may ask for that.
    if (!fd && errno == EPERM) {
      fd = open_handle(root_.get(), owner.handle_, owner.flags_ & ~O_NOATIME);
    }
    return fd;
  };
  UniqueFd fd = try_open();
  if (!fd && errno == EMFILE) {
    give_up_some();
    fd = try_open();
  }
  if (!fd) throw_error(errno, "open_by_handle_at");
  return std::make_shared<const UniqueFd>(std::move(fd));
}

void DescriptorPool::give_up_some() {
  std::vector<Descriptor> given_up;
  // The hand passes each twice at most: once to see that it was used, once to take it.
  const std::size_t most_looks = 2 * open_.size();
  for (std::size_t looks = 0; given_up.empty() && looks <= most_looks;
       looks += std::size_t{kLooksPerReclaim}) {
    reclaim(std::numeric_limits<int>::max(), given_up);
  }
}

void DescriptorPool::reclaim(int newest_fd, std::vector<Descriptor>& given_up) {
  // The kernel gives out the lowest number that is free, so a high one tells how many are not.
  const bool few_left = static_cast<std::size_t>(newest_fd) >= high_water_;
  const std::size_t most = few_left ? 0 : budget_;
  for (int looks = kLooksPerReclaim; looks > 0 && open_.size() > most; --looks) {
    PooledDescriptor& owner = *open_.front();
    open_.splice(open_.end(), open_, open_.begin());
    if (std::exchange(owner.recently_used_, false) || owner.descriptor_.use_count() > 1) continue;
    const bool in_need = few_left && looks <= kLooksPerReclaim / 2;  // others first
    if (owner.is_unsynced_ && !in_need) continue;
    std::string handle = handle_of(owner.descriptor_->get());
    if (handle.empty()) continue;
    given_up.reserve(given_up.size() + 1);
    owner.handle_ = std::move(handle);
    given_up.push_back(std::exchange(owner.descriptor_, nullptr));
    unlist(owner);
  }
}

PooledDescriptor::PooledDescriptor(DescriptorPool& pool, UniqueFd fd, OpenedAs how)
    : pool_(pool), flags_(how.flags) {
  // A handle is opened through the root's filesystem, so it serves only objects on the same one.
  can_be_given_up_ = pool_.can_reopen() && how.device == pool_.device_;
  const int newest = fd.get();
  auto descriptor = std::make_shared<const UniqueFd>(std::move(fd));
  std::vector<Descriptor> given_up;
  MutexLock lock(pool_.mutex_);
  pool_.set(*this, std::move(descriptor));
  try {
    pool_.reclaim(newest, given_up);
  } catch (...) {
    pool_.unlist(*this);
    throw;
  }
}

PooledDescriptor::~PooledDescriptor() {
  Descriptor last;  // closed after the lock
  MutexLock lock(pool_.mutex_);
  pool_.unlist(*this);
  last = std::move(descriptor_);
}

Descriptor PooledDescriptor::get() {
  std::vector<Descriptor> given_up;
  MutexLock lock(pool_.mutex_);
  recently_used_ = true;
  if (descriptor_) return descriptor_;
  pool_.set(*this, pool_.open_again(*this));
  const Descriptor opened = descriptor_;  // which keeps it from being given up at once
  pool_.reclaim(opened->get(), given_up);
  return opened;
}

bool PooledDescriptor::is_same(UniqueFd& fd) {
  std::vector<Descriptor> given_up;
  MutexLock lock(pool_.mutex_);
  recently_used_ = true;
  if (descriptor_) return true;  // as long as it was open, the object kept its number
  if (handle_of(fd.get()) != handle_) return false;
  const int newest = fd.get();
  // This copy keeps it from being given up at once.
  const auto taken = std::make_shared<const UniqueFd>(std::move(fd));
  pool_.set(*this, taken);
  pool_.reclaim(newest, given_up);
  return true;
}

void PooledDescriptor::keep_open() {
  MutexLock lock(pool_.mutex_);
  can_be_given_up_ = false;
  pool_.unlist(*this);
}

}  // namespace zstdfs::os
