#pragma once

#include <sys/stat.h>

#include <string>

#include "fs/os/posix.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::tools {

/// What to do about a file that has the name of a new one.
enum class Existing { kKeep, kReplace };
enum class Durability {
  kLater,  ///< the system writes it to the disk when it likes
  kNow,    ///< content and name are on the disk before commit() returns
};

/// A file that appears under its name at once and whole, or not at all. Until commit() it has a
/// temporary name in the same directory, which the destructor removes; a process that is killed
/// leaves it (".zstdfs-" and six characters).
///
/// Errors: std::system_error.
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int fd() const { return fd_.get(); }
  void write(ByteSpan bytes);

  /// Takes over permissions, modification time, and where we may the owner. Where owner or group
  /// stay ours, only we get access; the bits that change who a program runs as are left out.
  /// `access_list` is the original's attribute kAccessList, if it has that: then the bits of the
  /// group say what the list allows at most, and where it cannot be taken over, nobody gets them.
  void make_like(const struct stat& original, const os::Attributes& access_list);

  /// Gives it the permissions that a file made now gets from the umask. Until then only we may
  /// read it.
  void make_ordinary();

  /// Gives it its name. Throws EEXIST when there is such a file that is to be kept, and
  /// os::not_regular() when what is to be replaced is no regular file. After an error nothing has
  /// changed, unless it came from the sync of the directory.
  void commit(Existing existing, Durability durability);

 private:
  void rename_to_path(Existing existing);
  std::string directory() const;

  const std::string path_;
  std::string temporary_path_;  // empty when there is none any more
  os::UniqueFd fd_;
};

/// Throws std::runtime_error, which names the path, where a new file could not be made: to be found
/// out before the work, not after it. write_new_file looks again.
void refuse_impossible_file(const std::string& path, Existing existing);

/// Writes a file with the permissions of one that is made now. Throws std::runtime_error, which
/// names the path.
void write_new_file(const std::string& path, ByteSpan content, Existing existing,
                    Durability durability);

}  // namespace zstdfs::tools
