// Opening, flushing and closing regular files.

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "fs/fuse/access_times.hpp"
#include "fs/fuse/answer.hpp"
#include "fs/fuse/caller.hpp"
#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/new_name.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/set_id_bits.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

store::ForWriting for_writing(int flags) {
  return (flags & O_ACCMODE) == O_RDONLY ? store::ForWriting::kNo : store::ForWriting::kYes;
}

/// Fills in what the kernel is told about a handle, which becomes the kernel's.
OpenFile& hand_over(Filesystem& fs, fuse_file_info* fi, std::unique_ptr<OpenFile> owned) {
  note_opened(fs, *owned, fi->flags);
  if ((fi->flags & O_DSYNC) != 0) {
    owned->sync_after_write =
        (fi->flags & O_SYNC) == O_SYNC ? os::SyncKind::kDataAndTimes : os::SyncKind::kData;
  }
  OpenFile* const handle = fs.open_files().keep(std::move(owned));
  fi->fh = reinterpret_cast<std::uint64_t>(handle);
  // Content changes only through this mount, so pages that the kernel has stay true.
  fi->keep_cache = 1;
  // Nothing to commit: spares closing a round trip.
  fi->noflush = handle->for_writing() ? 0 : 1;
  return *handle;
}

void truncate(fuse_req_t req, Filesystem& fs, OpenFile& opened) {
  drop_for_open(req, fs, opened.inode());
  opened.file().truncate(0);
}

/// Creates the file and returns it open for reading and writing, whatever its mode.
os::UniqueFd create_backing(fuse_req_t req, Filesystem& fs, const Descriptor& directory,
                            const char* name, mode_t mode, bool exclusive) {
  const ActingAsCaller scope(req, mode,
                             fs.options().act_as_caller ? ActingAsCaller::Identity::kCaller
                                                        : ActingAsCaller::Identity::kOurs);
  os::UniqueFd fd(::openat(directory->get(), name,
                           O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode & 07777));
  // The kernel believes that there is no such name, so it has checked nobody's rights to what is
  // there. At this it looks again, and opens that as any other file.
  const bool is_news = !fd && errno == EEXIST && !exclusive;
  if (!fd) throw_errno(is_news ? ESTALE : errno, "openat");
  return fd;
}

}  // namespace

void op_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* fi) noexcept {
  answer(req, "create", parent, [&] {
    Filesystem& fs = filesystem(req);
    fs.refuse_reserved(parent, name);
    const Descriptor directory = fs.descriptor(parent);
    os::UniqueFd fd = create_backing(req, fs, directory, name, mode, (fi->flags & O_EXCL) != 0);
    NewName made(directory, name);
    fs.names_changed(parent);
    struct stat lower;
    EntryReference reference = fs.look_up(directory, name, lower);
    if (!S_ISREG(lower.st_mode)) {
      made.keep();  // It is not what was made.
      throw_errno(EEXIST, "create");
    }
    auto handle = fs.open(reference.inode(), for_writing(fi->flags), std::move(fd));
    const fuse_entry_param param = fs.new_entry(reference.inode(), lower);

    OpenFile& open_file = hand_over(fs, fi, std::move(handle));
    made.keep();
    Inode& inode = reference.release();
    if (fuse_reply_create(req, &param, fi) != 0) {  // There will be neither release nor forget.
      fs.open_files().take(open_file);
      fs.inodes().forget(inode, 1);
    }
  });
}

void op_open(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept {
  answer(req, "open", number, [&] {
    Filesystem& fs = filesystem(req);
    // O_APPEND, O_DIRECT and the like are between the program and the kernel, which sends offsets
    // and keeps the pages.
    const bool truncating = (fi->flags & O_TRUNC) != 0;
    auto handle =
        fs.open(fs.inode(number), truncating ? store::ForWriting::kYes : for_writing(fi->flags));
    if (truncating) truncate(req, fs, *handle);
    OpenFile& open_file = hand_over(fs, fi, std::move(handle));
    if (fuse_reply_open(req, fi) != 0)
      fs.open_files().take(open_file);  // There will be no release.
  });
}

void op_flush(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept {
  answer(req, "flush", number, [&] {
    // Sent at every close of every duplicate: whoever closes is told what went wrong.
    OpenFile& open = open_file(fi);
    if (open.for_writing()) open.file().flush();
    fuse_reply_err(req, 0);
  });
}

void op_release(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept {
  answer(req, "release", number, [&] {
    OpenFile& open = open_file(fi);
    std::unique_ptr<OpenFile> owner = filesystem(req).open_files().take(open);
    // Pages of a mapping may have come after the last flush. Nobody hears of the error but the
    // log; the store tries again later.
    if (open.for_writing()) open.file().flush();
    owner.reset();  // Before the answer: the inode may go with it.
    fuse_reply_err(req, 0);
  });
}

void op_fsync(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* fi) noexcept {
  answer(req, "fsync", number, [&] {
    open_file(fi).sync(data_only != 0 ? os::SyncKind::kData : os::SyncKind::kDataAndTimes);
    fuse_reply_err(req, 0);
  });
}

}  // namespace zstdfs::fuse
