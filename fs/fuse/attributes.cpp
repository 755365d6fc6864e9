// Finding names, forgetting inodes, reading and changing attributes.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/set_id_bits.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

void set_size(Filesystem& fs, Inode& inode, off_t bytes, fuse_file_info* fi) {
  if (inode.type() != S_IFREG) throw_errno(EINVAL, "truncate");
  const auto logical_bytes = static_cast<std::uint64_t>(bytes);
  if (fi != nullptr) {
    open_file(fi).file().truncate(logical_bytes);
    return;
  }
  const auto handle = fs.open(inode, store::ForWriting::kYes);
  handle->file().truncate(logical_bytes);
  try {
    handle->file().flush();  // No close will follow that could do it.
  } catch (...) {
    // It has the new size, which is only not stored yet. The kernel takes it for unchanged.
    fs.forget_attributes(inode);
    throw;
  }
}

void set_owner(const Descriptor& descriptor, const struct stat& wanted, int to_set) {
  const uid_t user = (to_set & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : uid_t(-1);
  const gid_t group = (to_set & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : gid_t(-1);
  check_call(::fchownat(descriptor->get(), "", user, group, AT_EMPTY_PATH), "fchownat");
}

timespec time_to_set(int to_set, int given, int now, timespec time) {
  if ((to_set & now) != 0) return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
  if ((to_set & given) != 0) return time;
  return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
}

void set_times(const Descriptor& descriptor, const struct stat& wanted, int to_set) {
  const timespec times[2] = {
      time_to_set(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, wanted.st_atim),
      time_to_set(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, wanted.st_mtim)};
  check_call(::utimensat(AT_FDCWD, DescriptorPath(descriptor).c_str(), times, 0), "utimensat");
}

constexpr int kOwnerBits = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
constexpr int kModificationTimeBits = FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW;
constexpr int kTimeBits = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | kModificationTimeBits;

store::StoredFile::Attributes what_changes(const struct stat& wanted, int to_set) {
  using Which = store::StoredFile::Attributes;
  const bool sets_mode = (to_set & FUSE_SET_ATTR_MODE) != 0;
  if (sets_mode && (wanted.st_mode & (S_ISUID | S_ISGID)) != 0) return Which::kPrivileges;
  return (to_set & kModificationTimeBits) != 0 ? Which::kModificationTime : Which::kOthers;
}

/// Returns whether a bit is gone that a mode which is to be set too may still have.
bool drop_set_id_bits(fuse_req_t req, Filesystem& fs, Inode& inode, int to_set) {
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) return drop_for_write(req, fs, inode);
  if ((to_set & kOwnerBits) != 0) {
    return drop_group_id_bit(req, fs, inode, GroupIdBit::kNotExecutable);
  }
  if (to_set == 0) drop_for_empty_setattr(req, fs, inode);
  return false;
}

/// Owner, mode and times. The owner before the mode: a change of owner takes suid bits away, and
/// the kernel has put into the mode what shall remain.
void set_others(Filesystem& fs, Inode& inode, const Descriptor& descriptor,
                const struct stat& wanted, int to_set) {
  if ((to_set & (kOwnerBits | FUSE_SET_ATTR_MODE | kTimeBits)) == 0) return;
  fs.change_attributes(inode, what_changes(wanted, to_set), [&] {
    if ((to_set & kOwnerBits) != 0) set_owner(descriptor, wanted, to_set);
    if ((to_set & FUSE_SET_ATTR_MODE) != 0) {
      // Not fchmodat: through a path, because an O_PATH descriptor itself cannot be changed.
      check_call(::chmod(DescriptorPath(descriptor).c_str(), wanted.st_mode & 07777), "chmod");
    }
    if ((to_set & kTimeBits) != 0) set_times(descriptor, wanted, to_set);
  });
}

}  // namespace

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  answer(req, "lookup", parent, [&] {
    Filesystem& fs = filesystem(req);
    fs.hide_reserved(parent, name);
    struct stat lower;
    auto reference = fs.find_entry(fs.descriptor(parent), name, lower);
    // The kernel remembers that there is nothing: only it can change that.
    if (!reference) return answer_absence(req);
    answer_entry(req, fs, std::move(*reference), lower);
  });
}

void op_forget(fuse_req_t req, fuse_ino_t number, std::uint64_t count) noexcept {
  filesystem(req).forget(number, count);
  fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) noexcept {
  Filesystem& fs = filesystem(req);
  for (std::size_t i = 0; i < count; ++i) {
    fs.forget(forgets[i].ino, forgets[i].nlookup);
  }
  fuse_reply_none(req);
}

void op_getattr(fuse_req_t req, fuse_ino_t number, fuse_file_info*) noexcept {
  answer(req, "getattr", number, [&] {
    Filesystem& fs = filesystem(req);
    const Attributes attr = fs.attributes(fs.inode(number), fs.descriptor(number));
    fuse_reply_attr(req, &attr.status, attr.timeout_s);
  });
}

void op_setattr(fuse_req_t req, fuse_ino_t number, struct stat* wanted, int to_set,
                fuse_file_info* fi) noexcept {
  answer(req, "setattr", number, [&] {
    Filesystem& fs = filesystem(req);
    Inode& inode = fs.inode(number);
    const Descriptor descriptor = fs.descriptor(number);
    if (drop_set_id_bits(req, fs, inode, to_set)) {
      wanted->st_mode &= ~mode_t{S_ISGID};  // Here a mode is only what the kernel leaves of it.
    }
    // Size first, which is the likeliest to fail.
    if ((to_set & FUSE_SET_ATTR_SIZE) != 0) set_size(fs, inode, wanted->st_size, fi);
    set_others(fs, inode, descriptor, *wanted, to_set);
    const Attributes attr = fs.attributes(inode, descriptor);
    fuse_reply_attr(req, &attr.status, attr.timeout_s);
  });
}

void op_statfs(fuse_req_t req, fuse_ino_t number) noexcept {
  answer(req, "statfs", number, [&] {
    Filesystem& fs = filesystem(req);
    struct statvfs status;
    check_call(::fstatvfs(fs.descriptor(number)->get(), &status), "fstatvfs");
    fuse_reply_statfs(req, &status);
  });
}

}  // namespace zstdfs::fuse
