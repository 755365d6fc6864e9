// Making, removing and moving names.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <optional>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/caller.hpp"
#include "fs/fuse/new_name.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

ActingAsCaller::Identity identity(const Filesystem& fs) {
  return fs.options().act_as_caller ? ActingAsCaller::Identity::kCaller
                                    : ActingAsCaller::Identity::kOurs;
}

/// Makes an object with `make(directory)` in the caller's name and answers with it. `removal` are
/// the flags of unlinkat(2) for such an object.
template <typename Make>
void make_entry(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, Make&& make,
                int removal = 0) {
  Filesystem& fs = filesystem(req);
  fs.refuse_reserved(parent, name);
  const Descriptor directory = fs.descriptor(parent);
  {
    const ActingAsCaller scope(req, mode, identity(fs));
    make(directory->get());
  }
  NewName made(directory, name, removal);
  fs.names_changed(parent);
  struct stat lower;
  EntryReference reference = fs.look_up(directory, name, lower);
  made.keep();
  answer_entry(req, fs, std::move(reference), lower);
}

/// Watches an object over an operation that takes a name from it, which may be its last one. The
/// kernel keeps names of one directory from changing at the same time, so the object is the one
/// that loses the name.
class NameWatch {
 public:
  NameWatch(Filesystem& fs, const Descriptor& directory, const char* name) : fs_(fs) {
    if (::fstatat(directory->get(), name, &before_, AT_SYMLINK_NOFOLLOW) != 0) return;
    size_ = fs.store().size_at_rest(before_);
    descriptor_ = fs.inodes().find(key());
    if (descriptor_) return;
    os::UniqueFd fd(::openat(directory->get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (fd) descriptor_ = std::make_shared<const os::UniqueFd>(std::move(fd));
  }

  /// The operation was done.
  void finish() {
    if (!descriptor_) return;
    const bool is_file = S_ISREG(before_.st_mode);
    // Nor does the kernel let its other names come and go meanwhile.
    const bool keeps_names = !S_ISDIR(before_.st_mode) && before_.st_nlink > 1;
    if (is_file) {
      fs_.store().name_changed(key());
      struct stat after = before_;
      after.st_nlink = 0;
      if (!keeps_names || ::fstat(descriptor_->get(), &after) == 0) {
        fs_.store().keep_size(size_, after);
      }
    }
    if (keeps_names) return;
    // Whoever has it open, or stands in the directory, goes on using it.
    fs_.inodes().keep_open(key());
    if (is_file) fs_.store().unlinked(key());
  }

 private:
  store::FileKey key() const { return key_of(before_); }

  Filesystem& fs_;
  struct stat before_ {};
  store::SizeAtRest size_;
  Descriptor descriptor_;
};

/// What is known of the size of an object that a rename moves.
store::SizeAtRest size_before_move(Filesystem& fs, const Descriptor& directory, const char* name) {
  struct stat status;
  if (::fstatat(directory->get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return fs.store().size_at_rest(status);
}

/// The object got this name in a rename.
void note_move(Filesystem& fs, const store::SizeAtRest& size, const Descriptor& directory,
               const char* name) {
  struct stat status;
  if (::fstatat(directory->get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISREG(status.st_mode)) {
    fs.store().name_changed(key_of(status));
    if (size.key == key_of(status)) fs.store().keep_size(size, status);
  }
  if (S_ISDIR(status.st_mode)) fs.store().directories_changed();
}

void remove_name(fuse_req_t req, fuse_ino_t parent, const char* name, int flags) {
  Filesystem& fs = filesystem(req);
  fs.hide_reserved(parent, name);
  const Descriptor directory = fs.descriptor(parent);
  NameWatch watch(fs, directory, name);
  check_call(::unlinkat(directory->get(), name, flags), "unlinkat");
  fs.names_changed(parent);
  watch.finish();
  if (flags == AT_REMOVEDIR) fs.store().directories_changed();
  fuse_reply_err(req, 0);
}

}  // namespace

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
              dev_t device) noexcept {
  answer(req, "mknod", parent, [&] {
    make_entry(req, parent, name, mode, [&](int directory) {
      check_call(::mknodat(directory, name, mode, device), "mknodat");
    });
  });
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) noexcept {
  answer(req, "mkdir", parent, [&] {
    make_entry(
        req, parent, name, mode,
        [&](int directory) { check_call(::mkdirat(directory, name, mode), "mkdirat"); },
        AT_REMOVEDIR);
  });
}

void op_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) noexcept {
  answer(req, "symlink", parent, [&] {
    make_entry(req, parent, name, 0777, [&](int directory) {
      check_call(::symlinkat(target, directory, name), "symlinkat");
    });
  });
}

void op_readlink(fuse_req_t req, fuse_ino_t number) noexcept {
  answer(req, "readlink", number, [&] {
    char target[PATH_MAX + 1];
    const ssize_t length =
        check_call(::readlinkat(filesystem(req).descriptor(number)->get(), "", target, PATH_MAX),
                   "readlinkat");
    target[length] = '\0';
    fuse_reply_readlink(req, target);
  });
}

void op_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char* name) noexcept {
  answer(req, "link", parent, [&] {
    Filesystem& fs = filesystem(req);
    fs.refuse_reserved(parent, name);
    const Descriptor object = fs.descriptor(number);
    const Descriptor directory = fs.descriptor(parent);
    const store::Store::NameMove move(fs.store());
    std::optional<NewName> made;
    fs.change_attributes(fs.inode(number), store::StoredFile::Attributes::kOthers, [&] {
      check_call(::linkat(AT_FDCWD, DescriptorPath(object).c_str(), directory->get(), name,
                          AT_SYMLINK_FOLLOW),
                 "linkat");
      made.emplace(directory, name);
      fs.names_changed(parent);
    });
    struct stat lower;
    EntryReference reference = fs.look_up(directory, name, lower);
    made->keep();
    answer_entry(req, fs, std::move(reference), lower);
  });
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  answer(req, "unlink", parent, [&] { remove_name(req, parent, name, 0); });
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  answer(req, "rmdir", parent, [&] { remove_name(req, parent, name, AT_REMOVEDIR); });
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) noexcept {
  answer(req, "rename", parent, [&] {
    Filesystem& fs = filesystem(req);
    if ((flags & ~unsigned(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) {
      throw_errno(EINVAL, "rename with unknown flags");
    }
    fs.hide_reserved(parent, name);
    fs.refuse_reserved(new_parent, new_name);
    const Descriptor from = fs.descriptor(parent);
    const Descriptor to = fs.descriptor(new_parent);
    // Only a rename that replaces takes somebody's name away.
    std::optional<NameWatch> replaced;
    if ((flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) == 0) replaced.emplace(fs, to, new_name);
    const bool exchange = (flags & RENAME_EXCHANGE) != 0;
    const store::Store::NameMove move(fs.store());
    const store::SizeAtRest size = size_before_move(fs, from, name);
    const store::SizeAtRest other_size =
        exchange ? size_before_move(fs, to, new_name) : store::SizeAtRest{};
    {
      // A whiteout is a new object, and the caller's.
      std::optional<ActingAsCaller> scope;
      if ((flags & RENAME_WHITEOUT) != 0) scope.emplace(req, 0, identity(fs));
      check_call(::renameat2(from->get(), name, to->get(), new_name, flags), "renameat2");
    }
    fs.names_changed(parent);
    fs.names_changed(new_parent);
    if (replaced) replaced->finish();
    note_move(fs, size, to, new_name);
    if (exchange) note_move(fs, other_size, from, name);
    fuse_reply_err(req, 0);
  });
}

}  // namespace zstdfs::fuse
