#include "fs/store/policy_check.hpp"

#include <set>

namespace zstdfs::store {

std::vector<PolicyMistake> find_mistakes(const Policy& policy,
                                         const DictionaryFiles& dictionaries) {
  std::set<std::uint32_t> there = {0};  // for none
  for (const DictionaryCopies& copies : dictionaries.list()) there.insert(copies.id);
  std::vector<PolicyMistake> mistakes;
  const auto check = [&](const SettingsChoice& settings, std::size_t line, const std::string& who) {
    const std::uint32_t id = settings.dictionary_id.value_or(0);
    if (there.contains(id)) return;
    mistakes.push_back({line, id,
                        who + " dictionary " + std::to_string(id) +
                            ", which is not in the store; files are stored without one"});
  };
  for (const PolicyRule& rule : policy.rules()) {
    check(rule.settings, rule.line, "the rule in line " + std::to_string(rule.line) + " names");
  }
  check(policy.defaults(), 0, "the defaults name");
  return mistakes;
}

}  // namespace zstdfs::store
