#include "tools/mount_map.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <vector>

#include "fs/os/mount_table.hpp"
#include "fs/store/store_paths.hpp"

namespace zstdfs::tools {
namespace {

bool is_below(const std::string& path, const std::string& directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::vector<os::MountEntry> zstdfs_mounts() {
  std::vector<os::MountEntry> mounts = os::read_mount_table();
  std::erase_if(mounts, [](const os::MountEntry& mount) { return mount.type != "fuse.zstdfs"; });
  return mounts;
}

/// The zstdfs mount that shows the object with this canonical name: the innermost one.
std::optional<os::MountEntry> mount_showing(const std::string& name) {
  struct stat status {};
  if (::stat(name.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category());
  const std::string device =
      std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::optional<os::MountEntry> found;
  for (os::MountEntry& mount : zstdfs_mounts()) {
    if (mount.device != device || !is_below(name, mount.mountpoint)) continue;
    if (!found || mount.mountpoint.size() >= found->mountpoint.size()) found = std::move(mount);
  }
  return found;
}

std::string canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> name(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!name) throw std::system_error(errno, std::generic_category());
  return name.get();
}

}  // namespace

std::optional<BackingPath> find_backing(const std::string& path) {
  const std::string name = canonical(path);
  const std::optional<os::MountEntry> mount = mount_showing(name);
  if (!mount) return {};

  struct stat store_status {};
  const std::string store_directory = mount->source + "/" + store::kStoreDirectory;
  if (!mount->source.starts_with('/') || ::lstat(store_directory.c_str(), &store_status) != 0) {
    throw std::runtime_error("is on the mount " + mount->mountpoint +
                             ", whose backing directory cannot be found as \"" + mount->source +
                             "\"; name the file in the backing directory instead");
  }
  const std::string below_mount =
      mount->mountpoint == "/" ? name : name.substr(mount->mountpoint.size());
  const std::string root = mount->root == "/" ? "" : mount->root;  // not "/" for a bind mount
  return BackingPath{mount->source + root + below_mount, mount->source, mount->mountpoint};
}

std::optional<std::string> find_mount_point(const std::string& path) {
  const std::optional<os::MountEntry> mount = mount_showing(canonical(path));
  return mount ? std::optional(mount->mountpoint) : std::nullopt;
}

std::optional<std::string> mount_point_of(const std::string& store) {
  const std::string name = canonical(store);
  for (const os::MountEntry& mount : zstdfs_mounts()) {
    if (mount.source == name && mount.root == "/") return mount.mountpoint;
  }
  return std::nullopt;
}

bool is_read_only(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) {
    throw std::system_error(errno, std::generic_category());
  }
  return (status.f_flag & ST_RDONLY) != 0;
}

std::string stored_path(const std::string& path) {
  const std::optional<BackingPath> backing = find_backing(path);
  return backing ? backing->path : path;
}

}  // namespace zstdfs::tools
