#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>

#include "fs/store/dictionary_files.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/dictionary_source.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// The dictionaries of a store that are in use, digested; loaded when they are first asked for, and
/// so also those that were installed a moment ago.
///
/// Thread safety: all methods may run concurrently.
/// Errors: MissingDictionaryError, std::system_error.
class Dictionaries final : public DictionarySource {
 public:
  explicit Dictionaries(os::Volume& volume) : files_(volume) {}

  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const override;
  /// For compressing at `level`. `id` is not 0.
  std::shared_ptr<const ZSTD_CDict_s> digested_for(std::uint32_t id, int level) const;
  /// What is asked for next is loaded anew, if it is still there.
  void forget(std::uint32_t id) ZSTDFS_EXCLUDES(mutex_);
  /// Whether nobody has asked this of the dictionary since it was there last: so that a log does
  /// not say of every file that is written that it is missing.
  bool is_newly_missing(std::uint32_t id) const ZSTDFS_EXCLUDES(mutex_);

 private:
  /// So many are kept in memory; those that were not used for longest go first.
  static constexpr std::size_t kKept = 16;

  struct Loaded {
    explicit Loaded(ByteSpan content) : dictionary(content, DictType::kFullDict) {}
    const ZstdCompressionDict dictionary;
    Mutex mutex;
    std::map<int, std::shared_ptr<const ZSTD_CDict_s>> by_level ZSTDFS_GUARDED_BY(mutex);
  };
  struct Entry {
    std::uint32_t id = 0;
    // Shared with those who digest it just now.
    std::shared_ptr<Loaded> loaded;
  };

  std::shared_ptr<Loaded> load(std::uint32_t id) const;

  const DictionaryFiles files_;
  mutable Mutex mutex_;
  mutable std::list<Entry> by_use_ ZSTDFS_GUARDED_BY(mutex_);  // the most recent first
  mutable std::set<std::uint32_t> told_missing_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::store
