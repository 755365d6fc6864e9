// Reading directories.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/system_error.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {
namespace {

/// One open handle of a directory. Its address is the kernel's file handle. The directory is opened
/// when it is read: many are only gone through, or watched.
///
/// The kernel sees the lower directory's own offsets, so that a position stays valid whatever is
/// created and removed meanwhile.
struct OpenDirectory : OpenHandle {
  struct alignas(dirent64) Buffer : std::array<char, 32 << 10> {};

  Mutex mutex;
  os::UniqueFd fd ZSTDFS_GUARDED_BY(mutex);
  // Entries read ahead of what was asked for: buffer[begin, end). There is none before the first.
  std::unique_ptr<Buffer> buffer ZSTDFS_GUARDED_BY(mutex);
  std::size_t begin ZSTDFS_GUARDED_BY(mutex) = 0;
  std::size_t end ZSTDFS_GUARDED_BY(mutex) = 0;
  off_t next_offset ZSTDFS_GUARDED_BY(mutex) = 0;

  void open(Filesystem& fs, fuse_ino_t number) ZSTDFS_REQUIRES(mutex) {
    if (fd) return;
    fd = os::UniqueFd(
        ::openat(fs.descriptor(number)->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw_errno(errno, "openat");
    fs.descriptors().make_room(fd.get());
    buffer = std::make_unique<Buffer>();
  }

  /// Makes the entries durable.
  void sync(Filesystem& fs, fuse_ino_t number, bool data_only) ZSTDFS_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    open(fs, number);
    check_call(data_only ? ::fdatasync(fd.get()) : ::fsync(fd.get()), "fsync of a directory");
  }

  /// Makes `offset` the place of the next entry.
  void seek(off_t offset) ZSTDFS_REQUIRES(mutex) {
    // From the start, the directory is read again: a rewinddir shall see what is new.
    if (offset == next_offset && offset != 0) return;
    check_call(::lseek(fd.get(), offset, SEEK_SET), "lseek in a directory");
    begin = end = 0;
    next_offset = offset;
  }

  /// The next entry, valid until the following call; null at the end.
  const dirent64* peek() ZSTDFS_REQUIRES(mutex) {
    if (begin == end) {
      const ssize_t bytes =
          check_call(::getdents64(fd.get(), buffer->data(), buffer->size()), "getdents64");
      begin = 0;
      end = static_cast<std::size_t>(bytes);
      if (end == 0) return nullptr;
    }
    return reinterpret_cast<const dirent64*>(buffer->data() + begin);
  }

  void advance(const dirent64& entry) ZSTDFS_REQUIRES(mutex) {
    begin += entry.d_reclen;
    next_offset = entry.d_off;
  }
};

OpenDirectory& open_directory(const fuse_file_info* fi) {
  return *reinterpret_cast<OpenDirectory*>(fi->fh);
}

/// The answer to a request for entries, as far as it is filled.
struct EntryBuffer {
  explicit EntryBuffer(std::size_t size) : bytes(size) {}

  std::vector<char> bytes;
  std::size_t used = 0;
  std::vector<EntryReference> references;  // what the kernel gets with the answer

  char* place() { return bytes.data() + used; }
  std::size_t room() const { return bytes.size() - used; }
};

bool is_dot_or_dot_dot(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

struct stat status_of_entry(const dirent64& entry) {
  struct stat status {};
  status.st_ino = entry.d_ino;
  status.st_mode = static_cast<mode_t>(DTTOIF(entry.d_type));
  return status;
}

/// Adds a name; returns false when there is no room.
bool add_plain(fuse_req_t req, EntryBuffer& out, const dirent64& entry) {
  const struct stat status = status_of_entry(entry);
  const std::size_t needed =
      fuse_add_direntry(req, out.place(), out.room(), entry.d_name, &status, entry.d_off);
  if (needed > out.room()) return false;
  out.used += needed;
  return true;
}

/// Adds a name with its attributes; returns false when there is no room. The kernel then holds a
/// reference to the inode, but for "." and "..", and for what cannot be looked up now.
bool add_with_attributes(fuse_req_t req, Filesystem& fs, const Descriptor& parent, EntryBuffer& out,
                         const dirent64& entry) {
  const std::size_t needed =
      fuse_add_direntry_plus(req, nullptr, 0, entry.d_name, nullptr, entry.d_off);
  if (needed > out.room()) return false;
  fuse_entry_param param{};
  param.attr = status_of_entry(entry);
  if (!is_dot_or_dot_dot(entry.d_name)) {
    try {
      struct stat lower;
      EntryReference reference = fs.look_up(parent, entry.d_name, lower);
      param = fs.entry(reference.inode(), lower);
      out.references.push_back(std::move(reference));
    } catch (const std::system_error& error) {
      if (error.code().value() == ENOENT) return true;  // Removed meanwhile.
      // Without attributes: whoever needs them looks the name up and is told why not.
    }
  }
  fuse_add_direntry_plus(req, out.place(), out.room(), entry.d_name, &param, entry.d_off);
  out.used += needed;
  return true;
}

template <typename Add>
void fill(Filesystem& fs, fuse_ino_t number, OpenDirectory& directory, off_t offset, Add&& add) {
  MutexLock lock(directory.mutex);
  directory.open(fs, number);
  directory.seek(offset);
  while (const dirent64* entry = directory.peek()) {
    if (!fs.is_reserved(number, entry->d_name) && !add(*entry)) break;
    directory.advance(*entry);
  }
}

}  // namespace

void op_opendir(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept {
  answer(req, "opendir", number, [&] {
    Filesystem& fs = filesystem(req);
    OpenDirectory* const handle = fs.handles().keep(std::make_unique<OpenDirectory>());
    fi->fh = reinterpret_cast<std::uint64_t>(handle);
    // The kernel drops what it remembers of a directory when it changes it.
    fi->cache_readdir = 1;
    fi->keep_cache = 1;
    // There will be no releasedir after an answer that does not arrive.
    if (fuse_reply_open(req, fi) != 0) fs.handles().take(*handle);
  });
}

void op_readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                fuse_file_info* fi) noexcept {
  answer(req, "readdir", number, [&] {
    EntryBuffer out(size);
    fill(filesystem(req), number, open_directory(fi), offset,
         [&](const dirent64& entry) { return add_plain(req, out, entry); });
    fuse_reply_buf(req, out.bytes.data(), out.used);
  });
}

void op_readdirplus(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                    fuse_file_info* fi) noexcept {
  answer(req, "readdirplus", number, [&] {
    Filesystem& fs = filesystem(req);
    const Descriptor parent = fs.descriptor(number);
    EntryBuffer out(size);
    fill(fs, number, open_directory(fi), offset,
         [&](const dirent64& entry) { return add_with_attributes(req, fs, parent, out, entry); });
    std::vector<Inode*> told;
    told.reserve(out.references.size());
    for (EntryReference& reference : out.references) told.push_back(&reference.release());
    if (fuse_reply_buf(req, out.bytes.data(), out.used) != 0) {
      for (Inode* inode : told) fs.inodes().forget(*inode, 1);
    }
  });
}

void op_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) noexcept {
  filesystem(req).handles().take(open_directory(fi));
  fuse_reply_err(req, 0);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* fi) noexcept {
  answer(req, "fsyncdir", number, [&] {
    open_directory(fi).sync(filesystem(req), number, data_only != 0);
    fuse_reply_err(req, 0);
  });
}

}  // namespace zstdfs::fuse
