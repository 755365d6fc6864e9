#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/store/path_pattern.hpp"
#include "fs/store/settings_choice.hpp"

namespace zstdfs::store {

/// What rules look at.
struct FileFacts {
  std::string_view path;  ///< below the store's root, without a slash at its beginning
  std::uint64_t logical_bytes = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// What of a rule does not hold for a file.
enum class RuleMismatch { kNone, kPath, kMinSize, kMaxSize, kOwner, kGroup };

struct PolicyRule {
  std::string name;      ///< for people; may be empty
  std::size_t line = 0;  ///< where the rule begins in the policy's text
  /// One of them has to match; none: every path does.
  std::vector<PathPattern> paths;
  std::optional<std::uint64_t> min_bytes;
  std::optional<std::uint64_t> max_bytes;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  SettingsChoice settings;

  /// The first condition that does not hold, in the order of RuleMismatch.
  RuleMismatch mismatch(const FileFacts& facts) const;
};

/// An administrator's rules for a store, from `.zstdfs/policy.json`: docs/policy.md. Made by
/// parse_policy (policy_parse.hpp).
///
/// Immutable: any number of threads may ask.
class Policy {
 public:
  Policy(std::vector<PolicyRule> rules, SettingsChoice defaults)
      : rules_(std::move(rules)), defaults_(std::move(defaults)) {}

  /// The first rule that matches, which lives as long as the policy; null when there is none. Takes
  /// no memory.
  const PolicyRule* matching_rule(const FileFacts& facts) const;
  /// What the matching rule and, where that leaves something open, the defaults say.
  SettingsChoice decide(const FileFacts& facts) const;

  const std::vector<PolicyRule>& rules() const { return rules_; }
  const SettingsChoice& defaults() const { return defaults_; }

 private:
  std::vector<PolicyRule> rules_;
  SettingsChoice defaults_;
};

}  // namespace zstdfs::store
