#include "fs/store/policy_parse.hpp"

#include <algorithm>
#include <limits>
#include <system_error>

#include "fs/store/byte_size.hpp"
#include "fs/store/wording.hpp"

namespace zstdfs::store {
namespace {

using Kind = LocatedJson::Kind;

/// What is wrong, and where; parse_policy makes a PolicyError of it.
using Refusal = JsonError;

[[noreturn]] void refuse(const LocatedJson& value, const std::string& why) {
  throw Refusal(value.offset, why);
}

/// A value as a message shows it.
std::string shown(const LocatedJson& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return value.boolean ? "true" : "false";
    case Kind::kInteger:
      return std::to_string(value.integer);
    case Kind::kOtherNumber:
      return "a number that is not whole, or too large,";
    case Kind::kText:
      return in_quotes(value.text);
    case Kind::kList:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

[[noreturn]] void refuse_value(std::string_view key, const LocatedJson& value,
                               const std::string& why) {
  refuse(value, std::string(key) + " " + shown(value) + " " + why);
}

void require(Kind kind, std::string_view key, const LocatedJson& value, const char* expected) {
  if (value.kind == kind) return;
  refuse(value, std::string(key) + " has to be " + expected + ", and is " + shown(value));
}

/// Calls `take(key, value)` for each member of an object, each of which is one of `known` and there
/// once.
template <typename Take>
void for_each_member(const LocatedJson& object, std::span<const std::string_view> known,
                     Take take) {
  std::vector<std::string_view> seen;
  for (std::size_t i = 0; i < object.items.size(); ++i) {
    const auto& [name, offset] = object.keys[i];
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Refusal(offset, "unknown key " + in_quotes(name) + did_you_mean(name, known));
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      throw Refusal(offset, in_quotes(name) + " is there twice");
    }
    seen.push_back(name);
    take(std::string_view(name), object.items[i]);
  }
}

std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for (const Setting setting : kAllSettings) names.push_back(name_of(setting));
  return names;
}

/// A setting's JSON value as the text that an attribute would have.
std::string setting_text(Setting setting, const LocatedJson& value) {
  const std::string_view key = name_of(setting);
  switch (setting) {
    case Setting::kStore:
    case Setting::kSaving:
      require(Kind::kText, key, value, "a text");
      return value.text;
    case Setting::kLevel:
    case Setting::kDictionary:
      require(Kind::kInteger, key, value, "a whole number, without quotes");
      return std::to_string(value.integer);
    case Setting::kChunkSize:
      if (value.kind == Kind::kText) return value.text;
      require(Kind::kInteger, key, value, "a size, such as \"256 KiB\" or 262144");
      return std::to_string(value.integer);
    case Setting::kLongDistanceMatching:
      require(Kind::kBoolean, key, value, "true or false");
      return value.boolean ? "yes" : "no";
  }
  return "";
}

void read_setting(Setting setting, const LocatedJson& value, SettingsChoice& settings) {
  const std::string text = setting_text(setting, value);
  try {
    parse_setting(setting, text, settings);
  } catch (const std::invalid_argument& error) {
    refuse(value, error.what());
  }
}

SettingsChoice read_settings(const LocatedJson& object) {
  require(Kind::kObject, "defaults", object, "an object");
  SettingsChoice settings;
  for_each_member(object, setting_names(), [&](std::string_view key, const LocatedJson& value) {
    read_setting(*setting_named(key), value, settings);
  });
  return settings;
}

std::uint64_t read_size(std::string_view key, const LocatedJson& value) {
  if (value.kind == Kind::kInteger && value.integer >= 0) {
    return static_cast<std::uint64_t>(value.integer);
  }
  if (value.kind != Kind::kText)
    refuse_value(key, value, "is not a size, such as \"4 KiB\" or 4096");
  try {
    return parse_byte_size(value.text);
  } catch (const std::invalid_argument& error) {
    refuse_value(key, value, error.what());
  }
}

std::vector<PathPattern> read_paths(const LocatedJson& value) {
  std::vector<PathPattern> patterns;
  const auto add = [&](const LocatedJson& item) {
    require(Kind::kText, "path", item, "a pattern, or a list of them");
    try {
      patterns.emplace_back(item.text);
    } catch (const std::invalid_argument& error) {
      refuse_value("path", item, error.what());
    }
  };
  if (value.kind != Kind::kList) {
    add(value);
    return patterns;
  }
  if (value.items.empty()) refuse(value, "path is an empty list, which would match no file");
  for (const LocatedJson& item : value.items) add(item);
  return patterns;
}

/// A user's or a group's number.
std::uint32_t read_id(std::string_view key, const LocatedJson& value,
                      std::optional<std::uint32_t> (*look_up)(const Accounts&, const std::string&),
                      const Accounts& accounts) {
  // The last one means "unchanged" to chown, and nobody has it.
  constexpr std::int64_t kHighest = std::numeric_limits<std::uint32_t>::max() - 1;
  if (value.kind == Kind::kInteger && value.integer >= 0 && value.integer <= kHighest) {
    return static_cast<std::uint32_t>(value.integer);
  }
  if (value.kind != Kind::kText) refuse_value(key, value, "is neither a name nor a number");
  try {
    if (value.text.find('\0') == std::string::npos) {
      if (const auto id = look_up(accounts, value.text)) return *id;
    }
  } catch (const std::system_error& error) {
    refuse_value(key, value, std::string("cannot be looked up: ") + error.what());
  }
  refuse_value(key, value, "is not known on this system");
}

void read_condition(std::string_view key, const LocatedJson& value, const Accounts& accounts,
                    PolicyRule& rule) {
  if (key == "name") {
    require(Kind::kText, key, value, "a text");
    rule.name = value.text;
  } else if (key == "path") {
    rule.paths = read_paths(value);
  } else if (key == "min_size") {
    rule.min_bytes = read_size(key, value);
  } else if (key == "max_size") {
    rule.max_bytes = read_size(key, value);
  } else if (key == "owner") {
    const auto user = [](const Accounts& all, const std::string& name) { return all.user(name); };
    rule.uid = read_id(key, value, user, accounts);
  } else {
    const auto group = [](const Accounts& all, const std::string& name) { return all.group(name); };
    rule.gid = read_id(key, value, group, accounts);
  }
}

PolicyRule read_rule(const LocatedJson& object, const Accounts& accounts) {
  require(Kind::kObject, "each of the rules", object, "an object");
  std::vector<std::string_view> known = setting_names();
  known.insert(known.begin(), kConditionKeys.begin(), kConditionKeys.end());
  PolicyRule rule;
  for_each_member(object, known, [&](std::string_view key, const LocatedJson& value) {
    if (const auto setting = setting_named(key)) {
      read_setting(*setting, value, rule.settings);
    } else {
      read_condition(key, value, accounts, rule);
    }
  });
  if (rule.min_bytes && rule.max_bytes && *rule.min_bytes > *rule.max_bytes) {
    refuse(object, "min_size is larger than max_size, so this rule would match no file");
  }
  return rule;
}

void check_version(const LocatedJson& value) {
  require(Kind::kInteger, "version", value, "a whole number");
  if (value.integer > kPolicyVersion) {
    refuse_value("version", value,
                 "is newer than this zstdfs, which knows " + std::to_string(kPolicyVersion));
  }
  if (value.integer < 1) refuse_value("version", value, "never existed");
}

std::vector<PolicyRule> read_rules(const LocatedJson& value, std::string_view text,
                                   const Accounts& accounts) {
  require(Kind::kList, "rules", value, "a list");
  if (value.items.size() > kMaxPolicyRules) {
    refuse(value.items[kMaxPolicyRules],
           "there are more than " + std::to_string(kMaxPolicyRules) + " rules");
  }
  std::vector<PolicyRule> rules;
  std::size_t counted = 0;  // so far; each line is counted once
  std::size_t line = 1;
  for (const LocatedJson& item : value.items) {
    rules.push_back(read_rule(item, accounts));
    line += position_of(text.substr(counted), item.offset - counted).line - 1;
    counted = item.offset;
    rules.back().line = line;
  }
  return rules;
}

Policy read_policy(std::string_view text, const Accounts& accounts) {
  if (text.size() > kMaxPolicyBytes) {
    throw Refusal(kMaxPolicyBytes, "the file is larger than " + format_byte_size(kMaxPolicyBytes));
  }
  const LocatedJson root = parse_located_json(text, JsonLimits());
  require(Kind::kObject, "a policy", root, "an object");
  bool has_version = false;
  std::vector<PolicyRule> rules;
  SettingsChoice defaults;
  for_each_member(root, kPolicyKeys, [&](std::string_view key, const LocatedJson& value) {
    if (key == "version") {
      check_version(value);
      has_version = true;
    } else if (key == "defaults") {
      defaults = read_settings(value);
    } else if (key == "rules") {
      rules = read_rules(value, text, accounts);
    }
  });
  if (!has_version) refuse(root, "\"version\": 1 is missing");
  return Policy(std::move(rules), std::move(defaults));
}

}  // namespace

Policy parse_policy(std::string_view text, const std::string& file, const Accounts& accounts) {
  try {
    return read_policy(text, accounts);
  } catch (const Refusal& refusal) {
    throw PolicyError(file, position_of(text, refusal.offset()), refusal.what());
  }
}

}  // namespace zstdfs::store
