#include "fs/fuse/privileges.hpp"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

// With the reasons in mount.zstdfs(8). Not CAP_SYS_RESOURCE, on purpose: the lower filesystem lets
// who has it exceed quotas and take the blocks that are reserved for root, and we write for others.
constexpr std::array<cap_value_t, 10> kNeeded = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,  CAP_FSETID,
    CAP_SETGID, CAP_SETUID,       CAP_MKNOD,           CAP_SETFCAP, CAP_SYS_ADMIN};

struct FreeCapabilities {
  void operator()(cap_t state) const { ::cap_free(state); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

bool has(const Capabilities& state, cap_value_t capability, cap_flag_t set) {
  cap_flag_value_t value = CAP_CLEAR;
  return ::cap_get_flag(state.get(), capability, set, &value) == 0 && value == CAP_SET;
}

/// What root gets when it starts a program. Without CAP_SETPCAP, as in some containers, that stays
/// as it is; no program is started then that would get more than we were given.
void limit_programs(const Capabilities& present) {
  if (!has(present, CAP_SETPCAP, CAP_EFFECTIVE)) return;
  for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
    if (std::find(kNeeded.begin(), kNeeded.end(), capability) != kNeeded.end()) continue;
    check_call(::cap_drop_bound(capability), "cap_drop_bound");
  }
}

}  // namespace

void give_up_privileges() {
  // An ordinary user's daemon unmounts by fusermount3, a suid program.
  if (::geteuid() != 0) return;
  const Capabilities present(::cap_get_proc());
  const Capabilities kept(::cap_init());
  if (!present || !kept) throw_errno(errno, "cap_get_proc");
  limit_programs(present);
  for (const cap_value_t capability : kNeeded) {
    if (!has(present, capability, CAP_PERMITTED)) continue;
    for (const cap_flag_t set : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      check_call(::cap_set_flag(kept.get(), set, 1, &capability, CAP_SET), "cap_set_flag");
    }
  }
  // Inheritable and ambient sets end up empty, too.
  check_call(::cap_set_proc(kept.get()), "cap_set_proc");
  check_call(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)");
}

}  // namespace zstdfs::fuse
