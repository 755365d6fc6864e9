// What all subcommands have to do alike, asked of each that the program's help names.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/tools/command.hpp"
#include "tests/tools/help_text.hpp"
#include "tests/tools/sample_runs.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

class Manners : public testing::Test {
 protected:
  const std::vector<HelpText>& commands() const {
    static const std::vector<HelpText> kCommands = help_of_all_commands();
    return kCommands;
  }
};

std::vector<std::string> with(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool is_fsck(const HelpText& command) {
  return command.name() == "fsck";
}

/// That a wrong command line is answered by the exit code for it and in a line or two that name
/// what is wrong.
void expect_refused(const HelpText& command, const std::vector<std::string>& more,
                    const std::string& named) {
  const CommandResult result = run_zstdfs(with(command.words, more));
  EXPECT_EQ(result.exit_code, is_fsck(command) ? 16 : 2);
  EXPECT_EQ(result.out, "");
  const std::string program = command.words.empty() ? "zstdfs" : "zstdfs " + command.name();
  EXPECT_THAT(result.error, AllOf(StartsWith(program + ": "), HasSubstr(named)));
  EXPECT_LE(lines_of(result.error).size(), 2u) << result.error;
}

TEST_F(Manners, SubcommandsAreFound) {
  std::set<std::string> names;
  for (const HelpText& command : commands()) names.insert(command.name());
  EXPECT_THAT(names, testing::IsSupersetOf({"", "info", "fsck", "policy", "policy check"}));
}

TEST_F(Manners, WrongCommandLinesAreRefused) {
  for (const HelpText& command : commands()) {
    SCOPED_TRACE("zstdfs " + command.name());
    expect_refused(command, {"--no-such-option"}, "--no-such-option");
    if (!command.subcommands.empty()) {
      expect_refused(command, {}, command.subcommands.back());
      expect_refused(command, {"no-such-command"}, "no-such-command");
    }
    for (const HelpEntry& argument : command.arguments) {
      if (argument.required) {
        expect_refused(command, {}, argument.names.at(0));
        break;  // The first is the one that is missing.
      }
    }
  }
}

TEST_F(Manners, OptionsWithoutTheirValueAreRefused) {
  for (const HelpText& command : commands()) {
    for (const HelpEntry& option : command.options) {
      if (option.type.empty()) continue;
      SCOPED_TRACE("zstdfs " + command.name() + " " + option.names.back());
      expect_refused(command, {option.names.back()}, option.names.back());
    }
  }
}

TEST_F(Manners, HelpHasExamplesOfWhatTakesArguments) {
  for (const HelpText& command : commands()) {
    if (command.arguments.empty()) continue;
    SCOPED_TRACE(command.name());
    EXPECT_THAT(command.text,
                AllOf(HasSubstr("\nExamples:\n"), HasSubstr("  zstdfs " + command.name() + " ")));
  }
}

// Who knows an option of one subcommand knows it of all.
TEST_F(Manners, OptionsOfOneNameTakeTheSameEverywhere) {
  std::map<std::string, std::map<std::string, std::string>> types;  // of an option, with where
  std::map<std::string, std::set<std::string>> long_names;          // of a letter
  for (const HelpText& command : commands()) {
    for (const HelpEntry& option : command.options) {
      for (const std::string& name : option.names) {
        types[name].emplace(option.type, command.name());
        if (!name.starts_with("--")) long_names[name].insert(option.names.back());
      }
    }
  }
  for (const auto& [name, of_commands] : types) {
    SCOPED_TRACE(name);
    EXPECT_THAT(of_commands, SizeIs(1));
  }
  for (const auto& [letter, names] : long_names) {
    SCOPED_TRACE(letter);
    EXPECT_THAT(names, SizeIs(1));
  }
}

// One thing has one name.
TEST_F(Manners, OptionsHaveTheNamesThatOthersHave) {
  const std::map<std::string, std::string> other_names = {
      {"--jobs", "--threads"},     {"--out", "--output"},        {"--overwrite", "--force"},
      {"--simulate", "--dry-run"}, {"--compression", "--level"}, {"--chunk", "--chunk-size"},
      {"--silent", "--quiet"},     {"--dict", "--dictionary"}};
  for (const HelpText& command : commands()) {
    for (const auto& [name, usual] : other_names) {
      EXPECT_FALSE(command.has(name)) << command.name() << ": " << name << " is " << usual;
    }
  }
}

TEST_F(Manners, OutputThatCannotBeWrittenIsAFailure) {
  const auto expect_failure = [](const std::vector<std::string>& arguments, int exit_code) {
    const CommandResult result = run_zstdfs(arguments, {"", "/dev/full"});
    EXPECT_EQ(result.exit_code, exit_code) << result.error;
    EXPECT_THAT(result.error, HasSubstr("the output could not be written"));
  };
  for (const HelpText& command : commands()) {
    SCOPED_TRACE("zstdfs " + command.name() + " --help");
    // To fsck, 1 means that errors were corrected.
    expect_failure(with(command.words, {"--help"}), is_fsck(command) ? 8 : 1);
  }
  expect_failure({"--version"}, 1);
}

class SampleRuns : public Manners {
 protected:
  /// Calls `body` with each sample run, in a store of its own, and the help of its command.
  template <typename Body>
  void for_each_run(Body body) const {
    const std::size_t count = sample_runs(SampleStore()).size();
    for (std::size_t i = 0; i < count; ++i) {
      const SampleStore store;
      const SampleRun run = sample_runs(store).at(i);
      SCOPED_TRACE(run.command + " " + testing::PrintToString(run.arguments));
      const auto command =
          std::find_if(commands().begin(), commands().end(),
                       [&](const HelpText& each) { return each.name() == run.command; });
      ASSERT_NE(command, commands().end());
      body(*command, run);
    }
  }
};

TEST_F(SampleRuns, ThereIsOneOfEachSubcommand) {
  std::set<std::string> names;
  for (const SampleRun& run : sample_runs(SampleStore())) names.insert(run.command);
  for (const HelpText& command : commands()) {
    // Those of stats are in tests/mount: it is about a mount.
    if (!command.subcommands.empty() || command.name() == "stats") continue;
    EXPECT_TRUE(names.contains(command.name())) << command.name();
  }
}

TEST_F(SampleRuns, OutputThatCannotBeWrittenIsAFailure) {
  for_each_run([](const HelpText& command, const SampleRun& run) {
    // As JSON, a failure has output, too.
    const std::vector<std::string> json = {"--json"};
    const auto arguments = command.has("--json") ? run.command_line(json) : run.command_line();
    const CommandResult result = run_zstdfs(arguments, {"", "/dev/full"});
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.error, HasSubstr("the output could not be written"));
  });
}

TEST_F(SampleRuns, JsonIsOneValueAndNothingElse) {
  for_each_run([](const HelpText& command, const SampleRun& run) {
    if (!command.has("--json")) return;
    const CommandResult result = run_zstdfs(run.command_line({"--json"}));
    EXPECT_NO_THROW(result.json()) << result.out << result.error;
    EXPECT_EQ(result.out.empty() ? '\0' : result.out.back(), '\n');
  });
}

}  // namespace
}  // namespace zstdfs::test
