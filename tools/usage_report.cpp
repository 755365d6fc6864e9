#include "tools/usage_report.hpp"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/csv_output.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/terminal.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMinBarColumns = 10;
constexpr std::size_t kMaxBarColumns = 60;
// From where on a person is told that smaller blocks would help.
constexpr std::uint64_t kMuchSlackPercent = 20;
// The smallest block that ext4 and XFS can have.
constexpr std::uint64_t kSmallBlock = 1024;

double ratio(std::uint64_t logical, std::uint64_t stored) {
  return stored == 0 ? 1.0 : static_cast<double>(logical) / static_cast<double>(stored);
}

Json to_json(const Totals& totals) {
  return {{"files", totals.files},
          {"logical_bytes", totals.logical_bytes},
          {"stored_bytes", totals.stored_bytes},
          {"ratio", ratio(totals.logical_bytes, totals.stored_bytes)},
          {"disk_bytes", totals.disk_bytes},
          {"uncompressed_disk_bytes", totals.uncompressed_disk_bytes},
          {"saved_disk_bytes", totals.saved_disk_bytes()},
          {"uncompressed_bytes", totals.uncompressed_bytes},
          {"saved_bytes", totals.saved_bytes()},
          {"slack_bytes", totals.slack_bytes}};
}

Json named(const char* key, const std::string& name, const Totals& totals) {
  Json json = {{key, name}};
  json.update(to_json(totals));
  return json;
}

Json to_json(const UsageReport::Groups& groups) {
  Json list = Json::array();
  for (const UsageGroup& group : groups.groups) {
    list.push_back(named("name", group.name, group.totals));
  }
  return list;
}

void add_losers(Json& json, const UsageReport::Losers& losers) {
  Json largest = Json::array();
  for (const UsageLoser& loser : losers.largest) {
    Json one = named("path", loser.path, loser.totals);
    one["form"] = form_name(loser.form.form);
    one["reason"] = reason_name(loser.reason);
    one["explanation"] = loser.explanation;
    largest.push_back(std::move(one));
  }
  json["losers"] = std::move(largest);
  Json reasons = Json::array();
  for (const auto& [reason, totals] : losers.by_reason) {
    reasons.push_back(named("reason", reason_name(reason), totals));
  }
  json["reasons"] = std::move(reasons);
}

std::string signed_bytes(std::int64_t bytes) {
  const auto amount = static_cast<std::uint64_t>(bytes < 0 ? -bytes : bytes);
  return (bytes < 0 ? "-" : "") + format_bytes(amount);
}

void print_saving(std::int64_t saved, std::uint64_t whole) {
  const auto amount = static_cast<std::uint64_t>(saved < 0 ? -saved : saved);
  std::cout << (saved < 0 ? "Costs " : "Saves ") << format_bytes(amount) << " of "
            << format_bytes(whole);
}

void print_percent(std::int64_t saved, std::uint64_t whole) {
  const auto amount = static_cast<std::uint64_t>(saved < 0 ? -saved : saved);
  if (whole > 0) std::cout << " (" << amount * 100 / whole << " %)";
}

void print_forms(const Usage& usage) {
  Table table({{"FORM", Align::kLeft},
               {"FILES"},
               {"LOGICAL"},
               {"STORED"},
               {"RATIO"},
               {"ON DISK"},
               {"UNCOMPRESSED"}});
  const auto row = [&](const char* name, const Totals& totals) {
    table.add_row({name, format_count(totals.files), format_bytes(totals.logical_bytes),
                   format_bytes(totals.stored_bytes),
                   format_ratio(totals.logical_bytes, totals.stored_bytes),
                   format_bytes(totals.disk_bytes), format_bytes(totals.uncompressed_disk_bytes)});
  };
  row("container", usage.container);
  row("raw", usage.raw);
  row("total", usage.all());
  table.print(std::cout);
}

