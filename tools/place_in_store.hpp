#pragma once

#include <optional>
#include <string>

namespace zstdfs::tools {

/// The backing directory of the store that a stored file or directory is in: the nearest one above
/// it that has a `.zstdfs/`. Nothing when there is none. Throws std::system_error when there is no
/// such path.
std::optional<std::string> store_above(const std::string& stored_path);

/// Where something lies in a store.
struct PlaceInStore {
  std::string store;      ///< the backing directory
  std::string path;       ///< below it, without a slash at its beginning; empty for the root itself
  bool on_mount = false;  ///< it was named on a mount
};

/// The store that `path` lies in, on a mount of it or in its backing directory. Links are followed.
/// Throws std::system_error when there is no such path, std::runtime_error when it lies in no
/// store.
PlaceInStore place_in_store(const std::string& path);

/// The same for who changes the store's own files. Throws std::runtime_error also when the store is
/// mounted read-only, or lies on a filesystem that is.
PlaceInStore changeable_place_in_store(const std::string& path);

}  // namespace zstdfs::tools
