#pragma once
// (public part; the private part follows with the implementation)

#include <sys/stat.h>

#include <memory>
#include <string>

#include "fs/os/file.hpp"
#include "fs/store/file_key.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// One regular file of the store, seen logically.
///
/// Thread safety: all methods may run concurrently; reads share, writes exclude.
/// Errors: CorruptError when stored bytes are wrong, std::system_error from the lower filesystem,
/// or EFBIG, ENXIO, EOPNOTSUPP, EROFS as the system calls have them.
class StoredFile {
 public:
  /// Reads logical bytes from `logical_offset` into `out`. Returns how many were read: fewer than
  /// `out.size()` only at the end of the file. Holes read as zeros.
  std::size_t read(std::uint64_t logical_offset, MutableByteSpan out);

  /// Writes `bytes`. They are visible to reads at once, and safe from the daemon's end after
  /// flush(), from a power cut after sync(). After an error the content is as it was, or has been
  /// written in part.
  void write(std::uint64_t logical_offset, ByteSpan bytes);
  void truncate(std::uint64_t logical_bytes);

  void allocate(ByteRange range, os::AllocateKind kind);
  void punch_hole(ByteRange range);
  void zero_range(ByteRange range, os::AllocateKind kind);

  /// SEEK_DATA and SEEK_HOLE; throw ENXIO as lseek does.
  std::uint64_t seek_data(std::uint64_t logical_offset);
  std::uint64_t seek_hole(std::uint64_t logical_offset);

  /// What close(2) waits for: when it returns, the content no longer depends on this process.
  /// Cheap when nothing changed. After an error everything is still readable, and the next flush
  /// tries again.
  void flush();
  /// fsync(2): as flush, and durable.
  void sync(os::SyncKind kind);

  std::uint64_t logical_bytes();

  /// The caller set the modification time by other means (utimensat): ours is forgotten. Call it
  /// before the backing file's time is set.
  void modification_time_set();
};

}  // namespace zstdfs::store