void print_summary(const Usage& usage) {
  const Totals all = usage.all();
  print_saving(all.saved_disk_bytes(), all.uncompressed_disk_bytes);
  std::cout << " on disk";
  print_percent(all.saved_disk_bytes(), all.uncompressed_disk_bytes);
  if (usage.store_disk_bytes != std::uint64_t{0}) {
    std::cout << "; .zstdfs itself takes "
              << (usage.store_disk_bytes ? format_bytes(*usage.store_disk_bytes) : "-");
  }
  std::cout << ".\n";
  print_saving(all.saved_bytes(), all.uncompressed_bytes);
  std::cout << " counted in bytes";
  print_percent(all.saved_bytes(), all.uncompressed_bytes);
  std::cout << ".\n";
  if (all.slack_bytes * 100 >= all.disk_bytes * kMuchSlackPercent &&
      usage.block_bytes > kSmallBlock && all.slack_bytes > 0) {
    std::cout << "Of what is taken on disk, " << format_bytes(all.slack_bytes) << " ("
              << all.slack_bytes * 100 / all.disk_bytes << " %) are unused ends of blocks of "
              << format_bytes(usage.block_bytes)
              << ": a filesystem made with blocks of 1 KiB wastes less.\n";
  }
  if (usage.damaged > 0) {
    std::cout << format_count(usage.damaged)
              << " of the files are damaged: \"zstdfs fsck\" says where.\n";
  }
}

Table groups_table(const UsageReport::Groups& groups, std::size_t bar_columns) {
  std::string title = group_by_name(groups.by);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<Table::Column> columns = {
      {title, Align::kLeft}, {"FILES"},         {"LOGICAL"}, {"STORED"}, {"RATIO"},
      {"ON DISK"},           {"SAVED ON DISK"}, {"SAVED"}};
  if (bar_columns > 0) columns.push_back({"", Align::kLeft});
  std::uint64_t scale = 0;
  for (const UsageGroup& group : groups.groups) {
    const Totals& totals = group.totals;
    scale = std::max({scale, totals.uncompressed_disk_bytes, totals.disk_bytes});
  }
  Table table(columns);
  for (const auto& [name, totals] : groups.groups) {
    std::vector<std::string> row = {printable(name),
                                    format_count(totals.files),
                                    format_bytes(totals.logical_bytes),
                                    format_bytes(totals.stored_bytes),
                                    format_ratio(totals.logical_bytes, totals.stored_bytes),
                                    format_bytes(totals.disk_bytes),
                                    signed_bytes(totals.saved_disk_bytes()),
                                    signed_bytes(totals.saved_bytes())};
    if (bar_columns > 0) {
      row.push_back(
          make_bar({totals.disk_bytes, totals.uncompressed_disk_bytes, scale}, bar_columns));
    }
    table.add_row(std::move(row));
  }
  return table;
}

void print_groups(const UsageReport::Groups& groups) {
  const Table plain = groups_table(groups, 0);
  const auto columns = terminal_columns();
  const std::size_t taken = plain.width() + 2;  // and the distance to the bars
  if (!columns || *columns < taken + kMinBarColumns) return plain.print(std::cout);
  groups_table(groups, std::min(*columns - taken, kMaxBarColumns)).print(std::cout);
}

void print_losers(const UsageReport::Losers& losers) {
  if (losers.by_reason.empty()) {
    std::cout << "Every file saves " << UsageLosers::kLoserPercent << " % or more.\n";
    return;
  }
  Table files({{"ON DISK"}, {"SAVED ON DISK"}, {"FILE", Align::kLeft}, {"WHY", Align::kLeft}});
  for (const UsageLoser& loser : losers.largest) {
    files.add_row({format_bytes(loser.totals.disk_bytes),
                   signed_bytes(loser.totals.saved_disk_bytes()), printable(loser.path),
                   loser.explanation});
  }
  files.print(std::cout);
  Table reasons({{"FILES"}, {"ON DISK"}, {"WHY NO MORE IS SAVED", Align::kLeft}});
  for (const auto& [reason, totals] : losers.by_reason) {
    reasons.add_row(
        {format_count(totals.files), format_bytes(totals.disk_bytes), reason_text(reason)});
  }
  std::cout << '\n';
  reasons.print(std::cout);
}

