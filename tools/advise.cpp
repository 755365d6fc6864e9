// `zstdfs advise`: measures on samples how files are best stored, and recommends a rule for it.
#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <system_error>

#include "tools/advise_report.hpp"
#include "tools/advised_rule.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/named_errors.hpp"
#include "tools/new_file.hpp"
#include "tools/progress.hpp"
#include "tools/shared_options.hpp"
#include "tools/train_command.hpp"

namespace zstdfs::tools {
namespace {

constexpr SizeLimits kSampleLimits = {64u << 10, std::uint64_t{2} << 30};
constexpr SizeLimits kChunkLimits = {kMinChunkBytes, kMaxChunkBytes};
constexpr std::uint64_t kAdviseSampleBytes = 16u << 20;
constexpr std::uint64_t kDefaultMinSpeed = 30u << 20;

struct AdviseOptions {
  std::string directory;
  FileFilter filter;
  std::uint64_t sample_bytes = kAdviseSampleBytes;
  std::uint64_t seed = kDefaultSeed;
  std::vector<int> levels = {1, 3, 6, 9, 12, 15, 19};
  std::vector<std::uint64_t> chunk_sizes = {32u << 10, 128u << 10, 512u << 10, 2u << 20};
  std::uint64_t min_speed = kDefaultMinSpeed;
  std::string plot;
  bool force = false;
  bool json = false;
};

void complain(const std::string& what) {
  std::cerr << "zstdfs advise: " << what << '\n';
}

Existing existing_plot(const AdviseOptions& options) {
  return options.force ? Existing::kReplace : Existing::kKeep;
}

std::uint64_t block_bytes_of(const std::string& directory) {
  struct statvfs status {};
  const bool known = ::statvfs(directory.c_str(), &status) == 0 && status.f_frsize > 0;
  return known ? status.f_frsize : 4096;
}

/// Samples are as large as the largest chunk, so that they can be cut into chunks of every size.
SampleSet draw(const AdviseOptions& options, std::uint64_t& failures) {
  SamplingOptions sampling;
  sampling.paths = {options.directory};
  sampling.filter = options.filter;
  sampling.max_bytes = options.sample_bytes;
  sampling.seed = options.seed;
  sampling.chunk_bytes = kDefaultChunkBytes;
  for (const std::uint64_t bytes : options.chunk_sizes) {
    sampling.chunk_bytes = std::max(sampling.chunk_bytes, bytes);
  }
  sampling.chunk_bytes = std::min(sampling.chunk_bytes, options.sample_bytes);
  Progress progress("reading", Progress::Unit::kBytes);
  const auto failed = [&](const std::string& path, const std::string& why) {
    progress.clear();
    complain(printable(path) + ": " + why);
    ++failures;
  };
  return draw_samples(sampling, failed, progress);
}

Advice find_advice_for(const AdviseOptions& options, const AdviseReport& report) {
  AdvicePlan plan;
  plan.levels = options.levels;
  for (const std::uint64_t bytes : options.chunk_sizes) {
    plan.chunk_sizes.push_back(static_cast<std::uint32_t>(bytes));
  }
  plan.min_speed = options.min_speed;
  plan.block_bytes = report.block_bytes;
  Progress progress("measuring", Progress::Unit::kCount,
                    plan.levels.size() + plan.chunk_sizes.size() + 1);
  return find_advice(report.drawn.samples, plan, [&progress] { progress.add(1); });
}

/// What the rule alone does not say.
void add_limits_of_rule(const AdviseOptions& options, const RulePaths& paths, Advice& advice) {
  if (!paths.in_store) {
    advice.reasons.emplace_back(
        "The directory is in no store: give the rule the path that the files will have there.");
  }
  if (!options.filter.exclude.empty()) {
    advice.reasons.emplace_back("What --exclude left out needs a rule of its own before this one.");
  }
}

int advise(const AdviseOptions& options) {
  if (!options.plot.empty()) refuse_impossible_file(options.plot, existing_plot(options));
  AdviseReport report;
  report.path = options.directory;
  report.sample_bytes = options.sample_bytes;
  report.seed = options.seed;
  report.drawn = draw(options, report.failures);
  if (report.drawn.files == 0 && report.failures > 0) return kExitFailed;  // It was said why.
  if (report.drawn.samples.empty()) {
    throw std::runtime_error(printable(options.directory) +
                             ": no file to sample; a directory with files other than of zeros is "
                             "needed");
  }
  report.block_bytes = block_bytes_of(options.directory);
  const RulePaths paths = rule_paths({options.directory, options.filter});
  report.rule_paths = paths.patterns;
  report.advice = find_advice_for(options, report);
  add_limits_of_rule(options, paths, report.advice);
  if (report.advice.use_dictionary && paths.in_store) {
    const RecipeTrial& trial = report.advice.trials[*report.advice.with_dictionary];
    report.train_command = train_command({options.directory, options.filter}, trial.recipe);
  }
  if (!options.plot.empty()) {
    const std::string svg = advise_plot(report);
    write_new_file(options.plot, std::as_bytes(std::span(svg)), existing_plot(options),
                   Durability::kLater);
    report.plot = options.plot;
  }
  options.json ? print_advise_json(report) : print_advise_tables(report);
  if (report.failures == 0) return kExitOk;
  complain(format_count(report.failures) +
           " files or directories could not be sampled; the advice is without them");
  return kExitFailed;
}

int run_advise(const AdviseOptions& options) {
  try {
    return advise(options);
  } catch (const std::system_error& error) {
    complain(printable(options.directory) + ": " + explain(error.code()));
  } catch (const std::runtime_error& error) {
    complain(error.what());
  }
  return kExitFailed;
}

void add_sampling_options(CLI::App& command, AdviseOptions& options) {
  command.add_option("DIR", options.directory, "A directory on a mount, in a store, or else")
      ->required();
  command.add_option("--include", options.filter.include, "Only files that match; can be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command
      .add_option("--exclude", options.filter.exclude,
                  "No files and directories that match; can be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--sample-bytes", options.sample_bytes, "How much to draw as samples")
      ->transform(size_within(kSampleLimits))
      ->default_str("16MiB");
  add_seed_option(command, options.seed);
}

void add_measuring_options(CLI::App& command, AdviseOptions& options) {
  add_levels_option(command, options.levels);
  command
      .add_option("--chunk-size", options.chunk_sizes,
                  "A chunk size to try; can be repeated (32, 128, 512KiB and 2MiB)")
      ->transform(size_within(kChunkLimits))
      ->allow_extra_args(false);
  command
      .add_option("--min-speed", options.min_speed,
                  "Bytes per second that one processor has to compress")
      ->transform(size_within({}))
      ->default_str("30MiB");
}

}  // namespace

void add_advise_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<AdviseOptions>();  // shared with the callback
  CLI::App* command =
      app.add_subcommand("advise", "Measure how files are best stored, and recommend a rule");
  add_sampling_options(*command, *options);
  add_measuring_options(*command, *options);
  command->add_option("--plot", options->plot, "Write a chart as SVG")->type_name("FILE");
  command->add_flag("--force", options->force, "Replace the file of the chart");
  add_json_option(*command, options->json);
  command->footer(
      "Examples:\n"
      "  zstdfs advise /srv/files/logs\n"
      "  zstdfs advise --include '*.json' --min-speed 100MiB --plot chart.svg /srv/files");
  command->callback([options, &action] { action = [options] { return run_advise(*options); }; });
}

}  // namespace zstdfs::tools
