#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fs/store/dictionaries.hpp"

namespace zstdfs::tools {

/// The dictionaries of the store that a stored path is in; none outside of any store.
///
/// Thread safety: all methods may run concurrently.
class StoreDictionaries final : public DictionarySource {
 public:
  /// Throws std::system_error.
  explicit StoreDictionaries(const std::string& stored_path);

  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const override;

 private:
  std::unique_ptr<os::Volume> volume_;
  std::optional<store::Dictionaries> dictionaries_;
};

/// Throws std::runtime_error when a store has no dictionary of this id; a damaged one is one.
/// Throws std::system_error.
void refuse_missing_dictionary(os::Volume& volume, std::uint32_t id);

}  // namespace zstdfs::tools
