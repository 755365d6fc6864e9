#include "zstdfs/dictionary_source.hpp"

#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

class NoDictionaries final : public DictionarySource {
 public:
  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const override {
    throw MissingDictionaryError(id, "there are no dictionaries here");
  }
};

}  // namespace

const DictionarySource& no_dictionaries() {
  static const NoDictionaries none;
  return none;
}

}  // namespace zstdfs
