#pragma once

#include <sys/stat.h>
#include <time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fs/os/extended_attributes.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::os {

/// How much an fsync has to make durable.
enum class SyncKind {
  kData,          ///< content and what is needed to read it (fdatasync)
  kDataAndTimes,  ///< everything (fsync)
};

enum class AllocateKind {
  kGrow,      ///< the file's size grows to the end of the range
  kKeepSize,  ///< blocks only
};

/// One regular file of the lower filesystem, open. The only way in which zstdfs touches stored
/// content; tests put an implementation below it that loses power, space or single calls.
///
/// Thread safety: all methods may run concurrently.
/// Errors: std::system_error with the errno of the lower filesystem. A failed write may have
/// written a part.
class File : public RandomAccessSource {
 public:
  // From RandomAccessSource: size(), read_at().

  /// From now on the descriptor is not given up: it may be all that keeps the file, and its inode
  /// number, from going. Throws when that has happened.
  virtual void keep_open() {}

  /// Whether the file was opened for writing.
  virtual bool writable() const = 0;

  /// Writes all of `bytes` at `offset`.
  virtual void write_at(std::uint64_t offset, ByteSpan bytes) = 0;
  virtual void truncate(std::uint64_t bytes) = 0;
  /// Reserves blocks. Throws EOPNOTSUPP where the lower filesystem cannot.
  virtual void allocate(ByteRange range, AllocateKind kind) = 0;
  /// Gives blocks back; the range reads as zeros afterwards. Throws EOPNOTSUPP.
  virtual void punch_hole(ByteRange range) = 0;
  virtual void sync(SyncKind kind) = 0;
  /// Lets the kernel forget the pages of the range that it takes for written; the next access finds
  /// out anew what is on the disk. What still has to be written stays. A hint, without an error.
  virtual void drop_clean_pages(ByteRange) {}
  /// The range will be read soon: lets the kernel fetch it, and does not wait. A hint, without an
  /// error.
  virtual void will_read(ByteRange) const {}
  /// Lets the kernel begin to write the range to the disk, as a sync would have to do later. It may
  /// wait for the disk to take it. A hint, without an error: a sync says what went wrong.
  virtual void begin_writeback(ByteRange) {}

  virtual struct stat stat() const = 0;
  /// Sets the modification time and leaves the access time; with UTIME_NOW in `tv_nsec`, to what
  /// the lower filesystem stamps on a change made now. Of a file that belongs to somebody else a
  /// daemon that is not root can only set both, to now.
  virtual void set_modification_time(timespec time) = 0;

  /// Makes a change after which the content is what it was, so that the file's capabilities and
  /// set-id bits, which the lower filesystem takes away then, are given back. Throws what `change`
  /// throws, after that.
  virtual void keep_privileges(const std::function<void()>& change) { change(); }

  /// Gives the file to the user and group that own `other`, so that its space counts as theirs.
  /// Without effect where we may not.
  virtual void give_to_owner_of(const File& other) = 0;

  /// The first data or hole at or after `offset` (SEEK_DATA, SEEK_HOLE). Throws ENXIO beyond the
  /// end, as lseek does.
  virtual std::uint64_t seek_data(std::uint64_t offset) const = 0;
  virtual std::uint64_t seek_hole(std::uint64_t offset) const = 0;

  /// The extended attributes whose names begin with `prefix`; none where the filesystem has no
  /// attributes.
  virtual Attributes attributes(std::string_view prefix) const = 0;

  /// Bytes that name this file among all that its filesystem ever held, also after a restart and
  /// a rename: the file handle of name_to_handle_at(2), or inode number and birth time.
  virtual std::string identity() const = 0;
  /// Where the file probably lies, relative to the volume's root; empty when it is not known or
  /// outside.
  virtual std::string path_hint() const = 0;
};

}  // namespace zstdfs::os
