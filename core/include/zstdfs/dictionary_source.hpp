#pragma once

#include <cstdint>
#include <memory>

struct ZSTD_DDict_s;

namespace zstdfs {

/// Where the dictionaries that frames name come from.
///
/// Thread safety: all methods may run concurrently.
class DictionarySource {
 public:
  virtual ~DictionarySource() = default;

  /// The digested dictionary with this id, which is never 0. Null: a frame that names it is
  /// damaged. Throws MissingDictionaryError.
  // Shared: a dictionary may be given up while frames are still decompressed with it.
  virtual std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const = 0;
};

/// Has none.
const DictionarySource& no_dictionaries();

}  // namespace zstdfs
