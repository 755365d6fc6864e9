#include "tests/tools/help_text.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "tests/tools/command.hpp"

namespace zstdfs::test {
namespace {

/// What stands in front of the description, two spaces or more before it. Where it is too long, the
/// description has the next line for itself.
std::string without_description(const std::string& line) {
  const std::string entry = line.substr(2);
  return entry.substr(0, entry.find("  "));
}

/// Cuts a text where one of the marks begins.
std::string before(std::string text, const std::vector<std::string>& marks) {
  for (const std::string& mark : marks) text.erase(std::min(text.find(mark), text.size()));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

/// Behind the name of a flag, its value can stand in braces: "--keep{false}".
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream in(text);
  for (std::string name; std::getline(in, name, ',');) names.push_back(before(name, {"{"}));
  return names;
}

HelpEntry parse_entry(const std::string& line) {
  const std::string entry = without_description(line);
  const std::size_t space = std::min(entry.find(' '), entry.size());
  HelpEntry parsed;
  parsed.names = names_in(entry.substr(0, space));
  const std::string rest = space < entry.size() ? entry.substr(space + 1) : "";
  parsed.required = rest.find("REQUIRED") != std::string::npos;
  parsed.type = before(rest, {"REQUIRED", "Needs:", "Excludes:", "...", "="});
  return parsed;
}

}  // namespace

std::string HelpText::name() const {
  std::string name;
  for (const std::string& word : words) name += (name.empty() ? "" : " ") + word;
  return name;
}

bool HelpText::has(std::string_view option) const {
  return std::any_of(options.begin(), options.end(), [&](const HelpEntry& entry) {
    return std::find(entry.names.begin(), entry.names.end(), option) != entry.names.end();
  });
}

std::set<std::string> HelpText::long_options() const {
  std::set<std::string> names;
  for (const HelpEntry& entry : options) {
    for (const std::string& name : entry.names) {
      if (name.starts_with("--")) names.insert(name);
    }
  }
  return names;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

HelpText parse_help(std::vector<std::string> words, const std::string& text) {
  HelpText help;
  help.words = std::move(words);
  help.text = text;
  std::string section;
  for (const std::string& line : lines_of(text)) {
    // Entries are indented by two spaces, descriptions below them by more.
    const bool entry = line.starts_with("  ") && line.size() > 2 && line[2] != ' ';
    if (!line.empty() && line[0] != ' ') section = line;
    if (!entry) continue;
    if (section == "Options:") help.options.push_back(parse_entry(line));
    if (section == "Positionals:") help.arguments.push_back(parse_entry(line));
    if (section == "Subcommands:") help.subcommands.push_back(parse_entry(line).names.at(0));
  }
  return help;
}

std::vector<HelpText> help_of_all_commands() {
  std::vector<HelpText> all;
  std::vector<std::vector<std::string>> pending = {{}};
  while (!pending.empty()) {
    const std::vector<std::string> words = pending.back();
    pending.pop_back();
    std::vector<std::string> arguments = words;
    arguments.emplace_back("--help");
    const CommandResult result = run_zstdfs(arguments);
    HelpText help = parse_help(words, result.out);
    if (result.exit_code != 0 || !help.has("--help")) {
      throw std::runtime_error("no help: zstdfs " + help.name() + " --help");
    }
    for (const std::string& subcommand : help.subcommands) {
      pending.push_back(words);
      pending.back().push_back(subcommand);
    }
    all.push_back(std::move(help));
  }
  return all;
}

}  // namespace zstdfs::test
