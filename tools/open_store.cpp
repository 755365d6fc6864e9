#include "tools/open_store.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <system_error>

#include "fs/os/posix.hpp"

namespace zstdfs::tools {
namespace {

/// Each write log that is taken up takes two descriptors.
void allow_as_many_files_as_possible() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

store::StoreOptions options_for(store::ForWriting purpose) {
  store::StoreOptions options;
  options.read_only = purpose == store::ForWriting::kNo;
  allow_as_many_files_as_possible();
  return options;
}

}  // namespace

OpenStore::OpenStore(const std::string& root, store::ForWriting purpose)
    : volume_(os::open_posix_volume(root)),
      store_(store::Store::open(os::open_posix_volume(root), options_for(purpose))) {}

OpenStore::Handle OpenStore::open(const std::string& path, store::ForWriting for_writing) {
  const auto mode =
      for_writing == store::ForWriting::kYes ? os::OpenMode::kReadWrite : os::OpenMode::kRead;
  std::unique_ptr<os::File> backing = volume_->open(path, mode);
  if (!backing) throw std::system_error(ENOENT, std::generic_category());
  return open(std::move(backing), for_writing);
}

OpenStore::Handle OpenStore::open(std::unique_ptr<os::File> backing,
                                  store::ForWriting for_writing) {
  const struct stat status = backing->stat();
  return Handle(*store_, store_->open_file({status.st_dev, status.st_ino}, for_writing,
                                           [&] { return std::move(backing); }));
}

}  // namespace zstdfs::tools
