#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fs/os/extended_attributes.hpp"
#include "fs/os/file.hpp"

namespace zstdfs::os {

enum class OpenMode { kRead, kReadWrite };

struct DirectoryEntry {
  std::string name;
  enum class Type { kRegular, kDirectory, kOther } type = Type::kOther;
};

/// What taking a lock leaves in the file it is tied to.
enum class LockTrace { kNone, kHolder };

/// A lock that the process holds on a volume; given back by the destructor (or the process's end).
class VolumeLock {
 public:
  virtual ~VolumeLock() = default;
};

/// The lower filesystem as seen from a store's root directory.
///
/// Paths are relative to the root, with '/' between names, "" for the root itself. No symbolic link
/// is ever followed, in no component, and no path leaves the root: then ELOOP or EXDEV is thrown.
/// Thread safety: all methods may run concurrently. Errors: std::system_error.
class Volume {
 public:
  virtual ~Volume() = default;

  /// Opens a regular file; nothing when there is none of that name. Throws when it is something
  /// else than a regular file.
  virtual std::unique_ptr<File> open(const std::string& path, OpenMode mode) = 0;
  /// Creates a regular file for reading and writing; throws EEXIST when the name is taken.
  virtual std::unique_ptr<File> create(const std::string& path, mode_t mode) = 0;
  /// Removes a file's name. Returns false when there was none.
  virtual bool remove(const std::string& path) = 0;
  virtual void rename(const std::string& from, const std::string& to) = 0;
  /// Returns false when the directory existed already.
  virtual bool make_directory(const std::string& path, mode_t mode) = 0;
  /// The entries of a directory but "." and "..", in no order. Throws ENOENT.
  virtual std::vector<DirectoryEntry> list(const std::string& path) = 0;
  /// Status of what `path` names, not following a link. Throws ENOENT.
  virtual struct stat stat(const std::string& path) = 0;
  /// The extended attributes of what `path` names, not following a link, whose names begin with
  /// `prefix`; none where the filesystem has no attributes. Throws ENOENT.
  virtual Attributes attributes(const std::string& path, std::string_view prefix) = 0;

  /// Makes a directory's entries durable.
  virtual void sync_directory(const std::string& path) = 0;
  /// Makes everything in the filesystem durable (syncfs).
  virtual void sync_filesystem() = 0;

  /// Takes the lock that is tied to the file `path` (made when missing), and writes the holder's
  /// process number into it. Nothing when another process holds it; `holder` then says which
  /// (0: unknown).
  std::unique_ptr<VolumeLock> try_lock(const std::string& path, pid_t& holder) {
    return try_lock(path, holder, LockTrace::kHolder);
  }
  /// With LockTrace::kNone nothing is made or written; throws ENOENT when there is no file.
  virtual std::unique_ptr<VolumeLock> try_lock(const std::string& path, pid_t& holder,
                                               LockTrace trace) = 0;

  /// The lower filesystem's block size in bytes.
  virtual std::uint64_t block_bytes() = 0;
  /// The room that the lower filesystem has for users' files, quotas aside.
  virtual std::uint64_t free_bytes() = 0;
  /// Names the run of the operating system. Empty when that is not known.
  virtual std::string boot_id() { return {}; }
  /// Names the mount that the volume is seen through; no other one of the same boot has that name.
  /// While boot and mount stay the same, what was written is there, synced or not: a filesystem
  /// that was shut down, or whose disk was lost, has to be mounted anew. The same filesystem may be
  /// seen through other mounts. Empty when it is not known.
  virtual std::string mount_id() { return {}; }
  /// The time that the lower filesystem would stamp on a change made now.
  virtual timespec now() = 0;
};

}  // namespace zstdfs::os
