#include "tools/policy_explain.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/byte_size.hpp"
#include "fs/store/decided_settings.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/store_policy.hpp"
#include "tools/stored_form.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;
using store::RuleMismatch;
using store::Setting;
using store::SettingSource;

/// A store's volume and policy, read once for all files of it.
struct OpenStore {
  std::unique_ptr<os::Volume> volume;
  std::optional<store::Policy> policy;
};

OpenStore open_store(const std::string& path) {
  return {.volume = os::open_posix_volume(path), .policy = load_store_policy(path)};
}

/// A rule that does not match a file, and why not.
struct SkippedRule {
  std::size_t number = 0;  ///< from 1
  const store::PolicyRule* rule = nullptr;
  std::string reason;
};

/// What is said about one file.
struct Explanation {
  std::string path;  ///< as it was given
  PlaceInStore place;
  store::InheritedSettings inherited;
  store::DecidedSettings decided;
  std::size_t rule_number = 0;       ///< of the one that matches, from 1; 0: none does
  std::vector<SkippedRule> skipped;  ///< those before it
  std::vector<std::string> problems;
};

std::uint64_t logical_bytes_of(const std::string& path, const PlaceInStore& place,
                               const os::File& stored) {
  if (!place.on_mount) return examine(stored, StoreDictionaries(place.store)).logical_bytes;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category());
  return static_cast<std::uint64_t>(status.st_size);
}

std::string reason_of(const store::PolicyRule& rule, const store::FileFacts& facts) {
  const std::string size = store::format_byte_size(facts.logical_bytes);
  switch (rule.mismatch(facts)) {
    case RuleMismatch::kNone:
      return "";
    case RuleMismatch::kPath: {
      std::string patterns;
      for (const store::PathPattern& pattern : rule.paths) patterns += " " + pattern.text();
      return "the path does not match" + patterns;
    }
    case RuleMismatch::kMinSize:
      return "its size, " + size + ", is less than " + store::format_byte_size(*rule.min_bytes);
    case RuleMismatch::kMaxSize:
      return "its size, " + size + ", is more than " + store::format_byte_size(*rule.max_bytes);
    case RuleMismatch::kOwner:
      return "it belongs to user " + std::to_string(facts.uid) + ", not to " +
             std::to_string(*rule.uid);
    case RuleMismatch::kGroup:
      return "it belongs to group " + std::to_string(facts.gid) + ", not to " +
             std::to_string(*rule.gid);
  }
  return "";
}

void explain_rules(const store::Policy& policy, const store::FileFacts& facts, Explanation& out) {
  for (std::size_t i = 0; i < policy.rules().size(); ++i) {
    const store::PolicyRule& rule = policy.rules()[i];
    if (out.decided.rule == &rule) {
      out.rule_number = i + 1;
      return;
    }
    out.skipped.push_back({.number = i + 1, .rule = &rule, .reason = reason_of(rule, facts)});
  }
}

/// `opened` outlives what is returned.
Explanation explain_file(const std::string& path, const PlaceInStore& place,
                         const OpenStore& opened) {
  const auto file = opened.volume->open(place.path, os::OpenMode::kRead);
  if (!file) throw std::system_error(ENOENT, std::generic_category());
  const struct stat status = file->stat();
  const store::AttributeSettings own =
      store::settings_of(opened.volume->attributes(place.path, store::kAttributePrefix));
  store::SettingsInputs inputs;
  inputs.file_attributes = own.settings;
  inputs.inherited =
      store::DirectorySettings(store::directory_reader(*opened.volume)).inherited_by(place.path);
  inputs.policy = opened.policy ? &*opened.policy : nullptr;
  inputs.facts = {.path = place.path,
                  .logical_bytes = logical_bytes_of(path, place, *file),
                  .uid = status.st_uid,
                  .gid = status.st_gid};
  Explanation out;
  out.path = path;
  out.place = place;
  out.inherited = inputs.inherited;
  out.decided = store::decide_settings(inputs);
  out.problems = own.problems;
  if (inputs.policy) explain_rules(*inputs.policy, inputs.facts, out);
  return out;
}

std::string words_for(std::size_t number, const store::PolicyRule& rule) {
  return "rule " + std::to_string(number) +
         (rule.name.empty() ? "" : " \"" + printable(rule.name) + "\"") + " (line " +
         std::to_string(rule.line) + ")";
}

/// The directory, below the store's root, whose attribute decides.
std::string directory_of(Setting setting, const Explanation& file) {
  return "/" + file.place.path.substr(0, file.inherited.directory_bytes[setting]);
}

