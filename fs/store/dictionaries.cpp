#include "fs/store/dictionaries.hpp"

#include <algorithm>

#include "zstdfs/errors.hpp"

namespace zstdfs::store {

std::shared_ptr<Dictionaries::Loaded> Dictionaries::load(std::uint32_t id) const {
  MutexLock lock(mutex_);
  const auto found = std::find_if(by_use_.begin(), by_use_.end(),
                                  [id](const Entry& entry) { return entry.id == id; });
  if (found != by_use_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found);
    return found->loaded;
  }
  auto loaded = std::make_shared<Loaded>(files_.read(id));
  told_missing_.erase(id);
  by_use_.push_front({id, loaded});
  if (by_use_.size() > kKept) by_use_.pop_back();
  return loaded;
}

void Dictionaries::forget(std::uint32_t id) {
  MutexLock lock(mutex_);
  std::erase_if(by_use_, [id](const Entry& entry) { return entry.id == id; });
}

bool Dictionaries::is_newly_missing(std::uint32_t id) const {
  MutexLock lock(mutex_);
  return told_missing_.insert(id).second;
}

std::shared_ptr<const ZSTD_DDict_s> Dictionaries::digested(std::uint32_t id) const {
  return load(id)->dictionary.digested();
}

std::shared_ptr<const ZSTD_CDict_s> Dictionaries::digested_for(std::uint32_t id, int level) const {
  const std::shared_ptr<Loaded> loaded = load(id);
  MutexLock lock(loaded->mutex);
  auto& digest = loaded->by_level[level];
  if (!digest) digest = loaded->dictionary.digested_for(level);
  return digest;
}

}  // namespace zstdfs::store
