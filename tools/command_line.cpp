#include "tools/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/display.hpp"

namespace zstdfs::tools {
namespace {

std::string list_of_subcommands(const CLI::App& app) {
  std::string list;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    list += (list.empty() ? "" : ", ") + each->get_name();
  }
  return list;
}

/// The library says what is required and missing, even where the reason is a word before it that
/// was misspelled: that word is what is wrong then.
std::string what_is_wrong(const CLI::App& app, const CLI::Error& error) {
  const std::vector<std::string> unknown = app.remaining();
  const auto option = std::find_if(unknown.begin(), unknown.end(), [](const std::string& word) {
    return word.size() > 1 && word.starts_with('-') && word != "--";
  });
  if (option != unknown.end()) return "there is no option " + printable(*option);
  const std::string subcommands = list_of_subcommands(app);
  if (subcommands.empty() || !app.get_subcommands().empty()) return printable(error.what());
  if (unknown.empty()) return "a subcommand is missing, one of: " + subcommands;
  return "there is no subcommand " + printable(unknown.front()) + ", only: " + subcommands;
}

}  // namespace

std::string explain_command_line(const CLI::App* app, const CLI::Error& error) {
  std::string command = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    command += " " + app->get_name();
  }
  return command + ": " + what_is_wrong(*app, error) + "\n\"" + command +
         " --help\" shows what there is.\n";
}

}  // namespace zstdfs::tools
