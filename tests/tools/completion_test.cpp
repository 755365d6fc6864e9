// What bash, zsh and fish offer where somebody types `zstdfs`, asked of the shells themselves.
#include "tests/tools/completion.hpp"

#include <gmock/gmock.h>

#include "tests/tools/help_text.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Completion : public testing::TestWithParam<Shell> {
 protected:
  static std::set<std::string> offered(std::vector<std::string> words) {
    words.insert(words.begin(), "zstdfs");
    return completions(GetParam(), words);
  }
};

std::string name_of(const testing::TestParamInfo<Shell>& shell) {
  static constexpr const char* kNames[] = {"Bash", "Zsh", "Fish"};
  return kNames[static_cast<int>(shell.param)];
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion,
                         testing::Values(Shell::kBash, Shell::kZsh, Shell::kFish), name_of);

TEST_P(Completion, TheBeginningOfASubcommand) {
  EXPECT_THAT(offered({"tr"}), ElementsAre("train"));
  EXPECT_THAT(offered({"policy", "ch"}), ElementsAre("check"));
  EXPECT_THAT(offered({"no-such-command"}), testing::IsEmpty());
}

TEST_P(Completion, EverySubcommandAndOption) {
  for (const HelpText& command : help_of_all_commands()) {
    SCOPED_TRACE(command.name());
    std::vector<std::string> words = command.words;
    words.emplace_back("");
    if (!command.subcommands.empty()) {
      EXPECT_THAT(offered(words), testing::UnorderedElementsAreArray(command.subcommands));
    }
    words.back() = "--";
    EXPECT_EQ(offered(words), command.long_options());
  }
}

TEST_P(Completion, OptionsBehindArgumentsAndOtherOptions) {
  EXPECT_THAT(offered({"fsck", "--repair", "/srv", "--dry"}), ElementsAre("--dry-run"));
  EXPECT_THAT(offered({"train", "--level", "3", "--rec"}), ElementsAre("--records"));
}

TEST_P(Completion, TheValuesOfAnOption) {
  EXPECT_THAT(offered({"train", "--records", "l"}), ElementsAre("length-prefixed", "lines"));
}

TEST_P(Completion, FilesAndDirectories) {
  const TempStore store;
  store.write("file-a", "");
  store.write("file-b/c", "");
  const std::string begun = store.path("file-");
  const auto files = offered({"info", begun});
  EXPECT_THAT(files, Contains(HasSubstr("file-a")));
  EXPECT_THAT(files, Contains(HasSubstr("file-b")));
  EXPECT_EQ(offered({"train", "--output", begun}), files);
  const auto directories = offered({"usage", begun});
  EXPECT_THAT(directories, Contains(HasSubstr("file-b")));
  EXPECT_THAT(directories, Each(Not(HasSubstr("file-a"))));
  EXPECT_EQ(offered({"train", "--install", begun}), directories);
  EXPECT_THAT(offered({"train", "--seed", begun}), testing::IsEmpty());
}

}  // namespace
}  // namespace zstdfs::test
