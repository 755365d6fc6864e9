#include "fs/fuse/set_id_bits.hpp"

#include <sys/stat.h>

#include "fs/fuse/caller.hpp"
#include "fs/fuse/raw_request.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

/// Whether the lower filesystem cannot know whom to take bits from. Root keeps them.
bool is_ours_to_decide(fuse_req_t req, const Filesystem& fs) {
  return fs.options().act_as_caller && fuse_req_ctx(req)->uid != 0;
}

struct stat status_of(const Descriptor& descriptor) {
  struct stat status;
  check_call(::fstat(descriptor->get(), &status), "fstat");
  return status;
}

/// Takes from the mode what `bits` of a file's status are. Returns whether there were such.
template <typename Bits>
bool drop(Filesystem& fs, Inode& inode, Bits&& bits) {
  const Descriptor descriptor = fs.inodes().descriptor(inode);
  if (bits(status_of(descriptor)) == 0) return false;
  fs.change_attributes(inode, store::StoredFile::Attributes::kOthers, [&] {
    // The mode may have been changed until now.
    const struct stat status = status_of(descriptor);
    const mode_t left = status.st_mode & 07777 & ~bits(status);
    check_call(::chmod(DescriptorPath(descriptor).c_str(), left), "chmod");
  });
  // Programs are started with the mode that the kernel remembers.
  fs.forget_attributes(inode);
  return true;
}

/// The set-user-id bit, and the set-group-id bit where the file can be executed by its group or the
/// caller is an ordinary user who is not in it.
void drop_both(fuse_req_t req, Filesystem& fs, Inode& inode) {
  drop(fs, inode, [&](const struct stat& status) {
    const bool group_too = (status.st_mode & S_IXGRP) != 0 ||
                           (is_ours_to_decide(req, fs) && !caller_is_in_group(req, status.st_gid));
    return status.st_mode & (group_too ? S_ISUID | S_ISGID : S_ISUID);
  });
}

}  // namespace

bool drop_for_write(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (!kernel_takes_set_id_bits()) {
    // Older kernels leave this one, as they do not know the caller's groups.
    return drop_group_id_bit(req, fs, inode, GroupIdBit::kNotExecutable);
  }
  if (inode.set_id_bits) drop_both(req, fs, inode);
  return false;
}

void drop_for_open(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (kernel_takes_set_id_bits() || is_ours_to_decide(req, fs)) drop_both(req, fs, inode);
}

void drop_for_other_change(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (inode.set_id_bits && !caller_keeps_set_id_bits(req)) drop_both(req, fs, inode);
}

// It is a chown(2) that names nobody, which on a disk takes the bits away, or the kernel's wish to
// have them gone before content is changed, or capabilities. Only in the first case this is the
// place to do so, and only if the caller might: so for others nothing is done here, nor where it
// may be about a capability.
void drop_for_empty_setattr(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (!inode.set_id_bits || inode.capabilities != Inode::Capabilities::kNone) return;
  const uid_t caller = fuse_req_ctx(req)->uid;
  if (caller == 0 || caller == status_of(fs.inodes().descriptor(inode)).st_uid) {
    drop_both(req, fs, inode);
  }
}

bool drop_group_id_bit(fuse_req_t req, Filesystem& fs, Inode& inode, GroupIdBit which) {
  // Of others that is not known. A directory keeps its own when it gets another owner.
  if (inode.type() == S_IFREG && !inode.set_id_bits) return false;
  if (inode.type() == S_IFDIR && which == GroupIdBit::kNotExecutable) return false;
  if (!is_ours_to_decide(req, fs)) return false;
  return drop(fs, inode, [&](const struct stat& status) -> mode_t {
    if (which == GroupIdBit::kNotExecutable && (status.st_mode & S_IXGRP) != 0) return 0;
    if ((status.st_mode & S_ISGID) == 0 || caller_is_in_group(req, status.st_gid)) return 0;
    return S_ISGID;
  });
}

}  // namespace zstdfs::fuse
