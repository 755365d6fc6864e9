#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace zstdfs::test {

/// An option or an argument, as `--help` shows it.
struct HelpEntry {
  std::vector<std::string> names;  ///< "-v" and "--verbose"; of an argument only "PATH"
  std::string type;                ///< "UINT:SIZE", without default and conditions; empty for flags
  bool required = false;
};

/// What `zstdfs WORDS --help` says.
struct HelpText {
  std::vector<std::string> words;  ///< empty for the program itself
  std::string text;
  std::vector<HelpEntry> options;
  std::vector<HelpEntry> arguments;
  std::vector<std::string> subcommands;

  /// "policy check", as one types it.
  std::string name() const;
  /// Whether it has an option, named "--json".
  bool has(std::string_view option) const;
  /// Without "-v" and its like.
  std::set<std::string> long_options() const;
};

/// Takes apart what the program printed.
HelpText parse_help(std::vector<std::string> words, const std::string& text);

/// The help of the program, of its subcommands, and of theirs. It is asked of the program, so that
/// a new subcommand is among them. Throws std::runtime_error when one prints no help.
std::vector<HelpText> help_of_all_commands();

/// Text in lines; the last newline begins none.
std::vector<std::string> lines_of(const std::string& text);

}  // namespace zstdfs::test
