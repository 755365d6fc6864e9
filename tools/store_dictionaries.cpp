#include "tools/store_dictionaries.hpp"

#include <stdexcept>

#include "fs/os/posix.hpp"
#include "fs/store/dictionary_files.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/place_in_store.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {

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

void refuse_missing_dictionary(os::Volume& volume, std::uint32_t id) {
  for (const store::DictionaryCopies& copies : store::DictionaryFiles(volume).list()) {
    if (copies.id == id) return;
  }
  throw std::runtime_error("the store has no dictionary " + std::to_string(id) +
                           "; \"zstdfs dict list\" shows those that it has");
}

}  // namespace zstdfs::tools
