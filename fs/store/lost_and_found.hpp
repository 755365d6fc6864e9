#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "fs/os/volume.hpp"

namespace zstdfs::store {

inline constexpr const char* kLostAndFound = "lost+found";

/// Something cannot be repaired as things are; says why and what to do. Nothing was changed.
class RepairRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The directory `lost+found` in a store's root, where a repair keeps what it took away.
///
/// Thread safety: one thread at a time. Errors: RepairRefused, std::system_error.
class LostAndFound {
 public:
  explicit LostAndFound(os::Volume& volume) : volume_(volume) {}

  /// Throws RepairRefused when there is something of that name that cannot be trusted with users'
  /// files: no directory, somebody else's, or one that others may write to.
  void check() const;

  /// A name in it that tells where something came from: "a_b.c.1234.damaged" for the file a/b.c
  /// with the inode number 1234. Not taken, or taken by what is the same according to `is_same`,
  /// which is given the path.
  std::string name_for(const std::string& path, std::uint64_t inode, const std::string& suffix,
                       const std::function<bool(const std::string&)>& is_same) const;

  /// Keeps the bytes of `file` as they are, wrapped (wrapping.hpp), under `name`; durable when it
  /// returns. Does nothing when they are there already.
  void keep_copy(const os::File& file, const std::string& name);
  /// Writes a text for people; durable when it returns.
  void write_report(const std::string& name, const std::string& text);
  /// Moves something of any kind here, as it is; durable when it returns.
  void take(const std::string& path, const std::string& name);
  /// Takes a name back that turned out not to be needed. Never throws.
  void drop(const std::string& name) noexcept;
  /// Moves something back to where it was. Never throws.
  void give_back(const std::string& name, const std::string& path) noexcept;

  static std::string path_of(const std::string& name);

 private:
  void make_directory();
  /// Makes a file that appears under its name only when it is whole.
  void make_file(const std::string& name, const std::function<void(os::File&)>& fill);
  bool exists(const std::string& path) const;

  os::Volume& volume_;
};

}  // namespace zstdfs::store
