#include "tools/stored_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "fs/os/beneath.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/first_names.hpp"
#include "tools/safe_open.hpp"
#include "tools/tree_walk.hpp"
#include "tools/work_queue.hpp"

namespace zstdfs::tools {
namespace {

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() || name.empty() ? directory + name : directory + "/" + name;
}

os::UniqueFd open_below(const os::UniqueFd& root, const std::string& path) {
  if (path.empty()) return os::duplicate(root.get());
  os::UniqueFd fd =
      os::open_beneath(root.get(), path, O_PATH | O_NOFOLLOW, 0, os::probe_path_walk(root.get()));
  if (!fd) throw std::system_error(errno, std::generic_category());
  return fd;
}

void look(const StoredFileVisitor& visitor, const std::string& path, os::UniqueFd fd) {
  try {
    visitor.on_file(path, std::move(fd));
  } catch (const std::system_error& error) {
    visitor.failed(path, error.code());
  }
}

}  // namespace

void for_each_stored_file(const std::string& store, const std::string& below,
                          const StoredFileVisitor& visitor) {
  const os::UniqueFd top = open_below(open_directory(AT_FDCWD, store, FollowLinks::kYes), below);
  if (!S_ISDIR(status_of(top).st_mode)) return look(visitor, below, open_regular_again(top));
  FirstNames first_names;
  // Declared last: its threads end before what they use does.
  WorkQueue queue(default_threads());
  const auto visit = [&](const WalkEntry& entry) {
    const std::string path = join(below, entry.path);
    if (path == store::kStoreDirectory) return Descend::kNo;
    if (!S_ISREG(entry.status.st_mode) || !first_names.add(entry.status)) return Descend::kYes;
    try {
      const os::UniqueFd path_fd(
          ::openat(entry.directory_fd, entry.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!path_fd) throw std::system_error(errno, std::generic_category());
      // Shared, as a task has to be copyable.
      const auto fd = std::make_shared<os::UniqueFd>(open_regular_again(path_fd));
      queue.add([&visitor, path, fd] { look(visitor, path, std::move(*fd)); });
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) visitor.failed(path, error.code());
    }
    return Descend::kYes;
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    visitor.failed(join(below, path), error);
  };
  walk_tree(open_directory(top.get(), ".", FollowLinks::kNo), {visit, failed});
  queue.finish();
}

}  // namespace zstdfs::tools