std::vector<std::string> csv_numbers(const Totals& totals) {
  return {std::to_string(totals.files),
          std::to_string(totals.logical_bytes),
          std::to_string(totals.stored_bytes),
          std::to_string(totals.disk_bytes),
          std::to_string(totals.uncompressed_disk_bytes),
          std::to_string(totals.saved_disk_bytes()),
          std::to_string(totals.uncompressed_bytes),
          std::to_string(totals.saved_bytes()),
          std::to_string(totals.slack_bytes)};
}

/// A record with `first` before the numbers and `last` behind them.
void print_csv_row(const std::string& first, std::vector<std::string> numbers,
                   const std::vector<std::string>& last = {}) {
  numbers.insert(numbers.begin(), first);
  numbers.insert(numbers.end(), last.begin(), last.end());
  print_csv_record(numbers);
}

}  // namespace

std::string group_by_name(GroupBy by) {
  switch (by) {
    case GroupBy::kDirectory:
      return "directory";
    case GroupBy::kExtension:
      return "extension";
    case GroupBy::kOwner:
      break;
  }
  return "owner";
}

void print_usage_tables(const UsageReport& report) {
  print_forms(report.usage);
  print_summary(report.usage);
  if (report.groups) {
    std::cout << '\n';
    print_groups(*report.groups);
  }
  if (report.losers) {
    std::cout << '\n';
    print_losers(*report.losers);
  }
}

void print_usage_json(const UsageReport& report) {
  const Usage& usage = report.usage;
  Json json = {{"path", report.path}, {"stored_path", report.stored_path}};
  json["total"] = to_json(usage.all());
  json["container"] = to_json(usage.container);
  json["raw"] = to_json(usage.raw);
  json["block_bytes"] = usage.block_bytes;
  json["directories"] = usage.directories;
  json["other_objects"] = usage.others;
  json["store_disk_bytes"] = usage.store_disk_bytes ? Json(*usage.store_disk_bytes) : Json(nullptr);
  json["damaged_files"] = usage.damaged;
  json["failures"] = usage.failures;
  if (report.groups) {
    json["by"] = group_by_name(report.groups->by);
    if (report.groups->by == GroupBy::kDirectory) json["depth"] = report.groups->depth;
    json["groups"] = to_json(*report.groups);
  }
  if (report.losers) add_losers(json, *report.losers);
  print_json(json);
}

void print_usage_csv(const UsageReport& report) {
  const std::vector<std::string> kNumbers = {"files",
                                             "logical_bytes",
                                             "stored_bytes",
                                             "disk_bytes",
                                             "uncompressed_disk_bytes",
                                             "saved_disk_bytes",
                                             "uncompressed_bytes",
                                             "saved_bytes",
                                             "slack_bytes"};
  if (report.groups) {
    print_csv_row(group_by_name(report.groups->by), kNumbers);
    for (const auto& [name, totals] : report.groups->groups) {
      print_csv_row(name, csv_numbers(totals));
    }
  } else if (report.losers) {
    print_csv_row("path", kNumbers, {"form", "reason", "explanation"});
    for (const UsageLoser& loser : report.losers->largest) {
      print_csv_row(loser.path, csv_numbers(loser.totals),
                    {form_name(loser.form.form), reason_name(loser.reason), loser.explanation});
    }
  } else {
    print_csv_row("form", kNumbers);
    print_csv_row("container", csv_numbers(report.usage.container));
    print_csv_row("raw", csv_numbers(report.usage.raw));
    print_csv_row("total", csv_numbers(report.usage.all()));
  }
}

}  // namespace zstdfs::tools
