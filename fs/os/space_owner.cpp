#include "fs/os/space_owner.hpp"

#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "zstdfs/errors.hpp"

namespace zstdfs::os {
namespace {

struct FreeCapabilities {
  void operator()(cap_t state) const { ::cap_free(state); }
};

/// What the process may do: it does not change any more once there are threads.
cap_t own_capabilities() {
  static const std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities> kOwn(
      ::cap_get_proc());
  return kOwn.get();
}

/// Of this thread alone; the C library's wrapper says nothing about success either.
bool set_fs_user(uid_t user) {
  ::syscall(SYS_setfsuid, user);
  return static_cast<uid_t>(::syscall(SYS_setfsuid, uid_t(-1))) == user;
}

}  // namespace

TakingSpaceFor::TakingSpaceFor(uid_t owner) {
  const cap_t own = owner == 0 || ::geteuid() != 0 ? nullptr : own_capabilities();
  if (own == nullptr) return;
  switched_ = set_fs_user(owner);
  // The switch takes powers over files away, which writing needs: to leave set-user-ID bits alone.
  if (switched_) ZSTDFS_ASSERT(::cap_set_proc(own) == 0);
}

TakingSpaceFor::~TakingSpaceFor() {
  // Going on with somebody else's identity would be worse than ending.
  if (switched_) ZSTDFS_ASSERT(set_fs_user(::geteuid()));
}

}  // namespace zstdfs::os
