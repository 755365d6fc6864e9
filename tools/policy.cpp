// `zstdfs policy`: checks a store's rules, explains what they do for a file, and installs new ones.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/replace_file.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/place_in_store.hpp"
#include "tools/policy_explain.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

struct PolicyOptions {
  std::vector<std::string> paths;  ///< to explain
  std::string file;                ///< to install
  std::string place = ".";         ///< a policy to check; a store, by a mount or its directory
  bool json = false;
};

/// A policy's text and how messages name where it is from.
struct PolicyText {
  std::string file;
  std::string text;
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

/// That of the store which the directory lies in; nothing when it has none.
std::optional<PolicyText> read_from_store(const std::string& directory) {
  const PlaceInStore place = place_in_store(directory);
  const auto text =
      store::read_policy_text(*os::open_posix_volume(place.store), store::kPolicyPath);
  if (!text) return std::nullopt;
  return PolicyText{place.store + "/" + store::kPolicyPath, *text};
}

std::string count_of_rules(const store::Policy& policy) {
  const std::size_t rules = policy.rules().size();
  return format_count(rules) + (rules == 1 ? " rule" : " rules");
}

/// Runs `body`, and says what was thrown.
template <typename Body>
int with_errors_said(const char* command, const std::string& path, Body body) {
  const std::string prefix = std::string("zstdfs policy ") + command + ": ";
  try {
    return body();
  } catch (const store::PolicyError& error) {
    std::cerr << prefix << printable(error.what()) << '\n';
  } catch (const std::system_error& error) {
    std::cerr << prefix << printable(path) << ": " << explain(error.code()) << '\n';
  } catch (const std::runtime_error& error) {
    std::cerr << prefix << printable(path) << ": " << error.what() << '\n';
  }
  return kExitFailed;
}

void print_checked(const PolicyText& text, const store::Policy& policy) {
  std::cout << printable(text.file) << ": no errors, " << count_of_rules(policy) << '\n';
}

int check(const PolicyOptions& options) {
  const std::string& path = options.place;
  const std::optional<PolicyText> text =
      is_directory(path) ? read_from_store(path) : read_from_file(path);
  if (!text) {
    if (options.json) {
      print_json({{"file", nullptr}, {"valid", true}, {"rules", 0}});
    } else {
      std::cout << printable(path) << ": the store has no policy\n";
    }
    return kExitOk;
  }
  try {
    const store::Policy policy =
        store::parse_policy(text->text, text->file, store::SystemAccounts());
    if (options.json) {
      print_json({{"file", text->file}, {"valid", true}, {"rules", policy.rules().size()}});
    } else {
      print_checked(*text, policy);
    }
    return kExitOk;
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
  const PolicyText text = read_from_file(options.file);
  const store::Policy policy = store::parse_policy(text.text, text.file, store::SystemAccounts());
  return with_errors_said("set", options.place, [&] {
    const PlaceInStore place = place_in_store(options.place);
    store::replace_file(*os::open_posix_volume(place.store), store::kPolicyPath, text.text);
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
  command->add_flag("--json", options->json, "Print a JSON object");
  command->footer(
      "Examples:\n"
      "  zstdfs policy check new-rules.json\n"
      "  zstdfs policy check --json /srv/files");
  command->callback([options, &action] {
    action = [options] {
      return with_errors_said("check", options->place, [&] { return check(*options); });
    };
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
    action = [options] {
      return with_errors_said("set", options->file, [&] { return set(*options); });
    };
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
