#pragma once

#include <optional>
#include <string>

namespace zstdfs::tools {

/// Where a path on a zstdfs mount lies in the store's backing directory.
struct BackingPath {
  std::string path;   ///< in the backing directory
  std::string store;  ///< the backing directory
  std::string mount_point;
};

/// Follows `path` from a zstdfs mount to the backing directory, through the mount table. Nothing
/// when it is not on a zstdfs mount. Throws std::system_error when there is no such path, and
/// std::runtime_error when the mount does not tell its backing directory (fsname=).
std::optional<BackingPath> find_backing(const std::string& path);

/// Where the zstdfs mount that shows `path` is mounted; nothing when it is not on one. Needs no
/// access to the backing directory. Throws std::system_error when there is no such path.
std::optional<std::string> find_mount_point(const std::string& path);

/// Where the whole of the store with this backing directory is mounted; nothing when that cannot be
/// seen. Throws std::system_error when there is no such path.
std::optional<std::string> mount_point_of(const std::string& store);

/// Whether `path` is on a filesystem that is mounted read-only. Throws std::system_error.
bool is_read_only(const std::string& path);

/// `find_backing(path)` or `path` itself.
std::string stored_path(const std::string& path);

}  // namespace zstdfs::tools
