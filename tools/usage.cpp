// `zstdfs usage`: what the files of a tree take, what they would take without compression, and why
// no more is saved.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <system_error>

#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/progress.hpp"
#include "tools/safe_open.hpp"
#include "tools/shared_options.hpp"
#include "tools/usage_report.hpp"

namespace zstdfs::tools {
namespace {

struct UsageOptions {
  std::string directory;
  std::optional<GroupBy> by;
  std::size_t depth = 1;
  std::size_t top = 0;  ///< 0: losers are not asked for
  bool json = false;
  bool csv = false;
};

void complain(const std::string& path, const std::string& why) {
  std::cerr << "zstdfs usage: " << printable(path) << ": " << why << '\n';
}

UsageReport examine_tree(const UsageOptions& options) {
  UsageReport report;
  report.path = options.directory;
  // What is in no store has nothing to count; an unmounted mount point must not look well.
  place_in_store(options.directory);
  report.stored_path = stored_path(options.directory);
  os::UniqueFd directory = open_directory(AT_FDCWD, report.stored_path, FollowLinks::kYes);

  UsageGroups groups(options.by.value_or(GroupBy::kDirectory), options.depth);
  std::optional<StoreSettings> settings;
  std::optional<UsageLosers> losers;
  if (options.top > 0) {
    settings.emplace(report.stored_path);
    losers.emplace(options.top, *settings);
  }
  Progress progress("counting files", Progress::Unit::kCount);
  const auto counted = [&](const CountedFile& file) {
    progress.add(1);
    if (options.by) groups.add(file);
    if (losers) losers->add(file);
  };
  const auto failed = [&](const std::string& path, const std::string& why) {
    progress.clear();
    complain(path, why);
  };
  report.usage = count_usage(std::move(directory), report.stored_path, {counted, failed});
  if (options.by) report.groups = {*options.by, options.depth, groups.sorted()};
  if (losers) report.losers = {losers->sorted(), losers->by_reason()};
  return report;
}

int run_usage(const UsageOptions& options) {
  UsageReport report;
  try {
    report = examine_tree(options);
  } catch (const std::system_error& error) {
    complain(options.directory, explain(error.code()));
    return kExitFailed;
  } catch (const std::runtime_error& error) {
    complain(options.directory, error.what());
    return kExitFailed;
  }
  if (options.json) {
    print_usage_json(report);
  } else if (options.csv) {
    print_usage_csv(report);
  } else {
    print_usage_tables(report);
  }
  if (report.usage.failures == 0) return kExitOk;
  std::cerr << "zstdfs usage: " << report.usage.failures
            << " objects could not be examined; the totals are without them\n";
  return kExitFailed;
}

void add_by_option(CLI::App& command, UsageOptions& options) {
  static const std::map<std::string, GroupBy> kNames = {{"directory", GroupBy::kDirectory},
                                                        {"extension", GroupBy::kExtension},
                                                        {"owner", GroupBy::kOwner}};
  CLI::Option* by =
      command
          .add_option_function<std::string>(
              "--by", [&options](const std::string& name) { options.by = kNames.at(name); },
              "Sum up by what files have in common, the largest saving first")
          ->check(CLI::IsMember({"directory", "extension", "owner"}));
  command.add_option("--depth", options.depth, "How many names of a directory's path count")
      ->check(CLI::Range(1, 1000))
      ->needs(by)
      ->capture_default_str();
}

}  // namespace

void add_usage_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<UsageOptions>();  // shared with the callback
  CLI::App* command = app.add_subcommand("usage", "Sum up what the files of a directory take");
  command->add_option("DIR", options->directory, "A directory on a mount or in a backing directory")
      ->required();
  add_by_option(*command, *options);
  command->add_option("--top", options->top, "The largest files that save nothing, and why")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  add_json_option(*command, options->json);
  CLI::Option* csv =
      command->add_flag("--csv", options->csv, "Print one table as CSV, sizes in bytes");
  csv->excludes("--json");
  command->footer(
      "Examples:\n"
      "  zstdfs usage --by directory --depth 2 /srv/files\n"
      "  zstdfs usage --top 20 /srv/files");
  command->callback([options, &action] {
    // CSV is one table.
    if (options->csv && options->by && options->top > 0) {
      throw CLI::ExcludesError("--by", "--top with --csv");
    }
    action = [options] { return run_usage(*options); };
  });
}

}  // namespace zstdfs::tools
