#include "tools/advise_report.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "fs/store/byte_size.hpp"
#include "tools/advised_rule.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/speed_plot.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string speed_text(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

std::uint64_t dictionary_bytes(const Recipe& recipe) {
  return recipe.dictionary ? recipe.dictionary->size() : 0;
}

Json to_json(const RecipeTrial& trial) {
  return {{"level", trial.recipe.level},
          {"chunk_bytes", trial.recipe.chunk_bytes},
          {"dictionary_bytes", dictionary_bytes(trial.recipe)},
          {"logical_bytes", trial.logical_bytes},
          {"stored_bytes", trial.stored_bytes},
          {"compact_bytes", trial.compact_bytes},
          {"ratio", trial.ratio()},
          {"disk_blocks", trial.disk_blocks},
          {"compress_bytes_per_second", static_cast<std::uint64_t>(trial.compress_speed)},
          {"decompress_bytes_per_second", static_cast<std::uint64_t>(trial.decompress_speed)},
          {"timings", trial.timings}};
}

std::string remark(const Advice& advice, std::size_t number) {
  if (advice.recommended != number) return "";
  return "recommended";
}

void print_trials(const AdviseReport& report) {
  const Advice& advice = report.advice;
  Table table({{"LEVEL"},
               {"CHUNK"},
               {"DICTIONARY"},
               {"RATIO"},
               {"COMPRESS"},
               {"DECOMPRESS"},
               {"BLOCKS"},
               {"", Align::kLeft}});
  table.add_row({"raw", "-", "-", "1.00", "-", "-", format_count(advice.raw_blocks),
                 advice.recommended ? "" : "recommended"});
  for (std::size_t i = 0; i < advice.trials.size(); ++i) {
    const RecipeTrial& trial = advice.trials[i];
    const std::uint64_t dictionary = dictionary_bytes(trial.recipe);
    table.add_row({std::to_string(trial.recipe.level), format_bytes(trial.recipe.chunk_bytes),
                   dictionary == 0 ? "-" : format_bytes(dictionary),
                   format_ratio(trial.logical_bytes, trial.stored_bytes),
                   speed_text(trial.compress_speed), speed_text(trial.decompress_speed),
                   format_count(trial.disk_blocks), remark(advice, i)});
  }
  table.print(std::cout);
}

PlotPoint plot_point(const Advice& advice, std::size_t number, const std::string& label) {
  const RecipeTrial& trial = advice.trials[number];
  return {trial.compress_speed / (1u << 20), trial.ratio(), label, advice.recommended == number};
}

}  // namespace

void print_advise_tables(const AdviseReport& report) {
  const Advice& advice = report.advice;
  const SampleSet& drawn = report.drawn;
  std::cout << "Files: " << format_count(drawn.files) << " (" << format_bytes(drawn.logical_bytes)
            << "). Samples measured, with seed " << report.seed
            << ", each as a file of its own: " << format_count(advice.measured_samples) << " ("
            << format_bytes(advice.measured_bytes)
            << ").\nSpeeds are those of one processor; blocks have "
            << format_bytes(report.block_bytes) << ".\n\n";
  print_trials(report);
  std::cout << '\n';
  for (const std::string& reason : advice.reasons) std::cout << reason << '\n';
  std::cout
      << "\nA rule for .zstdfs/policy.json:\n"
      << advised_rule(advice, report.rule_paths).dump(2, ' ', false, Json::error_handler_t::replace)
      << '\n';
  if (!report.train_command.empty()) {
    std::cout << "A dictionary, and a rule that uses it, instead of this rule:\n  "
              << printable(report.train_command) << '\n';
  }
  if (!report.plot.empty()) std::cout << "The chart is in " << printable(report.plot) << ".\n";
}

void print_advise_json(const AdviseReport& report) {
  const Advice& advice = report.advice;
  Json json = {{"path", report.path},
               {"files", report.drawn.files},
               {"logical_bytes", report.drawn.logical_bytes},
               {"candidates", report.drawn.candidates},
               {"sample_bytes", report.sample_bytes},
               {"seed", report.seed},
               {"block_bytes", report.block_bytes},
               {"measured_samples", advice.measured_samples},
               {"measured_bytes", advice.measured_bytes},
               {"raw_disk_blocks", advice.raw_blocks}};
  json["trials"] = Json::array();
  for (const RecipeTrial& trial : advice.trials) json["trials"].push_back(to_json(trial));
  json["recommended"] = advice.recommended ? to_json(advice.trials[*advice.recommended]) : Json();
  json["dictionary_recommended"] = advice.use_dictionary;
  json["reasons"] = advice.reasons;
  json["rule"] = advised_rule(advice, report.rule_paths);
  json["train_command"] = report.train_command.empty() ? Json() : Json(report.train_command);
  json["plot"] = report.plot.empty() ? Json() : Json(report.plot);
  json["failures"] = report.failures;
  print_json(json);
}

std::string advise_plot(const AdviseReport& report) {
  const Advice& advice = report.advice;
  PlotSeries levels{"levels, chunks of " + store::format_byte_size(kDefaultChunkBytes), {}};
  PlotSeries chunks{"other chunk sizes", {}};
  PlotSeries dictionaries{"with a dictionary", {}};
  for (std::size_t i = 0; i < advice.trials.size(); ++i) {
    const Recipe& recipe = advice.trials[i].recipe;
    const std::string level = "level " + std::to_string(recipe.level);
    if (recipe.dictionary) {
      dictionaries.points.push_back(plot_point(advice, i, level + ", dictionary"));
    } else if (recipe.chunk_bytes == kDefaultChunkBytes) {
      levels.points.push_back(plot_point(advice, i, level));
    } else {
      const std::string size = store::format_byte_size(recipe.chunk_bytes);
      chunks.points.push_back(plot_point(advice, i, level + ", " + size));
    }
  }
  std::vector<PlotSeries> series = {std::move(levels)};
  if (!chunks.points.empty()) series.push_back(std::move(chunks));
  if (!dictionaries.points.empty()) series.push_back(std::move(dictionaries));
  return plot_svg("zstdfs advise: " + printable(report.path) + ", " +
                      format_bytes(advice.measured_bytes) + " of samples",
                  series);
}

}  // namespace zstdfs::tools
