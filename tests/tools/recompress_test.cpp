#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kContent = 300'000;

nlohmann::json counts(const CommandResult& result) {
  return result.json().at("files");
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

TEST(Recompress, BringsFilesToTheOptions) {
  const TempStore store;
  const Bytes content = text_bytes(kContent, 1);
  store.write("dir/raw", content);
  store.write("dir/container", container_of(content).sealed());
  store.write("dir/noise", random_bytes(50'000, 1));
  const CommandResult result = run_zstdfs({"recompress", "--json", "--level", "9", "--chunk-size",
                                           "64 KiB", "--saving", "bytes", store.path()});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(counts(result).at("changed"), 2);
  EXPECT_EQ(counts(result).at("no_gain"), 1);
  const Bytes stored = read_file(store.path("dir/raw"));
  EXPECT_EQ(content_of(stored), content);
  EXPECT_EQ(content_of(read_file(store.path("dir/container"))), content);
  const auto info = run_zstdfs({"info", "--json", store.path("dir/raw")}).json().at(0);
  EXPECT_EQ(info.at("level"), 9);
  EXPECT_EQ(info.at("chunk_bytes"), 65536);
  EXPECT_EQ(result.json().at("stored_bytes_after"), 2 * stored.size() + 50'000);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, 0);

  const CommandResult again = run_zstdfs({"recompress", "--json", "--level", "9", "--chunk-size",
                                          "64 KiB", "--saving", "bytes", store.path()});
  EXPECT_EQ(counts(again).at("changed"), 0);
  EXPECT_EQ(counts(again).at("as_wanted"), 2);
}

TEST(Recompress, WithoutOptionsFollowsThePolicyByPath) {
  const TempStore store;
  store.write(".zstdfs/policy.json",
              R"({"version": 1, "rules": [{"path": "logs/**", "level": 15},
                                          {"path": "/plain/*", "store": "raw"}]})");
  const Bytes content = text_bytes(kContent, 1);
  for (const char* name : {"logs/a", "plain/b", "c"}) {
    store.write(name, container_of(content).sealed());
  }
  const CommandResult result =
      run_zstdfs({"recompress", "--json", store.path("logs"), store.path("plain/b")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(counts(result).at("changed"), 2);
  EXPECT_EQ(run_zstdfs({"info", "--json", store.path("logs/a")}).json().at(0).at("level"), 15);
  EXPECT_EQ(read_file(store.path("plain/b")), content);
}

TEST(Recompress, KeepsModificationTimeAndLinks) {
  const TempStore store;
  store.write("a", container_of(text_bytes(kContent, 1)).sealed());
  ASSERT_EQ(::link(store.path("a").c_str(), store.path("b").c_str()), 0);
  ASSERT_EQ(::chmod(store.path("a").c_str(), 0640), 0);
  const timespec times[2] = {{1'000'000, 5}, {2'000'000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, store.path("a").c_str(), times, 0), 0);
  const struct stat before = status_of(store.path("a"));
  const CommandResult result = run_zstdfs({"recompress", "--json", "--level", "9", store.path()});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(counts(result).at("changed"), 1);
  EXPECT_EQ(counts(result).at("as_wanted"), 0);  // the other name is the same file
  const struct stat after = status_of(store.path("b"));
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_nlink, 2u);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtim.tv_sec, 2'000'000);
  EXPECT_EQ(after.st_mtim.tv_nsec, 7);
  EXPECT_EQ(after.st_atim.tv_sec, 1'000'000);
}

TEST(Recompress, ADryRunEstimatesAndChangesNothing) {
  const TempStore store;
  const Bytes content = text_bytes(kContent, 1);
  store.write("a", content);
  store.write("noise", random_bytes(50'000, 1));
  const CommandResult dry = run_zstdfs({"recompress", "--json", "--dry-run", store.path()});
  ASSERT_EQ(dry.exit_code, 0) << dry.error;
  EXPECT_EQ(dry.json().at("estimate"), true);
  EXPECT_EQ(counts(dry).at("changed"), 1);
  EXPECT_EQ(counts(dry).at("no_gain"), 1);
  EXPECT_EQ(read_file(store.path("a")), content);
  EXPECT_EQ(read_file(store.path(".zstdfs/state")), bytes_of(R"({"clean": true})"));

  const CommandResult done = run_zstdfs({"recompress", "--json", store.path()});
  const double estimated = dry.json().at("stored_bytes_after");
  const double stored = done.json().at("stored_bytes_after");
  EXPECT_NEAR(estimated, stored, stored * 0.02);
  EXPECT_THAT(run_zstdfs({"recompress", "--dry-run", "--level", "12", store.path()}).out,
              HasSubstr("estimate"));
}

TEST(Recompress, ALargeFileIsEstimatedFromSamples) {
  const TempStore store;
  store.write("large", text_bytes(20u << 20, 1));
  const double estimated = run_zstdfs({"recompress", "--json", "--dry-run", store.path("large")})
                               .json()
                               .at("stored_bytes_after");
  const double stored =
      run_zstdfs({"recompress", "--json", store.path("large")}).json().at("stored_bytes_after");
  EXPECT_NEAR(estimated, stored, stored * 0.1);
}

TEST(Recompress, NamesWhatItChangesWhenAsked) {
  const TempStore store;
  store.write("a\x1b", text_bytes(kContent, 1));
  const CommandResult result = run_zstdfs({"recompress", "-v", store.path()});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr(store.path("a\\x1b: 293.0 KiB -> ")));
  EXPECT_THAT(result.out, HasSubstr("Files: 1 changed, 0 as wanted."));
  EXPECT_EQ(run_zstdfs({"recompress", "--quiet", "--level", "9", store.path()}).out, "");
}

TEST(Recompress, AFileThatFailsIsNamedAndTheOthersAreDone) {
  const TempStore store;
  Bytes damaged = container_of(text_bytes(kContent, 1)).sealed();
  damaged[200] ^= std::byte{1};
  store.write("a", damaged);
  store.write("b", container_of(text_bytes(kContent, 2)).sealed());
  const CommandResult result = run_zstdfs({"recompress", "--json", "--level", "9", store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(counts(result).at("changed"), 1);
  EXPECT_EQ(counts(result).at("failed"), 1);
  EXPECT_EQ(result.json().at("failures").at(0).at("path"), store.path("a"));
  EXPECT_THAT(result.error, HasSubstr("zstdfs recompress: " + store.path("a") + ": "));
  EXPECT_EQ(read_file(store.path("a")), damaged);
}

TEST(Recompress, AMissingDictionaryIsNamed) {
  const TempStore store;
  store.write("a", container_of(text_bytes(kContent, 1)).sealed());
  store.write("b", container_of(text_bytes(kContent, 2)).sealed());
  const CommandResult result = run_zstdfs(
      {"recompress", "--dictionary", "40000", store.path("a"), store.path("b"), store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.error, "zstdfs recompress: " + store.path() +
                              ": the store has no dictionary 40000; \"zstdfs dict list\" shows "
                              "those that it has\n");
}

TEST(Recompress, WhatAUserMayNotChangeIsSaidOnce) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root";
  const TempStore store;
  for (const char* const name : {"a", "b", "c"}) {
    store.write(name, container_of(text_bytes(kContent, 1)).sealed());
    ASSERT_EQ(::chmod(store.path(name).c_str(), 0600), 0);
  }
  ASSERT_EQ(::chmod(store.path().c_str(), 0777), 0);
  for (const char* const own : {".zstdfs", ".zstdfs/journal", ".zstdfs/state", ".zstdfs/lock"}) {
    ASSERT_EQ(::chown(store.path(own).c_str(), 1000, 1000), 0);
  }
  const auto as_somebody = [&](const char* talk) {
    return run_program("/usr/bin/env",
                       {"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
                        ZSTDFS_PROGRAM, "recompress", "--level", "9", talk, store.path()});
  };
  const CommandResult result = as_somebody("--quiet");
  EXPECT_EQ(result.exit_code, 1);
  // Which of them is the first is up to the threads.
  EXPECT_THAT(result.error,
              testing::MatchesRegex("zstdfs recompress: " + store.path() +
                                    "/[abc]: Permission denied; try as root\n"
                                    "zstdfs recompress: 2 more were not allowed; --verbose names "
                                    "them\n"));
  EXPECT_THAT(as_somebody("--verbose").error, HasSubstr(store.path("c") + ": Permission denied"));
}

TEST(Recompress, FilesThatGetLargerAreCounted) {
  const TempStore store;
  store.write("a", text_bytes(kContent, 1));
  ASSERT_EQ(run_zstdfs({"recompress", "--level", "19", store.path()}).exit_code, 0);
  const CommandResult result = run_zstdfs({"recompress", "--level", "1", store.path()});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, testing::ContainsRegex(
                              "Files: 1 changed, 0 as wanted.*\n.* after; 1 file got larger[.]\n"));
  const auto json = run_zstdfs({"recompress", "--level", "19", "--json", store.path()}).json();
  EXPECT_EQ(json.at("files").at("changed"), 1);
  EXPECT_EQ(json.at("files").at("larger"), 0);
}

TEST(Recompress, WhatIsNoPlaceForItIsRefused) {
  const TempStore store;
  const CommandResult missing = run_zstdfs({"recompress", store.path("missing")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.error, HasSubstr(store.path("missing") + ": No such file"));
  const CommandResult outside = run_zstdfs({"recompress", "/proc/self/status"});
  EXPECT_EQ(outside.exit_code, 1);
  EXPECT_THAT(outside.error, HasSubstr("neither on a zstdfs mount nor in a store"));
  const CommandResult own = run_zstdfs({"recompress", store.path(".zstdfs/lock")});
  EXPECT_EQ(own.exit_code, 1);
  EXPECT_THAT(own.error, HasSubstr("belongs to the store itself"));
}

TEST(Recompress, WrongOptionsAreThoseThatThePolicyRefuses) {
  const TempStore store;
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--level", "0"},
                                             {"--level", "23"},
                                             {"--chunk-size", "64 KB"},
                                             {"--store", "zip"},
                                             {"--saving", "all"},
                                             {"--dictionary", "-1"},
                                             {"--long-distance-matching", "maybe"}}) {
    const CommandResult result = run_zstdfs({"recompress", wrong[0], wrong[1], store.path()});
    EXPECT_EQ(result.exit_code, 2) << wrong[0] << ' ' << wrong[1];
    EXPECT_THAT(result.error, HasSubstr(wrong[0])) << result.error;
  }
  EXPECT_EQ(run_zstdfs({"recompress"}).exit_code, 2);
}

TEST(Decompress, StoresRawAndSaysWhatCannotBe) {
  const TempStore store;
  const Bytes content = text_bytes(kContent, 1);
  store.write("a", container_of(content).sealed());
  store.write("inner", container_of(container_of(content).sealed()).sealed());
  ContainerBuilder sparse(4096);
  sparse.chunk(text_bytes(4096, 1)).zeros(200u << 20).chunk(text_bytes(1000, 2));
  store.write("sparse", sparse.sealed());
  const CommandResult result = run_zstdfs({"decompress", store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(read_file(store.path("a")), content);
  EXPECT_THAT(result.out,
              HasSubstr(store.path("inner") + ": stays compressed: its content begins"));
  EXPECT_THAT(result.out,
              HasSubstr(store.path("sparse") + ": stays compressed: it is mostly hole"));
  EXPECT_THAT(result.out, HasSubstr("Files: 1 changed, 0 as wanted, 2 that cannot be raw."));
  EXPECT_EQ(run_zstdfs({"decompress", "--quiet", store.path("a")}).exit_code, 0);
  const CommandResult json = run_zstdfs({"decompress", "--json", store.path("inner")});
  EXPECT_EQ(json.json().at("staying").at(0).at("path"), store.path("inner"));
}

TEST(Recompress, WhoHasTheStoreIsSaidWithoutTakingItForAMount) {
  const TempStore store;
  const auto lock = store.hold();
  ASSERT_NE(lock, nullptr);
  const CommandResult result = run_zstdfs({"recompress", store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("in use by process " + std::to_string(::getpid()) +
                                      ", which mounts it or works on it with zstdfs"));
}

}  // namespace
}  // namespace zstdfs::test
