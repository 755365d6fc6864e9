// `zstdfs train`: trains dictionaries on samples of files, and measures what they would gain.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "fs/store/dictionary_files.hpp"
#include "fs/store/path_pattern.hpp"
#include "tools/command.hpp"
#include "tools/dictionary_install.hpp"
#include "tools/dictionary_trial.hpp"
#include "tools/display.hpp"
#include "tools/named_errors.hpp"
#include "tools/new_file.hpp"
#include "tools/place_in_store.hpp"
#include "tools/progress.hpp"
#include "tools/sampling.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_policy.hpp"
#include "tools/train_report.hpp"

namespace zstdfs::tools {
namespace {

constexpr SizeLimits kChunkLimits = {kMinChunkBytes, kMaxChunkBytes};
// The trainer takes less than 4 GiB, and its memory is a multiple of that.
constexpr SizeLimits kSampleLimits = {64u << 10, std::uint64_t{2} << 30};
constexpr SizeLimits kDictionaryLimits = {256, store::kMaxDictionaryBytes};
// Tried when no size is asked for. zstd's own default is the largest.
constexpr std::uint64_t kDefaultSizes[] = {4u << 10, 16u << 10, 32u << 10, 64u << 10, 112u << 10};
// A size is tried by default where the samples have so many times as many bytes.
constexpr std::uint64_t kSamplesPerDictionary = 8;

struct TrainOptions {
  SamplingOptions sampling;
  TrialOptions trial;
  std::string output;
  std::string install;                 ///< a mount, or something in a store; empty: nowhere
  std::vector<std::string> for_files;  ///< patterns of the rule; empty: the files sampled
  std::optional<store::Settings::Saving> saving;
  bool level_chosen = false;       ///< on the command line
  bool chunk_size_chosen = false;  ///< likewise
  bool force = false;
  bool json = false;

