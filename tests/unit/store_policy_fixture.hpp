#pragma once

#include <string>

#include "fs/store/policy_parse.hpp"

namespace zstdfs::test {

/// A system with one user, www-data (33), and one group, adm (4).
class TwoAccounts final : public store::Accounts {
 public:
  std::optional<uid_t> user(const std::string& name) const override {
    return name == "www-data" ? std::optional<uid_t>(33) : std::nullopt;
  }
  std::optional<gid_t> group(const std::string& name) const override {
    return name == "adm" ? std::optional<gid_t>(4) : std::nullopt;
  }
};

inline store::Policy policy_of(const std::string& text) {
  return store::parse_policy(text, "policy.json", TwoAccounts());
}

/// A policy with these rules, which are the content of a JSON list.
inline store::Policy policy_with_rules(const std::string& rules) {
  return policy_of("{\"version\": 1, \"rules\": [" + rules + "]}");
}

}  // namespace zstdfs::test
