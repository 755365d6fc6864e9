// That the manual pages name every subcommand and option that the program's help has.
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "tests/tools/help_text.hpp"
#include "tests/tools/manual_page.hpp"

namespace zstdfs::test {
namespace {

TEST(Manual, HasEverySubcommand) {
  const std::string page = source_text("packaging/man/zstdfs.1");
  for (const HelpText& command : help_of_all_commands()) {
    if (command.words.empty()) continue;
    EXPECT_TRUE(std::regex_search(page, std::regex("\\.It Cm " + command.words.at(0) + "\\b")))
        << command.name();
    EXPECT_TRUE(std::regex_search(manual_of(command.words),
                                  std::regex("\\b" + command.words.back() + "\\b")))
        << command.name();
  }
}

TEST(Manual, HasEveryOption) {
  for (const HelpText& command : help_of_all_commands()) {
    if (command.words.empty() || !command.subcommands.empty()) continue;
    const std::set<std::string> documented = options_in_manual(manual_of(command.words));
    for (const std::string& name : command.long_options()) {
      if (name == "--help") continue;  // zstdfs(1) says it once.
      EXPECT_TRUE(documented.contains(name)) << command.name() << " " << name;
    }
  }
}

// An option that was renamed or removed. Some pages describe two subcommands, so it may be one of
// another.
TEST(Manual, HasNoOptionThatIsNone) {
  std::set<std::string> known;
  std::set<std::string> documented;
  for (const HelpText& command : help_of_all_commands()) {
    known.merge(command.long_options());
    if (!command.words.empty()) documented.merge(options_in_manual(manual_of(command.words)));
  }
  for (const std::string& option : documented) EXPECT_TRUE(known.contains(option)) << option;
}

}  // namespace
}  // namespace zstdfs::test
