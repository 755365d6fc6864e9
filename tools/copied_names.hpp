#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "fs/os/beneath.hpp"
#include "fs/os/posix.hpp"

namespace zstdfs::tools {

/// The names of a tree that is copied to, below its root. No link is followed.
///
/// Others may change the tree meanwhile, where its directories are theirs. What was made is held by
/// a descriptor with O_PATH, or found again by open(), and is never what they put in its place.
///
/// Thread safety: all methods may run concurrently. Errors: std::system_error; std::runtime_error
/// when something was replaced.
class CopiedNames {
 public:
  explicit CopiedNames(const std::string& root);

  /// Nothing when there is no such name.
  std::optional<struct stat> status(const std::string& path) const;
  /// Opens what is at the path with O_PATH. Throws when it is not what has this status.
  os::UniqueFd open(const std::string& path, const struct stat& known) const;
  /// Only the user may enter for now.
  os::UniqueFd make_directory(const std::string& path) const;
  os::UniqueFd make_symlink(const std::string& path, const std::string& target) const;
  /// A device, named pipe or socket.
  os::UniqueFd make_node(const std::string& path, const struct stat& like) const;
  /// Another name for `existing`.
  void link(const std::string& path, const std::string& existing) const;
  /// A file's name, or an empty directory. Without effect when there is none.
  void remove(const std::string& path) const;
  /// The same, when that is what has this status.
  void remove(const std::string& path, const struct stat& known) const;
  /// Gives what is at `path` another name in its directory, one that nothing has, and returns that.
  /// An empty directory is removed: "" is returned.
  std::string set_aside(const std::string& path) const;
  /// Takes that back. Throws std::runtime_error, which tells the name that it has, when that fails
  /// or there is something at `path` again.
  void put_back(const std::string& aside, const std::string& path) const;

 private:
  struct Place {
    os::UniqueFd directory;
    std::string name;
  };
  Place place(const std::string& path) const;
  void rename(const std::string& from, const std::string& to) const;

  const os::UniqueFd root_;
  const os::PathWalk walk_;
};

}  // namespace zstdfs::tools
