// Reading directories.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

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

/// Answers from the stream's place on, as far as there is room.
template <typename Add>
void fill(Filesystem& fs, DirectoryStream& stream, Add&& add) {
  while (const dirent64* entry = stream.peek()) {
    if (!fs.is_reserved(stream.number(), entry->d_name) && !add(*entry)) break;
    stream.advance(*entry);
  }
}

/// A stream at this offset. From the start, the directory is read again: a rewinddir shall see what
/// is new.
std::unique_ptr<DirectoryStream> stream_at(Filesystem& fs, fuse_ino_t number, off_t offset) {
  std::unique_ptr<DirectoryStream> stream;
  if (offset != 0) stream = fs.directory_streams().take(number, offset);
  if (!stream) {
    using AccessTime = DirectoryStream::AccessTime;
    const auto access_time =
        fs.options().keep_access_times ? AccessTime::kStays : AccessTime::kMoves;
    stream = std::make_unique<DirectoryStream>(number, *fs.descriptor(number), fs.descriptors(),
                                               access_time);
    stream->seek(offset);
  }
  return stream;
}

}  // namespace

void op_opendir(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept {
  answer(req, "opendir", number, [&] {
    // The kernel does not ask again, and takes the directory for opened.
    if (!filesystem(req).opens_directories()) {
      fuse_reply_err(req, ENOSYS);
      return;
    }
    // The kernel drops what it remembers of a directory when it changes it.
    fi->cache_readdir = 1;
    fi->keep_cache = 1;
    fuse_reply_open(req, fi);
  });
}

void op_readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                fuse_file_info*) noexcept {
  answer(req, "readdir", number, [&] {
    Filesystem& fs = filesystem(req);
    auto stream = stream_at(fs, number, offset);
    EntryBuffer out(size);
    fill(fs, *stream, [&](const dirent64& entry) { return add_plain(req, out, entry); });
    // Before the answer, upon which the kernel may ask on. At the end it does not.
    if (out.used > 0) fs.directory_streams().keep(std::move(stream));
    fuse_reply_buf(req, out.bytes.data(), out.used);
  });
}

void op_readdirplus(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                    fuse_file_info*) noexcept {
  answer(req, "readdirplus", number, [&] {
    Filesystem& fs = filesystem(req);
    const Descriptor parent = fs.descriptor(number);
    auto stream = stream_at(fs, number, offset);
    EntryBuffer out(size);
    fill(fs, *stream,
         [&](const dirent64& entry) { return add_with_attributes(req, fs, parent, out, entry); });
    if (out.used > 0) fs.directory_streams().keep(std::move(stream));
    std::vector<Inode*> told;
    told.reserve(out.references.size());
    for (EntryReference& reference : out.references) told.push_back(&reference.release());
    if (fuse_reply_buf(req, out.bytes.data(), out.used) != 0) {
      for (Inode* inode : told) fs.inodes().forget(*inode, 1);
    }
  });
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info*) noexcept {
  answer(req, "fsyncdir", number, [&] {
    const os::UniqueFd fd(::openat(filesystem(req).descriptor(number)->get(), ".",
                                   O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw_errno(errno, "openat");
    check_call(data_only != 0 ? ::fdatasync(fd.get()) : ::fsync(fd.get()), "fsync of a directory");
    fuse_reply_err(req, 0);
  });
}

}  // namespace zstdfs::fuse
