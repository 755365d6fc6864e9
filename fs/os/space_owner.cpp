#include "fs/os/space_owner.hpp"

#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "zstdfs/errors.hpp"

namespace zstdfs::os {
namespace {

// To switch takes many times what it takes to ask. Other threads may take some of this meanwhile.
constexpr std::uint64_t kNearBytes = 64u << 20;
// What takes more is worth a look.
constexpr std::uint64_t kSmallBytes = 64u << 10;
constexpr auto kFarLasts = std::chrono::milliseconds(10);

/// By a clock that ticks every few milliseconds, and costs nothing.
std::chrono::nanoseconds coarse_time() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Whether taking so much could reach what the filesystem reserves.
bool reserve_is_near(int fd, std::uint64_t bytes) {
  struct statfs status = {};
  if (::fstatfs(fd, &status) != 0) return true;
  const std::uint64_t free_blocks = status.f_bavail;
  return free_blocks != status.f_bfree &&
         free_blocks < (bytes + kNearBytes) / static_cast<std::uint64_t>(status.f_bsize);
}

/// Root when it cannot be told.
uid_t owner_of(int fd) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 ? status.st_uid : 0;
}

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

bool ReserveDistance::is_far() const {
  return coarse_time() < far_until_.load();
}

void ReserveDistance::saw_far() {
  far_until_ = coarse_time() + kFarLasts;
}

TakingSpaceFor::TakingSpaceFor(int fd, std::uint64_t bytes, ReserveDistance& distance) {
  static const bool kIsRoot = ::geteuid() == 0;
  if (!kIsRoot || (bytes <= kSmallBytes && distance.is_far())) return;
  if (!reserve_is_near(fd, bytes)) {
    distance.saw_far();
    return;
  }
  const uid_t owner = owner_of(fd);
  const cap_t own = owner == 0 ? nullptr : own_capabilities();
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
