#include "tools/mount_map.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "fs/store/store_paths.hpp"

namespace zstdfs::tools {
namespace {

/// One line of /proc/self/mountinfo, described in proc(5).
struct Mount {
  std::string device;  ///< "major:minor"
  std::string root;    ///< which directory of the filesystem is shown at mount_point
  std::string mount_point;
  std::string type;
  std::string source;
};

/// The mount table writes blanks, tabs, newlines and backslashes as \ and three octal digits.
std::string unescape(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text += static_cast<char>(std::stoi(std::string(field.substr(i + 1, 3)), nullptr, 8));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

std::optional<Mount> parse_mount(const std::string& line) {
  std::istringstream fields(line);
  std::string ignored;
  Mount mount;
  if (!(fields >> ignored >> ignored >> mount.device >> mount.root >> mount.mount_point)) return {};
  while (fields >> ignored && ignored != "-") {
  }
  if (!(fields >> mount.type >> mount.source)) return {};
  mount.root = unescape(mount.root);
  mount.mount_point = unescape(mount.mount_point);
  mount.source = unescape(mount.source);
  return mount;
}

bool is_below(const std::string& path, const std::string& directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::vector<Mount> zstdfs_mounts() {
  std::ifstream table("/proc/self/mountinfo");
  std::vector<Mount> mounts;
  for (std::string line; std::getline(table, line);) {
    std::optional<Mount> mount = parse_mount(line);
    if (mount && mount->type == "fuse.zstdfs") mounts.push_back(std::move(*mount));
  }
  return mounts;
}

/// The zstdfs mount that shows the object with this canonical name: the innermost one.
std::optional<Mount> find_mount(const std::string& name) {
  struct stat status {};
  if (::stat(name.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category());
  const std::string device =
      std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::optional<Mount> found;
  for (Mount& mount : zstdfs_mounts()) {
    if (mount.device != device || !is_below(name, mount.mount_point)) continue;
    if (!found || mount.mount_point.size() >= found->mount_point.size()) found = std::move(mount);
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
  const std::optional<Mount> mount = find_mount(name);
  if (!mount) return {};

  struct stat store_status {};
  const std::string store_directory = mount->source + "/" + store::kStoreDirectory;
  if (!mount->source.starts_with('/') || ::lstat(store_directory.c_str(), &store_status) != 0) {
    throw std::runtime_error("is on the mount " + mount->mount_point +
                             ", whose backing directory cannot be found as \"" + mount->source +
                             "\"; name the file in the backing directory instead");
  }
  const std::string below_mount =
      mount->mount_point == "/" ? name : name.substr(mount->mount_point.size());
  const std::string root = mount->root == "/" ? "" : mount->root;  // not "/" for a bind mount
  return BackingPath{mount->source + root + below_mount, mount->source, mount->mount_point};
}

std::optional<std::string> find_mount_point(const std::string& path) {
  const std::optional<Mount> mount = find_mount(canonical(path));
  return mount ? std::optional(mount->mount_point) : std::nullopt;
}

std::optional<std::string> mount_point_of(const std::string& store) {
  const std::string name = canonical(store);
  for (const Mount& mount : zstdfs_mounts()) {
    if (mount.source == name && mount.root == "/") return mount.mount_point;
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
