#include "tools/store_dictionaries.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "fs/os/posix.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/errors.hpp"

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

StoreDictionaries::StoreDictionaries(const std::string& stored_path) {
  const auto root = store_above(stored_path);
  if (!root) return;
  volume_ = os::open_posix_volume(*root);
  dictionaries_.emplace(*volume_);
}

std::shared_ptr<const ZSTD_DDict_s> StoreDictionaries::digested(std::uint32_t id) const {
  if (dictionaries_) return dictionaries_->digested(id);
  throw MissingDictionaryError(id, "the file is not in a store, which would have it");
}

}  // namespace zstdfs::tools
