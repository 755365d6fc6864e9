#include "fs/fuse/set_id_bits.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "fs/fuse/caller.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

/// Whether the lower filesystem cannot know whom to take bits from. Root keeps them.
bool is_ours_to_decide(fuse_req_t req, const Filesystem& fs) {
  return fs.options().act_as_caller && fuse_req_ctx(req)->uid != 0;
}

void drop(Filesystem& fs, Inode& inode, const Descriptor& descriptor, mode_t left) {
  fs.change_attributes(inode, store::StoredFile::Attributes::kOthers, [&] {
    check_call(::chmod(DescriptorPath(descriptor).c_str(), left & 07777), "chmod");
  });
}

struct stat status_of(const Descriptor& descriptor) {
  struct stat status;
  check_call(::fstat(descriptor->get(), &status), "fstat");
  return status;
}

}  // namespace

void drop_set_id_bits(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (!is_ours_to_decide(req, fs)) return;
  const Descriptor descriptor = fs.inodes().descriptor(inode);
  const struct stat status = status_of(descriptor);
  mode_t dropped = status.st_mode & S_ISUID;
  if ((status.st_mode & S_ISGID) != 0 &&
      ((status.st_mode & S_IXGRP) != 0 || !caller_is_in_group(req, status.st_gid))) {
    dropped |= S_ISGID;
  }
  if (dropped != 0) drop(fs, inode, descriptor, status.st_mode & ~dropped);
}

bool drop_group_id_bit(fuse_req_t req, Filesystem& fs, Inode& inode) {
  if (!is_ours_to_decide(req, fs)) return false;
  const Descriptor descriptor = fs.inodes().descriptor(inode);
  const struct stat status = status_of(descriptor);
  if ((status.st_mode & S_ISGID) == 0 || caller_is_in_group(req, status.st_gid)) return false;
  drop(fs, inode, descriptor, status.st_mode & ~mode_t{S_ISGID});
  return true;
}

}  // namespace zstdfs::fuse
