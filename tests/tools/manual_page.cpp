#include "tests/tools/manual_page.hpp"

#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>

#include "tests/tools/help_text.hpp"

namespace zstdfs::test {
namespace {

/// The lines from the entry of a command to the next one, or to the end of the list.
std::string entry_of(const std::string& command, const std::string& page) {
  // The words may be macros of their own: "Cm batch Cm compress".
  std::string words;
  for (const char c : command) words += c == ' ' ? std::string(" (Cm )?") : std::string(1, c);
  const std::regex beginning("\\.It Cm " + words + "( .*)?");
  std::string entry;
  bool inside = false;
  int inner_lists = 0;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with(".It Cm ")) inside = std::regex_match(line, beginning);
    if (!inside) continue;
    if (line.starts_with(".Bl")) ++inner_lists;
    if (line.starts_with(".El") && --inner_lists < 0) break;
    entry += line + "\n";
  }
  return entry;
}

}  // namespace

std::string source_text(const std::string& path) {
  std::ifstream in(std::string(ZSTDFS_SOURCE_DIR) + "/" + path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string manual_of(const std::vector<std::string>& words) {
  const std::string page = source_text("packaging/man/zstdfs.1");
  std::string command;
  for (const std::string& word : words) command += (command.empty() ? "" : " ") + word;
  std::string text = entry_of(command, page);
  // "dict rm" has no entry where all of dict has a page of its own.
  if (text.empty()) text = entry_of(words.at(0), page);
  std::smatch own;
  if (std::regex_search(text, own, std::regex("\\.Xr (zstdfs-[a-z]+) 1"))) {
    const std::string own_page = source_text("packaging/man/" + own[1].str() + ".1");
    const std::string entry = entry_of(words.back(), own_page);
    text += entry.empty() ? own_page : entry;
  }
  return text;
}

std::set<std::string> options_in_manual(const std::string& mdoc) {
  static const std::regex kOption("Fl -([a-z][a-z-]*)");
  std::set<std::string> options;
  for (std::sregex_iterator each(mdoc.begin(), mdoc.end(), kOption), end; each != end; ++each) {
    options.insert("--" + (*each)[1].str());
  }
  return options;
}

}  // namespace zstdfs::test
