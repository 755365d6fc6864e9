#include "fs/fuse/caller.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "fs/fuse/system_error.hpp"
#include "zstdfs/errors.hpp"

// The C library's wrappers of the set*id calls change all threads of the process, which would make
// one caller act with another's identity. The system calls themselves change one thread.

namespace zstdfs::fuse {
namespace {

using CapabilityData = std::array<__user_cap_data_struct, 2>;

// What a switch to an ordinary user takes away and is given back to the thread. Whether the caller
// may do what it asks for was decided by the kernel, by the same modes and with all that it knows
// of the caller (capabilities, for one); the lower filesystem need not decide it again.
// CAP_FSETID is not among them: without it the lower filesystem drops setgid bits as it has to.
constexpr std::uint32_t kKept = (1u << CAP_DAC_OVERRIDE) | (1u << CAP_MKNOD);

CapabilityData own_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityData data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) throw_errno(errno, "capget");
  return data;
}

/// Of a thread that acts as somebody else: root's, less the powers over files, but for kKept.
CapabilityData capabilities_for_caller() {
  constexpr std::uint32_t kFilePowers = (1u << CAP_CHOWN) | (1u << CAP_MKNOD) |
                                        (1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH) |
                                        (1u << CAP_FOWNER) | (1u << CAP_FSETID) |
                                        (1u << CAP_LINUX_IMMUTABLE);
  CapabilityData data = own_capabilities();
  data[0].effective &= ~kFilePowers | kKept;
  return data;
}

void set_capabilities(const CapabilityData& data) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capset, &header, data.data()) != 0) throw_errno(errno, "capset");
}

/// Sets the thread's filesystem user; returns whether it has it now.
bool set_fs_user(uid_t user) {
  ::syscall(SYS_setfsuid, user);
  return static_cast<uid_t>(::syscall(SYS_setfsuid, uid_t(-1))) == user;
}

bool set_fs_group(gid_t group) {
  ::syscall(SYS_setfsgid, group);
  return static_cast<gid_t>(::syscall(SYS_setfsgid, gid_t(-1))) == group;
}

std::vector<gid_t> groups_of_caller(fuse_req_t req) {
  std::vector<gid_t> groups(64);
  int count = fuse_req_getgroups(req, static_cast<int>(groups.size()), groups.data());
  if (count > static_cast<int>(groups.size())) {
    groups.resize(static_cast<std::size_t>(count));
    count = fuse_req_getgroups(req, count, groups.data());
  }
  // A process that cannot be looked at (in another namespace, or gone) has the fewest rights.
  groups.resize(count < 0 ? 0 : std::min(groups.size(), static_cast<std::size_t>(count)));
  return groups;
}

/// None for a process that cannot be looked at.
std::uint64_t effective_capabilities(pid_t process) {
  constexpr std::string_view kKey = "CapEff:\t";
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kKey)) return std::stoull(line.substr(kKey.size()), nullptr, 16);
  }
  return 0;
}

std::vector<gid_t> groups_of_thread() {
  const int count = check_call(::getgroups(0, nullptr), "getgroups");
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  check_call(::getgroups(count, groups.data()), "getgroups");
  return groups;
}

mode_t current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

/// Gives the thread a umask of its own: threads are born sharing one. Returns the daemon's.
mode_t own_umask() {
  thread_local bool owned = false;
  if (!owned) check_call(::unshare(CLONE_FS), "unshare(CLONE_FS)");
  static const mode_t kOurs = current_umask();
  // The thread that it was shared with may be acting as a caller just now.
  if (!std::exchange(owned, true)) ::umask(kOurs);
  return kOurs;
}

/// The daemon's, which stay as they are.
uid_t our_user() {
  static const uid_t kUser = ::geteuid();
  return kUser;
}
gid_t our_group() {
  static const gid_t kGroup = ::getegid();
  return kGroup;
}

}  // namespace

bool can_act_as_caller() {
  if (::geteuid() != 0) return false;
  const std::uint32_t effective = own_capabilities()[0].effective;
  const std::uint32_t needed = (1u << CAP_SETUID) | (1u << CAP_SETGID);
  return (effective & needed) == needed;
}

ActingAsCaller::ActingAsCaller(fuse_req_t req, mode_t mode, Identity identity)
    : our_umask_(own_umask()) {
  const fuse_ctx& caller = *fuse_req_ctx(req);
  if (identity == Identity::kCaller && (caller.uid != our_user() || caller.gid != our_group())) {
    try {
      // Groups decide one thing only, since access was granted: whether a setgid bit stays. To
      // learn them costs reading a file of /proc.
      if ((mode & S_ISGID) != 0) switch_groups(req);
      switch_user(caller.uid, caller.gid);
    } catch (...) {
      restore_identity();
      throw;
    }
  }
  umask_switched_ = caller.umask != our_umask_;
  if (umask_switched_) ::umask(caller.umask);
}

ActingAsCaller::~ActingAsCaller() {
  if (umask_switched_) ::umask(our_umask_);
  restore_identity();
}

void ActingAsCaller::switch_groups(fuse_req_t req) {
  const std::vector<gid_t> groups = groups_of_caller(req);
  our_groups_ = groups_of_thread();
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0) {
    throw_errno(errno, "setgroups");
  }
  groups_switched_ = true;
}

void ActingAsCaller::switch_user(uid_t user, gid_t group) {
  static const CapabilityData kCapabilities = capabilities_for_caller();
  user_switched_ = true;
  if (!set_fs_group(group) || !set_fs_user(user)) throw_errno(EOVERFLOW, "setfsuid");
  if (user != 0) set_capabilities(kCapabilities);
}

void ActingAsCaller::restore_identity() noexcept {
  // Going on with somebody else's identity would be worse than ending.
  if (user_switched_) {
    ZSTDFS_ASSERT(set_fs_user(our_user()));  // Gives back what kFilePowers took.
    ZSTDFS_ASSERT(set_fs_group(our_group()));
  }
  if (groups_switched_) {
    ZSTDFS_ASSERT(::syscall(SYS_setgroups, our_groups_.size(), our_groups_.data()) == 0);
  }
}

bool caller_keeps_set_id_bits(fuse_req_t req) {
  const fuse_ctx& caller = *fuse_req_ctx(req);
  // In a user namespace of one's own one has all capabilities, but is not root.
  return caller.uid == 0 && (effective_capabilities(caller.pid) >> CAP_FSETID & 1) != 0;
}

bool caller_is_in_group(fuse_req_t req, gid_t group) {
  if (fuse_req_ctx(req)->gid == group) return true;
  const std::vector<gid_t> groups = groups_of_caller(req);
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace zstdfs::fuse
