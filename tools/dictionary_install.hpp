#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fs/store/settings.hpp"
#include "tools/shadowed_rules.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::tools {

/// The rule with which a dictionary is installed.
struct DictionaryRule {
  std::vector<std::string> patterns;  ///< which files it is for, as a policy has them
  std::optional<int> level;
  std::optional<std::uint64_t> chunk_bytes;
  std::optional<store::Settings::Saving> saving;
};

/// What the policy has become.
struct InstalledRule {
  std::string text;                    ///< of the rule, its first one
  std::vector<ShadowedRule> shadowed;  ///< others, that files went by which go by it now
};

/// Throws std::runtime_error when such a rule cannot be put into the store's policy.
void check_rule(const std::string& store_root, const DictionaryRule& rule);

/// Patterns for what lies below `sources`, paths in the store `store_root` or on its mount, and
/// matches one of the globs `include` (all when there is none). Throws std::runtime_error for a
/// source that is somewhere else.
std::vector<std::string> patterns_for(const std::string& store_root,
                                      const std::vector<std::string>& sources,
                                      const std::vector<std::string>& include);

/// Puts the dictionary into the store, and then a rule that uses it before all others; both are
/// durable, and in force on a mount within two seconds. Waits for other commands that change the
/// policy. Returns what came of it. After an error the dictionary may be there, but no rule that
/// uses it. Throws std::runtime_error (a store::PolicyError where the present policy is none),
/// std::invalid_argument, std::system_error.
InstalledRule install_dictionary(const std::string& store_root, const DictionaryRule& rule,
                                 ByteSpan dictionary);

}  // namespace zstdfs::tools
