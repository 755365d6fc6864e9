#include "tools/shadowed_rules.hpp"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <system_error>

#include "fs/store/store_paths.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/stored_form.hpp"
#include "tools/tree_walk.hpp"

namespace zstdfs::tools {
namespace {

using store::PolicyRule;
using store::RuleMismatch;

/// Only for the sake of sizes do files have to be opened.
bool looks_at_sizes(const store::Policy& policy) {
  return std::any_of(policy.rules().begin(), policy.rules().end(), [](const PolicyRule& rule) {
    return rule.min_bytes.has_value() || rule.max_bytes;
  });
}

class Search {
 public:
  Search(const std::string& root, const store::Policy& policy)
      : root_(root), policy_(policy), sizes_(looks_at_sizes(policy)), dictionaries_(root) {}

  std::vector<ShadowedRule> run() {
    if (policy_.rules().size() < 2) return {};
    walk_tree(open_directory(AT_FDCWD, root_, FollowLinks::kYes),
              {[this](const WalkEntry& entry) { return visit(entry); },
               [](const std::string&, const std::error_code&) {}});
    std::vector<ShadowedRule> rules;
    for (auto& [number, rule] : found_) rules.push_back(std::move(rule));
    return rules;
  }

 private:
  Descend visit(const WalkEntry& entry) {
    if (entry.path == store::kStoreDirectory) return Descend::kNo;
    if (!S_ISREG(entry.status.st_mode)) return Descend::kYes;
    try {
      const store::FileFacts facts{.path = entry.path,
                                   .logical_bytes = sizes_ ? size_of(entry) : 0,
                                   .uid = entry.status.st_uid,
                                   .gid = entry.status.st_gid};
      look_at(facts);
    } catch (const std::runtime_error&) {
      // Its size is not known, so neither is its rule: it is not among those that are counted.
    }
    return Descend::kYes;
  }

  std::uint64_t size_of(const WalkEntry& entry) const {
    const auto file = open_regular(entry.directory_fd, entry.name, FollowLinks::kNo);
    return examine(*file, dictionaries_).logical_bytes;
  }

  void look_at(const store::FileFacts& facts) {
    const std::vector<PolicyRule>& rules = policy_.rules();
    if (rules.front().mismatch(facts) != RuleMismatch::kNone) return;
    const auto next = std::find_if(rules.begin() + 1, rules.end(), [&](const PolicyRule& rule) {
      return rule.mismatch(facts) == RuleMismatch::kNone;
    });
    if (next == rules.end()) return;
    const auto number = static_cast<std::size_t>(next - rules.begin()) + 1;
    ShadowedRule& rule = found_[number];
    if (rule.files++ == 0) {
      rule = {number, next->line, next->name, /*files=*/1, std::string(facts.path)};
    }
  }

  const std::string root_;
  const store::Policy& policy_;
  const bool sizes_;
  const StoreDictionaries dictionaries_;
  std::map<std::size_t, ShadowedRule> found_;
};

}  // namespace

std::vector<ShadowedRule> shadowed_rules(const std::string& store, const store::Policy& policy) {
  return Search(store, policy).run();
}

}  // namespace zstdfs::tools
