#include "fs/store/policy.hpp"

#include <algorithm>

namespace zstdfs::store {

RuleMismatch PolicyRule::mismatch(const FileFacts& facts) const {
  const auto matches = [&](const PathPattern& pattern) { return pattern.matches(facts.path); };
  if (!paths.empty() && std::none_of(paths.begin(), paths.end(), matches)) {
    return RuleMismatch::kPath;
  }
  if (min_bytes && facts.logical_bytes < *min_bytes) return RuleMismatch::kMinSize;
  if (max_bytes && facts.logical_bytes > *max_bytes) return RuleMismatch::kMaxSize;
  if (uid && facts.uid != *uid) return RuleMismatch::kOwner;
  if (gid && facts.gid != *gid) return RuleMismatch::kGroup;
  return RuleMismatch::kNone;
}

const PolicyRule* Policy::matching_rule(const FileFacts& facts) const {
  const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const PolicyRule& rule) {
    return rule.mismatch(facts) == RuleMismatch::kNone;
  });
  return found == rules_.end() ? nullptr : &*found;
}

SettingsChoice Policy::decide(const FileFacts& facts) const {
  const PolicyRule* const rule = matching_rule(facts);
  SettingsChoice choice = rule ? rule->settings : SettingsChoice();
  choice.fill_from(defaults_);
  return choice;
}

}  // namespace zstdfs::store
