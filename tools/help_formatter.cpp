#include "tools/help_formatter.hpp"

#include <sstream>
#include <utility>

namespace zstdfs::tools {
namespace {

/// A name, and its description in the second column, or below where the name is too long.
void print_entry(std::ostream& out, const std::string& name, const std::string& description,
                 std::size_t column) {
  const std::string margin(column, ' ');
  std::string first = "  " + name;
  if (!description.empty()) {
    if (first.size() >= column) {
      first += "\n" + margin;
    } else {
      first.resize(column, ' ');
    }
  }
  out << first;
  for (const char c : description) {
    out << c;
    if (c == '\n') out << margin;
  }
  out << '\n';
}

std::string without_line_ends(std::string text) {
  text.erase(0, text.find_first_not_of('\n'));
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

/// "=3", where newer versions of CLI11 write " [3]".
std::string with_plain_default(std::string text, const std::string& value) {
  const std::string newer = " [" + value + "]";
  const std::size_t at = value.empty() ? std::string::npos : text.find(newer);
  if (at != std::string::npos) text.replace(at, newer.size(), "=" + value);
  return text;
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode) const {
  std::ostringstream out;
  out << without_line_ends(make_description(app)) << '\n';
  const std::string usage = without_line_ends(make_usage(app, std::move(name)));
  out << (usage.starts_with("Usage: ") ? "" : "Usage: ") << usage << '\n';

  const auto print_options = [&](const char* heading, bool positional) {
    const auto options = app->get_options([&](const CLI::Option* option) {
      return !option->get_group().empty() && option->get_positional() == positional;
    });
    if (!options.empty()) out << '\n' << heading << ":\n";
    for (const CLI::Option* option : options) {
      const std::string left =
          make_option_name(option, positional) +
          with_plain_default(make_option_opts(option), option->get_default_str());
      print_entry(out, left, make_option_desc(option), get_column_width());
    }
  };
  print_options("Positionals", true);
  print_options("Options", false);
  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) out << "\nSubcommands:\n";
  for (const CLI::App* command : commands) {
    print_entry(out, command->get_display_name(true), command->get_description(),
                get_column_width());
  }
  const std::string footer = app->get_footer();
  out << '\n' << footer << (footer.empty() ? "" : "\n");
  return out.str();
}

}  // namespace zstdfs::tools
