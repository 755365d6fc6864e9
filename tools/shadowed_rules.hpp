#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fs/store/policy.hpp"

namespace zstdfs::tools {

/// A rule of a policy that files would go by, if it were not for the first one.
struct ShadowedRule {
  std::size_t number = 0;  ///< from 1, as `zstdfs policy explain` counts
  std::size_t line = 0;
  std::string name;  ///< may be empty
  std::uint64_t files = 0;
  std::string first_file;  ///< below the store's root
};

/// The rules that the first rule of a policy keeps from files of the store with this backing
/// directory, by number. What cannot be looked at is left out. Throws std::system_error.
std::vector<ShadowedRule> shadowed_rules(const std::string& store, const store::Policy& policy);

}  // namespace zstdfs::tools
