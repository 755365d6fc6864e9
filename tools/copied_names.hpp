#pragma once

#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <string>

#include "fs/os/beneath.hpp"
#include "fs/os/extended_attributes.hpp"
#include "fs/os/posix.hpp"

namespace zstdfs::tools {

/// Everything about an object but its content and its names.
struct CopiedMetadata {
  struct stat status {};      ///< type, mode, owner, times, device
  os::Attributes attributes;  ///< access control lists among them
};

/// The attributes of what `name` in a directory is, not following a link; but for those that a
/// mount of zstdfs only shows. None where the filesystem has none. Throws std::system_error.
os::Attributes attributes_of(int directory_fd, const std::string& name);

/// The names of a tree that is copied to, below its root. No link is followed.
///
/// Thread safety: all methods may run concurrently. Errors: std::system_error.
class CopiedNames {
 public:
  explicit CopiedNames(const std::string& root);

  /// Nothing when there is no such name.
  std::optional<struct stat> status(const std::string& path) const;
  void make_directory(const std::string& path) const;
  void make_symlink(const std::string& path, const std::string& target) const;
  /// A device, named pipe or socket.
  void make_node(const std::string& path, const struct stat& like) const;
  /// Another name for `existing`.
  void link(const std::string& path, const std::string& existing) const;
  /// A file's name, or an empty directory. Without effect when there is none.
  void remove(const std::string& path) const;
  /// Gives what is at `path` another name in its directory, one that nothing has, and returns that.
  /// An empty directory is removed: "" is returned.
  std::string set_aside(const std::string& path) const;
  /// Takes that back. Throws std::runtime_error when there is something at `path` again.
  void put_back(const std::string& aside, const std::string& path) const;

  /// What decides how content is stored, which therefore has to be there before: the owner, and
  /// attributes of users.
  void begin(const std::string& path, const CopiedMetadata& metadata);
  /// All, times last.
  void complete(const std::string& path, const CopiedMetadata& metadata);
  /// Whether there were owners that could not be kept, because only root may.
  bool lost_owners() const { return lost_owners_; }

 private:
  struct Place {
    os::UniqueFd directory;
    std::string name;
    /// A path of the object that works whatever becomes of the directories above.
    std::string path() const;
  };
  Place place(const std::string& path) const;
  void rename(const std::string& from, const std::string& to) const;
  void give_owner(const Place& at, const struct stat& status);

  const os::UniqueFd root_;
  const os::PathWalk walk_;
  std::atomic<bool> lost_owners_ = false;
};

}  // namespace zstdfs::tools
