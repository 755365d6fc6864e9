#include "tools/train_report.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/display.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

double ratio(std::uint64_t logical, std::uint64_t stored) {
  return stored == 0 ? 1.0 : static_cast<double>(logical) / static_cast<double>(stored);
}

std::string id_text(const Trial& trial) {
  return std::to_string(trial.dictionary->dict_id());
}

Json to_json(const Trial& trial, const TrialResult& result) {
  Json json = {{"size_bytes", trial.size}};
  if (!trial.dictionary) {
    json["failure"] = trial.failure;
    return json;
  }
  json["dictionary_bytes"] = trial.dictionary->size();
  json["dictionary_id"] = trial.dictionary->dict_id();
  json["k"] = trial.k;
  json["d"] = trial.d;
  json["stored_bytes"] = trial.stored_bytes;
  json["ratio"] = ratio(result.held_back_bytes, trial.stored_bytes);
  json["gain"] = ratio(result.stored_bytes, trial.stored_bytes);
  return json;
}

/// "1 file", "2 files".
std::string counted(std::uint64_t count, const std::string& thing) {
  return format_count(count) + " " + thing + (count == 1 ? "" : "s");
}

void print_summary(const TrainReport& report) {
  const TrialResult& result = report.result;
  std::cout << counted(result.training_samples + result.held_back_samples, "sample") << " of "
            << counted(report.drawn.files, "file") << " ("
            << format_bytes(report.drawn.logical_bytes)
            << "): " << format_count(result.training_samples) << " ("
            << format_bytes(result.training_bytes) << ") to train on, "
            << format_count(result.held_back_samples) << " ("
            << format_bytes(result.held_back_bytes) << ") held back.\n"
            << "What was held back takes, at level " << report.level << ":\n";
}

void print_shadowed(const ShadowedRule& rule) {
  std::cout << "Warning: rule " << rule.number
            << (rule.name.empty() ? "" : " \"" + printable(rule.name) + "\"") << " (line "
            << rule.line << ") does not apply to " << counted(rule.files, "file")
            << " any more that it was for (" << printable(rule.first_file)
            << (rule.files > 1 ? " and others" : "")
            << "); give the first rule what they are to keep of it.\n";
}

void print_recommendation(const TrainReport& report) {
  const TrialResult& result = report.result;
  const std::uint64_t content = report.drawn.logical_bytes;
  if (!result.recommended) {
    std::cout << "No dictionary is worth its space here: use none.\n";
    return;
  }
  const Trial& best = result.trials[*result.recommended];
  std::cout << "Recommended: the one of " << format_bytes(best.size) << ", id " << id_text(best)
            << ". All " << format_bytes(content) << " would take about "
            << format_bytes(result.expected_bytes(best.stored_bytes, content)) << " instead of "
            << format_bytes(result.expected_bytes(result.stored_bytes, content)) << " as frames.\n";
  if (!report.output.empty()) {
    std::cout << "It was written to " << printable(report.output) << ".\n";
  }
}

}  // namespace

void print_train_table(const TrainReport& report) {
  const TrialResult& result = report.result;
  print_summary(report);
  Table table({{"DICTIONARY"}, {"STORED"}, {"RATIO"}, {"GAIN"}, {"ID"}, {"", Align::kLeft}});
  table.add_row({"none", format_bytes(result.stored_bytes),
                 format_ratio(result.held_back_bytes, result.stored_bytes), "1.00", "-", ""});
  for (std::size_t i = 0; i < result.trials.size(); ++i) {
    const Trial& trial = result.trials[i];
    if (!trial.dictionary) {
      table.add_row({format_bytes(trial.size), "-", "-", "-", "-", trial.failure});
      continue;
    }
    table.add_row({format_bytes(trial.size), format_bytes(trial.stored_bytes),
                   format_ratio(result.held_back_bytes, trial.stored_bytes),
                   format_ratio(result.stored_bytes, trial.stored_bytes), id_text(trial),
                   result.recommended == i ? "recommended" : ""});
  }
  table.print(std::cout);
  print_recommendation(report);
}

void print_installation(const TrainReport& report) {
  std::cout << "It is installed in " << printable(report.installed_in)
            << ", and this rule is the first of its policy now:\n  " << report.rule.text << '\n';
  for (const ShadowedRule& rule : report.rule.shadowed) print_shadowed(rule);
  std::cout << "Files that are written from now on use it; \"zstdfs recompress\" brings it to "
               "those that are there.\n";
}

void print_train_json(const TrainReport& report) {
  const TrialResult& result = report.result;
  Json json = {{"level", report.level},
               {"files", report.drawn.files},
               {"logical_bytes", report.drawn.logical_bytes},
               {"candidates", report.drawn.candidates},
               {"training_samples", result.training_samples},
               {"training_bytes", result.training_bytes},
               {"held_back_samples", result.held_back_samples},
               {"held_back_bytes", result.held_back_bytes}};
  json["without_dictionary"] = {{"stored_bytes", result.stored_bytes},
                                {"ratio", ratio(result.held_back_bytes, result.stored_bytes)}};
  json["dictionaries"] = Json::array();
  for (const Trial& trial : result.trials) json["dictionaries"].push_back(to_json(trial, result));
  json["recommended"] = nullptr;
  if (result.recommended) {
    json["recommended"] = to_json(result.trials[*result.recommended], result);
  }
  json["output"] = report.output.empty() ? Json(nullptr) : Json(report.output);
  json["installed_in"] = report.installed_in.empty() ? Json(nullptr) : Json(report.installed_in);
  json["rule"] = nullptr;
  json["shadowed_rules"] = Json::array();
  if (!report.rule.text.empty()) json["rule"] = Json::parse(report.rule.text);
  for (const ShadowedRule& rule : report.rule.shadowed) {
    json["shadowed_rules"].push_back({{"number", rule.number},
                                      {"line", rule.line},
                                      {"name", rule.name},
                                      {"files", rule.files},
                                      {"first_file", rule.first_file}});
  }
  json["failures"] = report.failures;
  print_json(json);
}

}  // namespace zstdfs::tools
