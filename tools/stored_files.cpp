#include "tools/stored_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

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

}  // namespace

void for_each_stored_file(const std::string& store, const std::string& below,
                          const StoredFileVisitor& visitor) {
  const os::UniqueFd top(::open(join(store, below).c_str(), O_PATH | O_CLOEXEC));
  if (!top) throw std::system_error(errno, std::generic_category());
  if (!S_ISDIR(status_of(top).st_mode)) {
    const std::unique_ptr<os::File> file = os::make_posix_file(open_regular_again(top));
    visitor.on_file(below, *file);
    return;
  }
  FirstNames first_names;
  // Declared last: its threads end before what they use does.
  WorkQueue queue(default_threads());
  const auto visit = [&](const WalkEntry& entry) {
    const std::string path = join(below, entry.path);
    if (path == store::kStoreDirectory) return Descend::kNo;
    if (!S_ISREG(entry.status.st_mode) || !first_names.add(entry.status)) return Descend::kYes;
    try {
      // Shared, as a task has to be copyable.
      const std::shared_ptr<os::File> file =
          open_regular(entry.directory_fd, entry.name, FollowLinks::kNo);
      queue.add([&visitor, path, file] { visitor.on_file(path, *file); });
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) visitor.failed(path, error.code());
    }
    return Descend::kYes;
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    visitor.failed(join(below, path), error);
  };
  walk_tree(open_directory(AT_FDCWD, path_of(top), FollowLinks::kYes), {visit, failed});
  queue.finish();
}

}  // namespace zstdfs::tools
