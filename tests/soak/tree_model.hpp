#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/soak/content_model.hpp"

namespace zstdfs::soak {

/// What a program sets, other than content.
struct FileAttributes {
  mode_t mode = 0644;
  uid_t user = 0;
  gid_t group = 0;
  std::map<std::string, std::string> extended;

  friend bool operator==(const FileAttributes&, const FileAttributes&) = default;
};

/// One regular file: what it is, whatever its names are.
struct FileModel {
  std::uint64_t number = 0;  ///< for messages
  ino_t inode = 0;           ///< 0: not seen yet
  ContentModel content;
  FileAttributes attributes;
  /// A change of attributes that was under way when the daemon died.
  std::optional<FileAttributes> maybe;
  /// The modification time, while nothing but utimens has changed it.
  std::optional<timespec> modified;
};
using FilePtr = std::shared_ptr<FileModel>;

/// What a name leads to.
struct Node {
  enum class Kind { kDirectory, kFile, kSymlink };
  Kind kind = Kind::kDirectory;
  FilePtr file;        // of a kFile
  std::string target;  // of a kSymlink
};

/// The names of one worker, by path below its own directory, which itself is "".
/// Names go straight to the lower filesystem: they are as they are when the call returns.
using Names = std::map<std::string, Node>;

/// What is found on the mount.
struct FoundNode {
  Node::Kind kind = Node::Kind::kDirectory;
  ino_t inode = 0;
  std::string target;
};
using FoundNames = std::map<std::string, FoundNode>;

/// Everything below a directory. Throws std::system_error.
FoundNames find_names(const std::string& directory);

/// Says in words where the names found are not those of the model; empty when they are.
std::string different(const Names& names, const FoundNames& found);

std::uint64_t count_links(const Names& names, const FileModel& file);
/// "a/b" is in "a", and "a" in "".
std::string directory_of(const std::string& path);
/// `path` with everything below it gets the name `to`, which does not exist.
void move_name(Names& names, const std::string& path, const std::string& to);

}  // namespace zstdfs::soak
