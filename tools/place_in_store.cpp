#include "tools/place_in_store.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>

#include "fs/store/store_paths.hpp"
#include "tools/display.hpp"
#include "tools/mount_map.hpp"

namespace zstdfs::tools {

std::optional<std::string> store_above(const std::string& stored_path) {
  std::filesystem::path at = std::filesystem::canonical(stored_path);
  while (true) {
    struct stat status {};
    const std::filesystem::path own = at / store::kStoreDirectory;
    if (::lstat(own.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return at.string();
    if (at == at.parent_path()) return std::nullopt;
    at = at.parent_path();
  }
}

PlaceInStore place_in_store(const std::string& path) {
  const auto mounted = find_backing(path);
  const std::string backing = std::filesystem::canonical(mounted ? mounted->path : path).string();
  const auto store = store_above(backing);
  if (!store) {
    throw std::runtime_error(
        "lies in no store: neither on a zstdfs mount, nor below a directory with a " +
        std::string(store::kStoreDirectory));
  }
  const bool is_root = backing.size() == store->size();
  return {*store, is_root ? "" : backing.substr(store->size() + 1), mounted.has_value()};
}

PlaceInStore changeable_place_in_store(const std::string& path) {
  PlaceInStore place = place_in_store(path);
  if (is_read_only(place.store)) throw std::runtime_error("the store is on a read-only filesystem");
  const auto mount_point = mount_point_of(place.store);
  if (mount_point && is_read_only(*mount_point)) {
    throw std::runtime_error("the store is mounted read-only, at " + printable(*mount_point));
  }
  return place;
}

}  // namespace zstdfs::tools
