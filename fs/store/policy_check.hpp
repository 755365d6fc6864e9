#pragma once

#include <string>
#include <vector>

#include "fs/store/dictionary_files.hpp"
#include "fs/store/policy.hpp"

namespace zstdfs::store {

/// Something in a policy that only its store shows to be wrong.
struct PolicyMistake {
  std::size_t line = 0;             ///< of the rule; 0: in the defaults
  std::uint32_t dictionary_id = 0;  ///< that is named and is not in the store
  std::string what;                 ///< for people, with the line
};

/// The dictionaries that rules or defaults name and the store does not have: what is stored by them
/// is stored without one. Throws std::system_error.
std::vector<PolicyMistake> find_mistakes(const Policy& policy, const DictionaryFiles& dictionaries);

}  // namespace zstdfs::store
