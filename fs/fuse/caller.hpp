#pragma once

#include <sys/types.h>

#include <vector>

#include "fs/fuse/libfuse.hpp"

namespace zstdfs::fuse {

/// Whether this process may take on the identity of any caller.
bool can_act_as_caller();

/// While it lives, what the calling thread creates belongs to the process that made the request,
/// and gets the permissions that the process's umask leaves, as if the process had called the lower
/// filesystem itself: so that ownership, setgid directories and default ACLs come out right there.
///
/// Only this thread is changed: the filesystem user and group, for modes with the setgid bit the
/// supplementary groups, and the umask. Nothing of the store may be called meanwhile.
class ActingAsCaller {
 public:
  enum class Identity { kCaller, kOurs };

  /// `mode` is what the object is created with. Throws std::system_error; then nothing is changed.
  ActingAsCaller(fuse_req_t req, mode_t mode, Identity identity);
  ~ActingAsCaller();
  ActingAsCaller(const ActingAsCaller&) = delete;
  ActingAsCaller& operator=(const ActingAsCaller&) = delete;

 private:
  void switch_groups(fuse_req_t req);
  void switch_user(uid_t user, gid_t group);
  void restore_identity() noexcept;

  const mode_t our_umask_;
  bool umask_switched_ = false;
  bool groups_switched_ = false;
  bool user_switched_ = false;
  std::vector<gid_t> our_groups_;
};

/// Whether the process that made the request may leave set-id bits to a file that it changes, as
/// root may. For requests in which the kernel does not say so.
bool caller_keeps_set_id_bits(fuse_req_t req);

/// Whether the process that made the request is in a group, by its group or supplementary groups.
bool caller_is_in_group(fuse_req_t req, gid_t group);

}  // namespace zstdfs::fuse
