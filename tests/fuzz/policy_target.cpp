#include "fs/store/policy_parse.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

using namespace store;

/// A system on which everybody exists whose name is not empty.
class AnyAccounts final : public Accounts {
 public:
  std::optional<uid_t> user(const std::string& name) const override { return id_of(name); }
  std::optional<gid_t> group(const std::string& name) const override { return id_of(name); }

 private:
  static std::optional<std::uint32_t> id_of(const std::string& name) {
    if (name.empty()) return std::nullopt;
    return static_cast<std::uint32_t>(name.size());
  }
};

void require_position(std::string_view text, const PolicyError& error) {
  const TextPosition end = position_of(text, text.size());
  FUZZ_REQUIRE(error.position().line >= 1 && error.position().line <= end.line);
  FUZZ_REQUIRE(error.position().column >= 1 && error.position().column <= text.size() + 1);
  FUZZ_REQUIRE(!error.reason().empty());
}

/// What was chosen can be written as an attribute and read back.
void require_round_trip(const SettingsChoice& choice) {
  SettingsChoice again;
  for (const Setting setting : kAllSettings) {
    const auto text = format_setting(setting, choice);
    FUZZ_REQUIRE(text.has_value() == choice.has(setting));
    if (text) parse_setting(setting, *text, again);
  }
  FUZZ_REQUIRE(again == choice);
}

/// An attribute's value that is refused leaves no trace.
void read_settings(std::string_view text) {
  for (const Setting setting : kAllSettings) {
    SettingsChoice choice;
    try {
      parse_setting(setting, text, choice);
      FUZZ_REQUIRE(choice.has(setting));
    } catch (const std::invalid_argument&) {
      FUZZ_REQUIRE(choice.empty());
    }
  }
}

void read_pattern(std::string_view text) {
  try {
    const PathPattern pattern(text);
    for (const char* path : {"", "a", "var/log/a.log", "a/b/a/b/a", "x/cache/y"}) {
      static_cast<void>(pattern.matches(path));
    }
    static_cast<void>(pattern.matches(text));
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

/// The input is a policy, the value of an attribute, and a pattern.
void policy_target(ByteSpan input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  read_settings(text);
  read_pattern(text);
  try {
    const Policy policy = parse_policy(text, "policy.json", AnyAccounts());
    FUZZ_REQUIRE(policy.rules().size() <= kMaxPolicyRules);
    for (const PolicyRule& rule : policy.rules()) require_round_trip(rule.settings);
    require_round_trip(policy.defaults());
    const FileFacts facts{.path = "var/log/a.log", .logical_bytes = 5000, .uid = 3, .gid = 4};
    const PolicyRule* const rule = policy.matching_rule(facts);
    FUZZ_REQUIRE(rule == nullptr || rule->mismatch(facts) == RuleMismatch::kNone);
  } catch (const PolicyError& error) {
    require_position(text, error);
  }
}

}  // namespace zstdfs::fuzz