  TrainOptions() {
    trial.training.level = kDefaultLevel;
    trial.training.steps = 4;
  }
};

void complain(const std::string& what) {
  std::cerr << "zstdfs train: " << what << '\n';
}

Existing existing_output(const TrainOptions& options) {
  return options.force ? Existing::kReplace : Existing::kKeep;
}

void check_number_of_samples(const SampleSet& drawn, const TrainOptions& options) {
  if (drawn.samples.size() >= kMinSamples) return;
  std::string text = format_count(drawn.samples.size()) + " samples were found in " +
                     format_count(drawn.files) + " files, and at least " +
                     std::to_string(kMinSamples) + " are needed; name more files";
  if (!options.sampling.filter.include.empty()) text += ", have --include match more";
  if (!options.sampling.records) {
    text += ", or take each of their lines as a sample with --records lines";
  }
  throw std::runtime_error(text);
}

std::vector<std::uint64_t> sizes_for(const SampleSet& drawn) {
  std::uint64_t bytes = 0;
  for (const Bytes& sample : drawn.samples) bytes += sample.size();
  std::vector<std::uint64_t> sizes;
  for (const std::uint64_t size : kDefaultSizes) {
    if (size * kSamplesPerDictionary <= bytes) sizes.push_back(size);
  }
  if (!sizes.empty()) return sizes;
  throw std::runtime_error("the samples have only " + format_bytes(bytes) +
                           ", too little for a dictionary of " + format_bytes(kDefaultSizes[0]) +
                           "; name more files, or a smaller --size");
}

SampleSet draw(const TrainOptions& options, std::uint64_t& failures) {
  Progress progress("reading", Progress::Unit::kBytes);
  return draw_samples(
      options.sampling,
      [&](const std::string& path, const std::string& why) {
        progress.clear();
        complain(printable(path) + ": " + why);
        ++failures;
      },
      progress);
}

TrialResult try_all(const TrainOptions& options, const SampleSet& drawn) {
  TrialOptions trial = options.trial;
  trial.content_bytes = drawn.logical_bytes;
  if (trial.sizes.empty()) trial.sizes = sizes_for(drawn);
  Progress progress("trying dictionaries", Progress::Unit::kCount, trial.sizes.size() + 1);
  TrialResult result = try_dictionaries(drawn.samples, trial, [&progress] { progress.add(1); });
  const bool any = std::any_of(result.trials.begin(), result.trials.end(),
                               [](const Trial& tried) { return tried.dictionary != nullptr; });
  if (!any) throw std::runtime_error("no dictionary: " + result.trials.front().failure);
  return result;
}

void refuse_wrong_patterns(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    try {
      const store::PathPattern can_be_read(pattern);
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error("--for " + printable(pattern) + ": " + error.what());
    }
  }
}

/// What the dictionary will be installed with, found out before the work; nothing when it is not to
/// be installed.
struct Installation {
  std::string store_root;
  DictionaryRule rule;
};

std::optional<Installation> plan_installation(const TrainOptions& options) {
  if (options.install.empty()) return std::nullopt;
  const std::string store =
      naming(options.install, [&] { return changeable_place_in_store(options.install).store; });
  refuse_wrong_patterns(options.for_files);
  load_store_policy(store);  // Throws when no rule can be put into it.
  Installation plan{store, {}};
  plan.rule.patterns = options.for_files;
  plan.rule.saving = options.saving;
  if (options.level_chosen) plan.rule.level = options.trial.training.level;
  if (options.chunk_size_chosen) plan.rule.chunk_bytes = options.sampling.chunk_bytes;
  if (plan.rule.patterns.empty()) {
    try {
      plan.rule.patterns =
          patterns_for(plan.store_root, options.sampling.paths, options.sampling.filter.include);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(std::string(error.what()) +
                               "; say with --for which of its files are to use the dictionary");
    }
  }
  check_rule(plan.store_root, plan.rule);
  return plan;
}

int train(const TrainOptions& options) {
  if (!options.output.empty()) refuse_impossible_file(options.output, existing_output(options));
  const auto installation = plan_installation(options);
  TrainReport report;
  report.level = options.trial.training.level;
  report.drawn = draw(options, report.failures);
  if (report.drawn.files == 0 && report.failures > 0) return kExitFailed;  // It was said why.
  check_number_of_samples(report.drawn, options);
  report.result = try_all(options, report.drawn);
  const auto& recommended = report.result.recommended;
  if (recommended && !options.output.empty()) {
    write_new_file(options.output, report.result.trials[*recommended].dictionary->as_bytes(),
                   existing_output(options), Durability::kNow);
    report.output = options.output;
  }
  if (!options.json) print_train_table(report);
  if (recommended && installation) {
    std::cout.flush();  // The gain is shown before.
    report.rule = install_dictionary(installation->store_root, installation->rule,
                                     report.result.trials[*recommended].dictionary->as_bytes());
    report.installed_in = installation->store_root;
    if (!options.json) print_installation(report);
  }
  if (options.json) print_train_json(report);
  if (!recommended && (installation || !options.output.empty())) {
    complain("nothing was written or installed, because no dictionary gains anything");
    return kExitFailed;
  }
  if (report.failures == 0) return kExitOk;
  complain(format_count(report.failures) +
           " files or directories could not be sampled; the dictionaries are trained without them");
  return kExitFailed;
}

int run_train(const TrainOptions& options) {
  try {
    return train(options);
  } catch (const std::runtime_error& error) {
    complain(error.what());
  } catch (const std::invalid_argument& error) {
    complain(error.what());
  }
  return kExitFailed;
}

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
  command
      .add_option("PATH", options.paths, "Files and directories, on a mount, in a store, or else")
      ->required();
  command
      .add_option("--include", options.filter.include,
                  "Of what is below a directory, only files that match; can be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command
      .add_option("--exclude", options.filter.exclude,
                  "No files and directories that match; can be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  add_records_option(command, options.records,
                     "What is a sample: a file or a chunk of it, a line, or a record");
  command.add_option("--chunk-size", options.chunk_bytes, "Chunk size of the filesystem")
      ->transform(size_within(kChunkLimits))
      ->default_str("128KiB");
  command.add_option("--sample-bytes", options.max_bytes, "How much to draw as samples")
      ->transform(size_within(kSampleLimits))
      ->default_str("64MiB");
  add_seed_option(command, options.seed);
}

void add_training_options(CLI::App& command, TrialOptions& options) {
  TrainingOptions& training = options.training;
  command
      .add_option("--size", options.sizes,
                  "Size of a dictionary to try; can be repeated (4, 16, 32, 64 and 112KiB)")
      ->transform(size_within(kDictionaryLimits))
      ->allow_extra_args(false);
  add_level_option(command, training.level);
  command.add_option("--id", training.dict_id, "Id of the dictionary, otherwise made from it")
      ->check(CLI::Range(kMinDictionaryId, kMaxDictionaryId));
  command.add_option("--held-back", options.held_back_share, "Share of samples to measure with")
      ->check(CLI::Range(0.01, 0.9))
      ->capture_default_str();
  add_threads_option(command, training.threads);
  command.add_option("--k", training.k, "Segment size of the trainer, instead of trying some");
  command.add_option("--d", training.d, "Bytes that count as a match for the trainer")
      ->check(CLI::IsMember({6, 8}));
  command.add_option("--f", training.f, "Log of the size of the trainer's frequency table")
      ->check(CLI::Range(1, 31));
  command.add_option("--accel", training.accel, "How much the trainer skips, for speed")
      ->check(CLI::Range(1, 10));
  command.add_option("--steps", training.steps, "How many values of k the trainer tries")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      .add_option("--split", training.split_point,
                  "Share of samples that the trainer trains on, to judge by the others")
      ->check(CLI::Range(0.01, 1.0));
}

}  // namespace

void add_train_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<TrainOptions>();  // shared with the callback
  CLI::App* command = app.add_subcommand("train", "Train dictionaries and show what they gain");
  add_sampling_options(*command, options->sampling);
  add_training_options(*command, options->trial);
  command->add_option("--output", options->output, "Write the recommended dictionary to a file")
      ->type_name("FILE");
  command->add_flag("--force", options->force, "Replace the file");
  command
      ->add_option("--install", options->install,
                   "Put it into a store, named by a mount or the backing directory, with a rule")
      ->type_name("STORE");
  command
      ->add_option("--for", options->for_files,
                   "Which files the rule is for, as in a policy; otherwise those sampled")
      ->type_name("PATTERN")
      ->allow_extra_args(false)
      ->needs("--install");
  command
      ->add_option_function<std::string>(
          "--saving",
          [options](const std::string& text) {
            options->saving = text == "bytes" ? store::Settings::Saving::kBytes
                                              : store::Settings::Saving::kBlocks;
          },
          "What the rule says has to be saved: bytes, or blocks of the disk")
      ->check(CLI::IsMember({"blocks", "bytes"}))
      ->needs("--install");
  add_json_option(*command, options->json);
  command->footer(
      "Examples:\n"
      "  zstdfs train --include '*.json' /srv/files\n"
      "  zstdfs train --records lines --size 112KiB --output events.dict events.jsonl\n"
      "  zstdfs train --install /mnt --saving bytes --include '*.json' /mnt/records");
  command->callback([options, command, &action] {
    options->level_chosen = command->count("--level") > 0;
    options->chunk_size_chosen = command->count("--chunk-size") > 0;
    action = [options] { return run_train(*options); };
  });
}

}  // namespace zstdfs::tools
