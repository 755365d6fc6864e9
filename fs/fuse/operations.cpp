#include "fs/fuse/operations.hpp"

#include <cerrno>

#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/session.hpp"

namespace zstdfs::fuse {
namespace {

template <typename... Arguments>
void refuse_change(fuse_req_t req, Arguments...) noexcept {
  filesystem(req).operation_counts().failed(EROFS);
  fuse_reply_err(req, EROFS);
}

/// What is not here changes content, and so needs a file that is open for writing: the store
/// refuses that.
void refuse_changes(fuse_lowlevel_ops& ops) {
  ops.setattr = refuse_change;
  ops.mknod = refuse_change;
  ops.mkdir = refuse_change;
  ops.symlink = refuse_change;
  ops.link = refuse_change;
  ops.unlink = refuse_change;
  ops.rmdir = refuse_change;
  ops.rename = refuse_change;
  ops.create = refuse_change;
  ops.setxattr = refuse_change;
  ops.removexattr = refuse_change;
}

}  // namespace

fuse_lowlevel_ops operations(Access access) {
  fuse_lowlevel_ops ops{};
  ops.init = negotiate;
  ops.lookup = op_lookup;
  ops.forget = op_forget;
  ops.forget_multi = op_forget_multi;
  ops.getattr = op_getattr;
  ops.setattr = op_setattr;
  ops.statfs = op_statfs;
  ops.opendir = op_opendir;
  ops.readdir = op_readdir;
  ops.readdirplus = op_readdirplus;
  ops.fsyncdir = op_fsyncdir;
  ops.mknod = op_mknod;
  ops.mkdir = op_mkdir;
  ops.symlink = op_symlink;
  ops.readlink = op_readlink;
  ops.link = op_link;
  ops.unlink = op_unlink;
  ops.rmdir = op_rmdir;
  ops.rename = op_rename;
  ops.create = op_create;
  ops.open = op_open;
  ops.flush = op_flush;
  ops.release = op_release;
  ops.fsync = op_fsync;
  ops.read = op_read;
  ops.write = op_write;
  ops.fallocate = op_fallocate;
  ops.lseek = op_lseek;
  ops.copy_file_range = op_copy_file_range;
  ops.ioctl = op_ioctl;
  ops.setxattr = op_setxattr;
  ops.getxattr = op_getxattr;
  ops.listxattr = op_listxattr;
  ops.removexattr = op_removexattr;
  if (access == Access::kReadOnly) refuse_changes(ops);
  return ops;
}

}  // namespace zstdfs::fuse
