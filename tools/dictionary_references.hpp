#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "tools/interruption.hpp"

namespace zstdfs::tools {

/// Who needs a dictionary.
struct DictionaryUse {
  std::uint64_t files = 0;
  std::string first_file;             ///< below the store's root
  std::vector<std::string> deciders;  ///< rules and attributes that name it, for people
  bool used() const { return files > 0 || !deciders.empty(); }
};

struct DictionaryReferences {
  std::map<std::uint32_t, DictionaryUse> by_id;
  /// Files that could not be looked at or are damaged, and why: what they need is not known.
  std::vector<std::string> problems;

  bool is_used(std::uint32_t id) const {
    const auto found = by_id.find(id);
    return found != by_id.end() && found->second.used();
  }
};

/// Looks at every frame of every file of the store, at its policy, and at the attributes of files
/// and directories. Throws std::system_error, and Interrupted.
DictionaryReferences find_dictionary_references(os::Volume& volume, const std::string& root,
                                                const Interruption* interruption = nullptr);

}  // namespace zstdfs::tools
