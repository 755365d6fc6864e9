#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kChunk = 4096;

TEST(Info, TellsHowAContainerIsStored) {
  const TempStore store;
  ContainerBuilder builder(kChunk, /*level=*/9);
  builder.chunk(text_bytes(kChunk, 1)).chunk(text_bytes(kChunk, 2)).zeros(1 << 20);
  const Bytes stored = builder.sealed();
  store.write("f", stored);

  const CommandResult result = run_zstdfs({"info", "--json", store.path("f")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto info = result.json().at(0);
  EXPECT_EQ(info.at("path"), store.path("f"));
  EXPECT_EQ(info.at("form"), "container");
  EXPECT_EQ(info.at("logical_bytes"), 2 * kChunk + (1 << 20));
  EXPECT_EQ(info.at("stored_bytes"), stored.size());
  EXPECT_EQ(info.at("level"), 9);
  EXPECT_EQ(info.at("chunk_bytes"), kChunk);
  EXPECT_EQ(info.at("frames"), 3);
  EXPECT_EQ(info.at("zero_bytes"), 1 << 20);
  EXPECT_EQ(info.at("condition"), "sealed");
  struct stat status {};
  ASSERT_EQ(::stat(store.path("f").c_str(), &status), 0);
  EXPECT_EQ(info.at("disk_bytes"), status.st_blocks * 512);
}

TEST(Info, TellsRawFilesAndForeignZstdFilesApart) {
  const TempStore store;
  store.write("plain", "nothing special");
  store.write("own.zst", FrameEncoder().encode(text_bytes(5000, 1), 3));
  store.write("empty", "");

  const CommandResult result = run_zstdfs(
      {"info", "--json", store.path("plain"), store.path("own.zst"), store.path("empty")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto infos = result.json();
  EXPECT_EQ(infos.at(0).at("form"), "raw");
  EXPECT_EQ(infos.at(0).at("foreign_zstd"), false);
  EXPECT_EQ(infos.at(1).at("form"), "raw");
  EXPECT_EQ(infos.at(1).at("foreign_zstd"), true);
  EXPECT_EQ(infos.at(1).at("logical_bytes"), infos.at(1).at("stored_bytes"));
  EXPECT_EQ(infos.at(2).at("logical_bytes"), 0);
}

TEST(Info, AnUnfinishedContainerIsNotCalledDamaged) {
  const TempStore store;
  ContainerBuilder builder(kChunk);
  builder.chunk(text_bytes(kChunk, 1)).chunk(text_bytes(kChunk, 2));
  store.write("f", builder.unsealed(kContainerHeaderBytes));
  const auto info = run_zstdfs({"info", "--json", store.path("f")}).json().at(0);
  EXPECT_EQ(info.at("condition"), "interrupted");
  EXPECT_EQ(info.at("logical_bytes"), 2 * kChunk);
}

TEST(Info, ADamagedSeekTableIsNamed) {
  const TempStore store;
  Bytes stored = container_of(text_bytes(3 * kChunk, 1), kChunk).sealed();
  stored[stored.size() - 20] ^= std::byte{1};
  store.write("f", stored);
  const auto info = run_zstdfs({"info", "--json", store.path("f")}).json().at(0);
  EXPECT_EQ(info.at("condition"), "damaged");
  EXPECT_THAT(info.at("damage").get<std::string>(), HasSubstr("seek table"));
}

TEST(Info, OnePathThatFailsDoesNotHideTheOthers) {
  const TempStore store;
  store.write("f", container_of(text_bytes(3 * kChunk, 1), kChunk).sealed());
  const CommandResult result =
      run_zstdfs({"info", store.path("missing"), store.path("f"), store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr(store.path("f")));
  EXPECT_THAT(result.error, HasSubstr(store.path("missing") + ": No such file or directory"));
  EXPECT_THAT(result.error, HasSubstr("is a directory"));
}

TEST(Info, AFileInNoStoreIsExaminedAndSaidToBeInNone) {
  const TempStore store;
  const TempStore elsewhere;
  std::filesystem::remove_all(elsewhere.path(".zstdfs"));
  const Bytes stored = container_of(text_bytes(3 * kChunk, 1), kChunk).sealed();
  store.write("in", stored);
  elsewhere.write("out", stored);

  const auto infos = run_zstdfs({"info", "--json", store.path("in"), elsewhere.path("out")}).json();
  EXPECT_EQ(infos.at(0).at("store"), store.path());
  EXPECT_EQ(infos.at(1).at("store"), nullptr);
  EXPECT_EQ(infos.at(1).at("form"), "container");
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"info"}, std::vector<std::string>{"info", "--frames"}}) {
    std::vector<std::string> arguments = options;
    arguments.insert(arguments.end(), {store.path("in"), elsewhere.path("out")});
    const CommandResult result = run_zstdfs(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_THAT(result.out, HasSubstr(elsewhere.path("out") + " is in no store\n"));
    EXPECT_THAT(result.out, Not(HasSubstr(store.path("in") + " is in no store")));
  }
}

TEST(Info, ANamedPipeIsRefusedAndNotWaitedFor) {
  const TempStore store;
  ASSERT_EQ(::mkfifo(store.path("pipe").c_str(), 0600), 0);
  const CommandResult result = run_zstdfs({"info", store.path("pipe")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("not a regular file"));
}

TEST(Info, ControlCharactersInNamesDoNotReachTheTerminal) {
  const TempStore store;
  store.write("a\x1b[31mb", "x");
  const CommandResult result = run_zstdfs({"info", store.path("a\x1b[31mb")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("a\\x1b[31mb"));
}

TEST(CommandLine, HelpAndVersionSucceedAndMistakesAreTwo) {
  EXPECT_THAT(run_zstdfs({"--version"}).out, HasSubstr("zstdfs "));
  const CommandResult help = run_zstdfs({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("fsck"));
  EXPECT_EQ(run_zstdfs({"info", "--help"}).exit_code, 0);
  EXPECT_EQ(run_zstdfs({}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"info"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"nonsense"}).exit_code, 2);
}

TEST(CommandLine, SecondsBehindWatchAreToldToBelongToIt) {
  const CommandResult result = run_zstdfs({"stats", "--watch", "1", "/"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.error, HasSubstr("--watch=1"));
  const CommandResult two = run_zstdfs({"stats", "/", "/tmp"});
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_THAT(two.error, HasSubstr("/tmp"));
  EXPECT_THAT(run_zstdfs({"stats", "--wat", "/"}).error, HasSubstr("there is no option --wat"));
}

}  // namespace
}  // namespace zstdfs::test
