#include <fcntl.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

/// A store in which `logs` saves most, `text` a little, and `media` and the root nothing.
void fill(const TempStore& store) {
  const Bytes logs = container_of(text_bytes(400'000, 1)).sealed();
  store.write("logs/app/a.log", logs);
  store.write("logs/web/b.LOG", logs);
  store.write("text/c.txt", container_of(text_bytes(200'000, 2)).sealed());
  store.write("media/d.bin", random_bytes(50'000, 1));
  store.write("README", random_bytes(5000, 2));
  ::sync();  // blocks are only counted once they are allocated
}

Json groups_of(const std::vector<std::string>& arguments) {
  const CommandResult result = run_zstdfs(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.json().at("groups");
}

std::vector<std::string> names_of(const Json& groups) {
  std::vector<std::string> names;
  for (const Json& group : groups) names.push_back(group.at("name"));
  return names;
}

TEST(UsageGroups, DirectoriesAreSummedUpAndTheLargestSavingIsFirst) {
  const TempStore store;
  fill(store);
  const Json groups = groups_of({"usage", "--json", "--by", "directory", store.path()});
  EXPECT_THAT(names_of(groups), ElementsAre("logs", "text", ".", "media"));
  EXPECT_EQ(groups.at(0).at("files"), 2);
  EXPECT_EQ(groups.at(0).at("logical_bytes"), 800'000);
  EXPECT_GT(groups.at(0).at("saved_disk_bytes"), groups.at(1).at("saved_disk_bytes"));
  EXPECT_EQ(groups.at(3).at("saved_disk_bytes"), 0);
  EXPECT_EQ(groups.at(3).at("saved_bytes"), 0);
}

TEST(UsageGroups, DepthSaysHowManyNamesOfAPathCount) {
  const TempStore store;
  fill(store);
  const Json groups =
      groups_of({"usage", "--json", "--by", "directory", "--depth", "2", store.path()});
  EXPECT_THAT(names_of(groups), ElementsAre("logs/app", "logs/web", "text", ".", "media"));
}

TEST(UsageGroups, ExtensionsAreOneWhateverTheirCase) {
  const TempStore store;
  fill(store);
  store.write(".hidden", "x");
  store.write("x.not an extension", "x");
  const Json groups = groups_of({"usage", "--json", "--by", "extension", store.path()});
  EXPECT_THAT(names_of(groups), ElementsAre(".log", ".txt", "(none)", ".bin"));
  EXPECT_EQ(groups.at(0).at("files"), 2);
  EXPECT_EQ(groups.at(2).at("files"), 3);
}

TEST(UsageGroups, OwnersHaveTheirNames) {
  const TempStore store;
  fill(store);
  const Json groups = groups_of({"usage", "--json", "--by", "owner", store.path()});
  const passwd* self = ::getpwuid(::geteuid());
  EXPECT_THAT(names_of(groups),
              ElementsAre(self != nullptr ? self->pw_name : std::to_string(::geteuid())));
}

TEST(UsageGroups, GroupsAddUpToTheTotal) {
  const TempStore store;
  fill(store);
  const Json usage = run_zstdfs({"usage", "--json", "--by", "extension", store.path()}).json();
  for (const char* key :
       {"files", "logical_bytes", "stored_bytes", "disk_bytes", "saved_bytes", "slack_bytes"}) {
    std::int64_t sum = 0;
    for (const Json& group : usage.at("groups")) sum += group.at(key).get<std::int64_t>();
    EXPECT_EQ(sum, usage.at("total").at(key)) << key;
  }
}

TEST(Usage, SavingsAreCountedInBytesTooAndHolesAreNone) {
  const TempStore store;
  ContainerBuilder builder(4096);
  builder.chunk(text_bytes(4096, 1)).zeros(64u << 20).chunk(text_bytes(1000, 2));
  const Bytes stored = builder.sealed();
  store.write("sparse", stored);
  const Json total = run_zstdfs({"usage", "--json", store.path()}).json().at("total");
  EXPECT_EQ(total.at("uncompressed_bytes"), 5096);
  EXPECT_EQ(total.at("saved_bytes"), 5096 - static_cast<std::int64_t>(stored.size()));
  EXPECT_THAT(run_zstdfs({"usage", store.path()}).out, HasSubstr("counted in bytes"));
}

TEST(UsageCsv, FieldsAreQuotedAndLinesEndAsRfc4180Says) {
  const TempStore store;
  store.write("a, \"b\"/f", "x");
  const CommandResult result = run_zstdfs({"usage", "--csv", "--by", "directory", store.path()});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, StartsWith("directory,files,logical_bytes,stored_bytes,disk_bytes,"
                                     "uncompressed_disk_bytes,saved_disk_bytes,uncompressed_bytes,"
                                     "saved_bytes,slack_bytes\r\n\"a, \"\"b\"\"\",1,1,1,"));
  EXPECT_TRUE(result.out.ends_with("\r\n"));
}

TEST(UsageCsv, WithoutGroupsTheFormsAreTheTable) {
  const TempStore store;
  fill(store);
  const CommandResult result = run_zstdfs({"usage", "--csv", store.path()});
  EXPECT_THAT(result.out, HasSubstr("\r\ncontainer,3,1000000,"));
  EXPECT_THAT(result.out, HasSubstr("\r\ntotal,5,"));
}

TEST(UsageCommandLine, MistakesAreTwo) {
  const TempStore store;
  const std::string root = store.path();
  EXPECT_EQ(run_zstdfs({"usage", "--by", "colour", root}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"usage", "--depth", "2", root}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"usage", "--by", "directory", "--depth", "0", root}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"usage", "--csv", "--json", root}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"usage", "--csv", "--by", "owner", "--top", "3", root}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"usage", "--top", "0", root}).exit_code, 2);
}

TEST(Usage, AFullOutputIsReported) {
  const TempStore store;
  for (const char* option : {"--json", "--csv", "--by=owner"}) {
    const CommandResult result =
        run_zstdfs({"usage", option, store.path()}, {.input = "", .output_path = "/dev/full"});
    EXPECT_EQ(result.exit_code, 1) << option;
    EXPECT_THAT(result.error, HasSubstr("could not be written"));
  }
}

/// The end of a terminal that a person would sit at.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : fd_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(::grantpt(fd_), 0);
    EXPECT_EQ(::unlockpt(fd_), 0);
    path_ = ::ptsname(fd_);
    // The size and what is written last only while somebody has the other end open.
    other_end_ = ::open(path_.c_str(), O_RDWR | O_NOCTTY);
    const winsize size{24, columns, 0, 0};
    EXPECT_EQ(::ioctl(other_end_, TIOCSWINSZ, &size), 0);
  }
  ~Terminal() {
    ::close(other_end_);
    ::close(fd_);
  }
  const std::string& path() const { return path_; }
  /// What was written, which has to be less than the terminal buffers. It arrives in pieces, so a
  /// mark is sent behind it.
  std::string shown() const {
    EXPECT_EQ(::write(other_end_, &kMark, 1), 1);
    std::string text;
    for (char c = 0; ::read(fd_, &c, 1) == 1 && c != kMark;) text.push_back(c);
    return text;
  }

 private:
  static constexpr char kMark = '\x04';

  int fd_;
  int other_end_ = -1;
  std::string path_;
};

std::string shown_on_terminal(const TempStore& store, unsigned short columns) {
  const Terminal terminal(columns);
  const CommandResult result = run_zstdfs({"usage", "--by", "directory", store.path()},
                                          {.input = "", .output_path = terminal.path()});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return terminal.shown();
}

TEST(UsageBars, AreThereOnATerminalThatIsWideEnoughAndNowhereElse) {
  ASSERT_EQ(::setenv("LC_ALL", "C", 1), 0);
  const TempStore store;
  fill(store);
  const std::string wide = shown_on_terminal(store, 140);
  EXPECT_THAT(wide, HasSubstr("#"));
  EXPECT_THAT(wide, HasSubstr("...."));  // what is saved
  EXPECT_THAT(shown_on_terminal(store, 60), Not(HasSubstr("#")));
  EXPECT_THAT(run_zstdfs({"usage", "--by", "directory", store.path()}).out, Not(HasSubstr("#")));
  ASSERT_EQ(::setenv("LC_ALL", "C.UTF-8", 1), 0);
  EXPECT_THAT(shown_on_terminal(store, 140), HasSubstr("█"));
  ASSERT_EQ(::unsetenv("LC_ALL"), 0);
}

}  // namespace
}  // namespace zstdfs::test
