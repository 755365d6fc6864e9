#include "fs/store/replace_file.hpp"

#include <span>
#include <system_error>

#include "fs/store/store_paths.hpp"

namespace zstdfs::store {
namespace {

constexpr mode_t kFileMode = 0600;

}  // namespace

void replace_file(os::Volume& volume, const std::string& path, const std::string& text) {
  const std::string fresh = unfinished_path(path);
  volume.remove(fresh);
  const auto file = volume.create(fresh, kFileMode);
  try {
    file->write_at(0, std::as_bytes(std::span(text)));
    file->sync(os::SyncKind::kData);
    volume.rename(fresh, path);
  } catch (const std::system_error&) {
    volume.remove(fresh);
    throw;
  }
  volume.sync_directory(path.substr(0, path.rfind('/')));
}

}  // namespace zstdfs::store
