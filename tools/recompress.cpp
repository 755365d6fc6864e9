// `zstdfs recompress` and `zstdfs decompress`: store files anew, as the policy or options say.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fs/store/settings_choice.hpp"
#include "tools/command.hpp"
#include "tools/recompress_run.hpp"
#include "tools/shared_options.hpp"

namespace zstdfs::tools {
namespace {

using store::Setting;

struct RecompressOptions {
  std::string command;
  std::vector<std::string> paths;
  store::SettingsChoice choice;
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

RecompressReport::Talk talk_of(const RecompressOptions& options) {
  using Talk = RecompressReport::Talk;
  if (options.quiet) return Talk::kQuiet;
  return options.verbose ? Talk::kVerbose : Talk::kNormal;
}

/// What there is to do, where somebody looks on; it costs a walk of its own.
std::optional<std::uint64_t> total_for_progress(const RecompressOptions& options,
                                                const Interruption& interruption) {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return bytes_below(options.paths, interruption);
}

int run_recompress(const RecompressOptions& options) {
  using Output = RecompressReport::Output;
  const Interruption interruption;
  Progress progress(options.command, Progress::Unit::kBytes,
                    total_for_progress(options, interruption));
  RecompressReport report({.command = options.command,
                           .output = options.json ? Output::kJson : Output::kText,
                           .talk = talk_of(options),
                           .dry_run = options.dry_run,
                           .to_raw = options.choice.form == store::Settings::Form::kRaw},
                          progress);
  RecompressRun run(options.choice,
                    options.dry_run ? RecompressRun::Mode::kDryRun : RecompressRun::Mode::kChange,
                    interruption, report, progress);
  for (const std::string& path : options.paths) {
    if (!interruption.requested()) run.add_path(path);
  }
  run.finish();
  if (interruption.requested()) report.set_interrupted();
  report.finish();
  if (interruption.requested()) return interruption.exit_code();
  return report.all_well() ? kExitOk : kExitFailed;
}

/// An option whose values are those of the policy. It is checked here; its type is only shown, as
/// other subcommands show that of the same option.
void add_setting_option(CLI::App& command, Setting setting, const std::string& type,
                        store::SettingsChoice& choice, const std::string& help) {
  std::string name = "--" + std::string(store::name_of(setting));
  std::replace(name.begin(), name.end(), '_', '-');
  const auto set = [name, setting, &choice](const std::string& text) {
    try {
      store::parse_setting(setting, text, choice);
    } catch (const std::invalid_argument& error) {
      throw CLI::ValidationError(name, error.what());
    }
  };
  command.add_option_function<std::string>(name, set, help)->type_name(type);
}

void add_setting_options(CLI::App& command, store::SettingsChoice& choice) {
  add_setting_option(command, Setting::kStore, "TEXT:{compressed,raw}", choice,
                     "How files are stored");
  add_setting_option(command, Setting::kSaving, "TEXT:{blocks,bytes}", choice,
                     "What compression has to save");
  add_setting_option(command, Setting::kLevel, "INT:LEVEL", choice, "The zstd level");
  add_setting_option(command, Setting::kChunkSize, "UINT:SIZE", choice,
                     "Content is compressed in pieces of this size");
  add_setting_option(command, Setting::kDictionary, "ID", choice,
                     "The id of one of the store's dictionaries; 0 for none");
  add_setting_option(command, Setting::kLongDistanceMatching, "TEXT:{yes,no}", choice,
                     "Look for what repeats far back");
}

void add_other_options(CLI::App& command, RecompressOptions& options) {
  command
      .add_option("PATH", options.paths,
                  "Files and directories on a mount or in a backing directory")
      ->required();
  command.add_flag("--dry-run", options.dry_run, "Estimate what it would do; change nothing");
  add_json_option(command, options.json);
  CLI::Option* quiet = command.add_flag("-q,--quiet", options.quiet, "Say nothing but errors");
  command.add_flag("-v,--verbose", options.verbose, "Name every file that is changed")
      ->excludes(quiet);
}

constexpr const char* kExitCodes =
    "Exit codes: 0 all files are as asked for, 1 some are not, 2 wrong command line,\n"
    "130 or 143 interrupted.";

}  // namespace

void add_recompress_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<RecompressOptions>();  // shared with the callback
  options->command = "recompress";
  CLI::App* command = app.add_subcommand(
      options->command, "Store files anew that are not stored as policy or options say");
  add_setting_options(*command, options->choice);
  add_other_options(*command, *options);
  command->footer(std::string("Examples:\n"
                              "  zstdfs recompress --dry-run /srv/files\n"
                              "  zstdfs recompress --level 19 /srv/files/archive\n") +
                  kExitCodes);
  command->callback(
      [options, &action] { action = [options] { return run_recompress(*options); }; });
}

void add_decompress_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<RecompressOptions>();  // shared with the callback
  options->command = "decompress";
  options->choice.form = store::Settings::Form::kRaw;
  CLI::App* command = app.add_subcommand(options->command,
                                         "Store files raw, and say which have to stay compressed");
  add_other_options(*command, *options);
  command->footer(std::string("Examples:\n"
                              "  zstdfs decompress /srv/files/images\n") +
                  kExitCodes);
  command->callback(
      [options, &action] { action = [options] { return run_recompress(*options); }; });
}

}  // namespace zstdfs::tools
