#include "tools/dictionary_install.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "fs/os/posix.hpp"
#include "fs/store/byte_size.hpp"
#include "fs/store/dictionary_files.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/replace_file.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/display.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/policy_edit.hpp"
#include "tools/store_hold.hpp"
#include "tools/store_policy.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

/// What of a path would mean something else in a pattern stands for itself.
std::string literally(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string rule_text(std::uint32_t id, const DictionaryRule& rule) {
  Json json = Json::object();
  json["name"] = "dictionary " + std::to_string(id);
  if (!rule.patterns.empty()) json["path"] = rule.patterns;
  if (rule.level) json["level"] = *rule.level;
  if (rule.chunk_bytes) json["chunk_size"] = store::format_byte_size(*rule.chunk_bytes);
  json["dictionary"] = id;
  if (rule.saving) {
    json["saving"] = *rule.saving == store::Settings::Saving::kBytes ? "bytes" : "blocks";
  }
  return json.dump();
}

}  // namespace

void check_rule(const std::string& store_root, const DictionaryRule& rule) {
  PolicyText policy = read_store_policy(store_root).value_or(PolicyText());
  if (!policy.text.empty()) policy.parse();
  constexpr std::uint32_t kSomeId = 1;
  try {
    policy.text = with_first_rule(policy.text, policy.file, rule_text(kSomeId, rule));
  } catch (const nlohmann::json::type_error&) {
    throw std::runtime_error("a path that is not valid UTF-8 cannot be named in a policy");
  }
  policy.parse();
}

std::vector<std::string> patterns_for(const std::string& store_root,
                                      const std::vector<std::string>& sources,
                                      const std::vector<std::string>& include) {
  std::vector<std::string> patterns;
  for (const std::string& source : sources) {
    const PlaceInStore place = naming(source, [&] {
      PlaceInStore found = place_in_store(source);
      if (found.store != store_root) {
        throw std::runtime_error("is not in the store " + printable(store_root));
      }
      return found;
    });
    if (!std::filesystem::is_directory(source)) {
      patterns.push_back("/" + literally(place.path));
      continue;
    }
    const std::string below = place.path.empty() ? "/" : "/" + literally(place.path) + "/";
    if (include.empty()) patterns.push_back(below + "**");
    for (const std::string& glob : include) {
      const bool of_names = glob.find('/') == std::string::npos;
      patterns.push_back(below + (of_names ? "**/" : "") + glob);
    }
  }
  return patterns;
}

InstalledRule install_dictionary(const std::string& store_root, const DictionaryRule& rule,
                                 ByteSpan dictionary) {
  const auto volume = naming(store_root, [&] { return os::open_posix_volume(store_root); });
  const auto alone =
      naming(store_root, [&] { return exclude_other_commands(*volume, IfBusy::kWait); });
  PolicyText policy = read_store_policy(store_root).value_or(PolicyText());
  if (!policy.text.empty()) policy.parse();  // Throws before anything has changed.
  return naming(store_root, [&] {
    const std::uint32_t id = store::DictionaryFiles(*volume).install(dictionary);
    InstalledRule installed{rule_text(id, rule), {}};
    policy.text = with_first_rule(policy.text, policy.file, installed.text);
    const store::Policy with_rule = policy.parse();  // Throws before the file is replaced.
    store::replace_file(*volume, store::kPolicyPath, policy.text);
    installed.shadowed = shadowed_rules(store_root, with_rule);
    return installed;
  });
}

}  // namespace zstdfs::tools
