// `zstdfs policy`: checks a store's rules, explains what they do for a file, and installs new ones.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/policy_check.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/replace_file.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/policy_explain.hpp"
#include "tools/store_hold.hpp"
#include "tools/store_policy.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

struct PolicyOptions {
  std::vector<std::string> paths;  ///< to explain
  std::string file;                ///< to install
  std::string place = ".";         ///< a policy to check; a store, by a mount or its directory
  std::string store;               ///< that a policy is checked for; empty: the one that has it
  bool json = false;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

PolicyText read_from_file(const std::string& path) {
  const std::filesystem::path real = std::filesystem::canonical(path);
  const auto directory = os::open_posix_volume(real.parent_path().string());
  const auto text = store::read_policy_text(*directory, real.filename().string());
  if (!text) throw std::system_error(ENOENT, std::generic_category());
  return {path, *text};
}

/// The policy in a file, or of the store that a directory lies in; nothing when that has none.
std::optional<PolicyText> policy_at(const std::string& path) {
  if (!is_directory(path)) return naming(path, [&] { return read_from_file(path); });
  const PlaceInStore place = naming(path, [&] { return place_in_store(path); });
  return read_store_policy(place.store);
}

/// The backing directory of the store that a policy is for: the one that was named, or that has it.
std::optional<std::string> store_of(const PolicyText& policy, const std::string& named) {
  if (!named.empty()) return naming(named, [&] { return place_in_store(named).store; });
  const std::filesystem::path real = std::filesystem::canonical(policy.file);
  const std::filesystem::path store = real.parent_path().parent_path();
  if (real != store / store::kPolicyPath) return std::nullopt;
  return store.string();
}

std::vector<store::PolicyMistake> mistakes_in(const store::Policy& policy,
                                              const std::string& store) {
  return naming(store, [&] {
    const auto volume = os::open_posix_volume(store);
    return store::find_mistakes(policy, store::DictionaryFiles(*volume));
  });
}

std::string count_of_rules(const store::Policy& policy) {
  const std::size_t rules = policy.rules().size();
  return format_count(rules) + (rules == 1 ? " rule" : " rules");
}

/// Runs a subcommand, and says what was thrown.
int with_errors_said(const char* command, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::runtime_error& error) {
    std::cerr << "zstdfs policy " << command << ": " << printable(error.what()) << '\n';
  }
  return kExitFailed;
}

void say_mistakes(const char* command, const PolicyText& text,
                  const std::vector<store::PolicyMistake>& mistakes) {
  for (const store::PolicyMistake& mistake : mistakes) {
    std::cerr << "zstdfs policy " << command << ": " << printable(text.file) << ": " << mistake.what
              << '\n';
  }
}

void print_checked(const PolicyText& text, const store::Policy& policy,
                   const std::vector<store::PolicyMistake>& mistakes) {
  say_mistakes("check", text, mistakes);
  if (!mistakes.empty()) return;
  std::cout << printable(text.file) << ": no errors, " << count_of_rules(policy) << '\n';
}

void print_checked_as_json(const PolicyText& text, const store::Policy& policy,
                           const std::vector<store::PolicyMistake>& mistakes) {
  Json missing = Json::array();
  for (const store::PolicyMistake& mistake : mistakes) {
    const Json line = mistake.line == 0 ? Json() : Json(mistake.line);
    missing.push_back({{"id", mistake.dictionary_id}, {"line", line}});
  }
  print_json({{"file", text.file},
              {"valid", true},
              {"rules", policy.rules().size()},
              {"missing_dictionaries", missing}});
}

int check(const PolicyOptions& options) {
  const std::string& path = options.place;
  const std::optional<PolicyText> text = policy_at(path);
  if (!text) {
    if (options.json) {
      print_json({{"file", nullptr},
                  {"valid", true},
                  {"rules", 0},
                  {"missing_dictionaries", Json::array()}});
    } else {
      std::cout << printable(path) << ": the store has no policy\n";
    }
    return kExitOk;
  }
  try {
    const store::Policy policy = text->parse();
    const std::optional<std::string> store = store_of(*text, options.store);
    std::vector<store::PolicyMistake> mistakes;
    if (store) mistakes = mistakes_in(policy, *store);
    (options.json ? print_checked_as_json : print_checked)(*text, policy, mistakes);
    return mistakes.empty() ? kExitOk : kExitFailed;
  } catch (const store::PolicyError& error) {
    if (!options.json) throw;
    print_json({{"file", text->file},
                {"valid", false},
                {"line", error.position().line},
                {"column", error.position().column},
                {"reason", error.reason()}});
    return kExitFailed;
  }
}

int set(const PolicyOptions& options) {
  const PolicyText text = naming(options.file, [&] { return read_from_file(options.file); });
  const store::Policy policy = text.parse();
  return naming(options.place, [&] {
    const PlaceInStore place = changeable_place_in_store(options.place);
    const auto volume = os::open_posix_volume(place.store);
    const auto alone = exclude_other_commands(*volume, IfBusy::kWait);
    const auto mistakes = store::find_mistakes(policy, store::DictionaryFiles(*volume));
    if (!mistakes.empty()) {
      say_mistakes("set", text, mistakes);
      return kExitFailed;
    }
    store::replace_file(*volume, store::kPolicyPath, text.text);
    std::cout << printable(place.store) << ": " << count_of_rules(policy)
              << " installed; a mount follows within seconds\n";
    return kExitOk;
  });
}

void add_check(CLI::App& app, Action& action) {
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* command = app.add_subcommand("check", "Say what is wrong with a policy");
  command->add_option("PATH", options->place,
                      "A policy, or a directory in a store or on a mount (default: the current)");
  command->add_option("STORE", options->store,
                      "The store that a policy is for, by a mount or its backing directory");
  command->add_flag("--json", options->json, "Print a JSON object");
  command->footer(
      "Examples:\n"
      "  zstdfs policy check new-rules.json /srv/files\n"
      "  zstdfs policy check --json /srv/files");
  command->callback([options, &action] {
    action = [options] { return with_errors_said("check", [&] { return check(*options); }); };
  });
}

void add_explain(CLI::App& app, Action& action) {
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* command =
      app.add_subcommand("explain", "Say which rule or attribute decides a file's settings");
  command->add_option("PATH", options->paths, "Files on a mount or in a backing directory")
      ->required();
  command->add_flag("--json", options->json, "Print a JSON array");
  command->footer(
      "Examples:\n"
      "  zstdfs policy explain /srv/files/a.log");
  command->callback([options, &action] {
    action = [options] { return explain_policy(options->paths, options->json); };
  });
}

void add_set(CLI::App& app, Action& action) {
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* command = app.add_subcommand("set", "Install a policy, if nothing is wrong with it");
  command->add_option("FILE", options->file, "The policy")->required();
  command->add_option("STORE", options->place, "A mount, or a backing directory")->required();
  command->footer(
      "Examples:\n"
      "  zstdfs policy set new-rules.json /srv/files");
  command->callback([options, &action] {
    action = [options] { return with_errors_said("set", [&] { return set(*options); }); };
  });
}

}  // namespace

void add_policy_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("policy", "Check, explain and install a store's rules");
  command->require_subcommand(1);
  add_check(*command, action);
  add_explain(*command, action);
  add_set(*command, action);
}

}  // namespace zstdfs::tools
