// Reading and writing the content of regular files.

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>

#include "fs/fuse/access_times.hpp"
#include "fs/fuse/answer.hpp"
#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/set_id_bits.hpp"
#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

// A copy answers after this much at the latest, so that the program can be interrupted.
constexpr std::size_t kMaxCopyBytes = 8u << 20;
constexpr std::size_t kCopyPieceBytes = 1u << 20;

std::uint64_t to_u64(off_t offset) {
  if (offset < 0) throw_errno(EINVAL, "negative offset");
  return static_cast<std::uint64_t>(offset);
}

/// Memory of the calling thread, kept for its next request. Its content is undefined.
MutableByteSpan thread_buffer(std::size_t size) {
  thread_local std::unique_ptr<std::byte[]> bytes;
  thread_local std::size_t capacity = 0;
  if (capacity < size) {
    bytes = std::make_unique_for_overwrite<std::byte[]>(size);
    capacity = size;
  }
  return {bytes.get(), size};
}

void allocate(store::StoredFile& file, int mode, ByteRange range) {
  const auto kind =
      (mode & FALLOC_FL_KEEP_SIZE) != 0 ? os::AllocateKind::kKeepSize : os::AllocateKind::kGrow;
  switch (mode) {
    case 0:
    case FALLOC_FL_KEEP_SIZE:
      return file.allocate(range, kind);
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
      return file.punch_hole(range);
    case FALLOC_FL_ZERO_RANGE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
      return file.zero_range(range, kind);
    default:
      throw_errno(EOPNOTSUPP, "fallocate");
  }
}

/// Returns how many bytes were copied: fewer than `size` at the end, or when a later piece failed.
std::size_t copy(store::StoredFile& from, std::uint64_t from_offset, store::StoredFile& to,
                 std::uint64_t to_offset, std::size_t size) {
  size = std::min(size, kMaxCopyBytes);
  std::size_t done = 0;
  while (done < size) {
    try {
      const MutableByteSpan piece = thread_buffer(std::min(size - done, kCopyPieceBytes));
      const std::size_t bytes = from.read(from_offset + done, piece);
      if (bytes == 0) break;
      to.write(to_offset + done, piece.first(bytes));
      done += bytes;
    } catch (const std::exception&) {
      // The program asks for the rest and then gets the error.
      if (done > 0) break;
      throw;
    }
  }
  return done;
}

}  // namespace

void op_read(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
             fuse_file_info* fi) noexcept {
  answer(req, "read", number, [&] {
    OpenFile& open = open_file(fi);
    Filesystem& fs = filesystem(req);
    note_read(fs, open);
    if (offset == 0) fs.files_ahead().note(open.inode().key());
    const MutableByteSpan buffer = thread_buffer(size);
    const std::size_t bytes = open.file().read(to_u64(offset), buffer);
    fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), bytes);
  });
}

void op_write(fuse_req_t req, fuse_ino_t number, const char* bytes, std::size_t size, off_t offset,
              fuse_file_info* fi) noexcept {
  answer(req, "write", number, [&] {
    Filesystem& fs = filesystem(req);
    drop_for_write(req, fs, fs.inode(number));
    open_file(fi).file().write(to_u64(offset), std::as_bytes(std::span(bytes, size)));
    fuse_reply_write(req, size);
  });
}

void op_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length,
                  fuse_file_info* fi) noexcept {
  answer(req, "fallocate", number, [&] {
    Filesystem& fs = filesystem(req);
    drop_for_other_change(req, fs, fs.inode(number));
    allocate(open_file(fi).file(), mode, {.offset = to_u64(offset), .bytes = to_u64(length)});
    fuse_reply_err(req, 0);
  });
}

void op_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence,
              fuse_file_info* fi) noexcept {
  answer(req, "lseek", number, [&] {
    store::StoredFile& file = open_file(fi).file();
    if (offset < 0) throw_errno(ENXIO, "lseek");
    std::uint64_t found = 0;
    if (whence == SEEK_DATA) {
      found = file.seek_data(to_u64(offset));
    } else if (whence == SEEK_HOLE) {
      found = file.seek_hole(to_u64(offset));
    } else {
      throw_errno(EINVAL, "lseek");  // The kernel answers the others itself.
    }
    fuse_reply_lseek(req, static_cast<off_t>(found));
  });
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from_offset, fuse_file_info* from,
                        fuse_ino_t to_number, off_t to_offset, fuse_file_info* to, std::size_t size,
                        int flags) noexcept {
  answer(req, "copy_file_range", to_number, [&] {
    if (flags != 0) throw_errno(EINVAL, "copy_file_range");
    Filesystem& fs = filesystem(req);
    drop_for_other_change(req, fs, fs.inode(to_number));
    note_read(fs, open_file(from));
    OpenFile& target = open_file(to);
    const std::size_t copied =
        copy(open_file(from).file(), to_u64(from_offset), target.file(), to_u64(to_offset), size);
    // The kernel does so itself after a write, but not here.
    try {
      if (target.sync_after_write) target.sync(*target.sync_after_write);
    } catch (...) {
      fs.forget_attributes(target.inode());  // It believes that nothing was copied.
      throw;
    }
    fuse_reply_write(req, copied);
  });
}

}  // namespace zstdfs::fuse