const char* source_name(SettingSource source) {
  switch (source) {
    case SettingSource::kFileAttribute:
      return "file_attribute";
    case SettingSource::kDirectoryAttribute:
      return "directory_attribute";
    case SettingSource::kRule:
      return "rule";
    case SettingSource::kPolicyDefaults:
      return "policy_defaults";
    case SettingSource::kMountOption:
    case SettingSource::kBuiltIn:
      return "mount_or_built_in";
  }
  return "";
}

std::string words_for_source(Setting setting, const Explanation& file) {
  switch (file.decided.sources[setting]) {
    case SettingSource::kFileAttribute:
      return "attribute of the file";
    case SettingSource::kDirectoryAttribute:
      return "attribute of the directory " + printable(directory_of(setting, file));
    case SettingSource::kRule:
      return words_for(file.rule_number, *file.decided.rule);
    case SettingSource::kPolicyDefaults:
      return "defaults of the policy";
    case SettingSource::kMountOption:
    case SettingSource::kBuiltIn:
      return "built in, where no option of the mount says otherwise";
  }
  return "";
}

std::string value_of(Setting setting, const Explanation& file) {
  return *store::format_setting(setting, store::choice_of(file.decided.settings));
}

Json to_json(std::size_t number, const store::PolicyRule& rule) {
  Json json = {{"number", number}, {"line", rule.line}};
  if (!rule.name.empty()) json["name"] = rule.name;
  return json;
}

Json to_json(const Explanation& file) {
  Json settings = Json::object();
  for (const Setting setting : store::kAllSettings) {
    Json& json = settings[std::string(store::name_of(setting))];
    const SettingSource source = file.decided.sources[setting];
    json = {{"value", value_of(setting, file)}, {"source", source_name(source)}};
    if (source == SettingSource::kDirectoryAttribute)
      json["directory"] = directory_of(setting, file);
  }
  Json skipped = Json::array();
  for (const SkippedRule& each : file.skipped) {
    Json json = to_json(each.number, *each.rule);
    json["reason"] = each.reason;
    skipped.push_back(std::move(json));
  }
  const Json rule = file.decided.rule ? to_json(file.rule_number, *file.decided.rule) : Json();
  return {{"path", file.path},
          {"store", file.place.store},
          {"stored_path", file.place.path},
          {"settings", settings},
          {"rule", rule},
          {"rules_before", skipped},
          {"problems", file.problems}};
}

void print_text(const Explanation& file) {
  std::cout << printable(file.path) << '\n';
  Table table({{"SETTING", Align::kLeft}, {"VALUE", Align::kLeft}, {"DECIDED BY", Align::kLeft}});
  for (const Setting setting : store::kAllSettings) {
    table.add_row({std::string(store::name_of(setting)), value_of(setting, file),
                   words_for_source(setting, file)});
  }
  table.print(std::cout);
  for (const SkippedRule& each : file.skipped) {
    std::cout << words_for(each.number, *each.rule) << " does not match: " << printable(each.reason)
              << '\n';
  }
  if (file.decided.rule) {
    std::cout << words_for(file.rule_number, *file.decided.rule) << " matches\n";
  }
}

}  // namespace

int explain_policy(const std::vector<std::string>& paths, bool json) {
  int exit_code = kExitOk;
  const auto failed = [&](const std::string& path, const std::string& why) {
    std::cerr << "zstdfs policy explain: " << printable(path) << ": " << why << '\n';
    exit_code = kExitFailed;
  };
  std::map<std::string, OpenStore> stores;
  Json list = Json::array();
  for (const std::string& path : paths) {
    try {
      const PlaceInStore place = place_in_store(path);
      auto opened = stores.find(place.store);
      if (opened == stores.end())
        opened = stores.emplace(place.store, open_store(place.store)).first;
      const Explanation file = explain_file(path, place, opened->second);
      for (const std::string& problem : file.problems) {
        failed(path, "attribute " + problem + "; it is ignored");
      }
      if (json) {
        list.push_back(to_json(file));
      } else {
        print_text(file);
      }
    } catch (const std::system_error& error) {
      const bool directory = error.code().value() == EISDIR;
      failed(path, directory ? "is a directory; name a file" : explain(error.code()));
    } catch (const std::runtime_error& error) {
      failed(path, error.what());
    }
  }
  if (json) print_json(list);
  return exit_code;
}

}  // namespace zstdfs::tools
