#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kContent = 300'000;

std::uint64_t disk_bytes(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

std::uint64_t whole_blocks(std::uint64_t bytes) {
  return (bytes + 4095) / 4096 * 4096;
}

TEST(Usage, SumsUpByForm) {
  const TempStore store;
  const Bytes stored = container_of(text_bytes(kContent, 1)).sealed();
  store.write("dir/a", stored);
  store.write("dir/b", stored);
  store.write("raw", random_bytes(10'000, 1));
  ::sync();  // blocks are only counted once they are allocated

  const CommandResult result = run_zstdfs({"usage", "--json", store.path()});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto usage = result.json();
  const auto& container = usage.at("container");
  EXPECT_EQ(container.at("files"), 2);
  EXPECT_EQ(container.at("logical_bytes"), 2 * kContent);
  EXPECT_EQ(container.at("stored_bytes"), 2 * stored.size());
  EXPECT_EQ(container.at("disk_bytes"),
            disk_bytes(store.path("dir/a")) + disk_bytes(store.path("dir/b")));
  EXPECT_EQ(usage.at("raw").at("files"), 1);
  EXPECT_EQ(usage.at("raw").at("disk_bytes"), usage.at("raw").at("uncompressed_disk_bytes"));
  EXPECT_EQ(usage.at("total").at("logical_bytes"), 2 * kContent + 10'000);
  EXPECT_EQ(usage.at("directories"), 1);
  EXPECT_GT(usage.at("store_disk_bytes"), 0);
}

TEST(Usage, UncompressedMeansWholeBlocksAndNotHoles) {
  const TempStore store;
  ContainerBuilder builder(4096);
  builder.chunk(text_bytes(4096, 1)).zeros(64u << 20).chunk(text_bytes(1000, 2));
  store.write("sparse", builder.sealed());
  const auto usage = run_zstdfs({"usage", "--json", store.path()}).json();
  EXPECT_EQ(usage.at("container").at("logical_bytes"), 4096 + (64u << 20) + 1000);
  EXPECT_EQ(usage.at("container").at("uncompressed_disk_bytes"), whole_blocks(4096 + 1000));
}

TEST(Usage, ManySmallFilesAreToldWhatTheirBlocksWaste) {
  const TempStore store;
  for (unsigned i = 0; i < 50; ++i) {
    store.write("small" + std::to_string(i), random_bytes(1000, i));
  }
  store.write("empty", "");
  ::sync();
  const CommandResult result = run_zstdfs({"usage", store.path()});
  EXPECT_THAT(result.out, HasSubstr("Of what is taken on disk, 151.2 KiB (75 %) are unused ends "
                                    "of blocks of 4.0 KiB"));
  const auto usage = run_zstdfs({"usage", "--json", store.path()}).json();
  EXPECT_EQ(usage.at("block_bytes"), 4096);
  EXPECT_EQ(usage.at("raw").at("slack_bytes"), 50 * (4096 - 1000));

  store.write("large", random_bytes(1 << 20, 1));
  ::sync();
  EXPECT_THAT(run_zstdfs({"usage", store.path()}).out, Not(HasSubstr("unused ends")));
}

TEST(Usage, AHoleAtTheEndIsNoWaste) {
  const TempStore store;
  store.write("sparse", random_bytes(4096, 1));
  ASSERT_EQ(::truncate(store.path("sparse").c_str(), (1 << 20) + 1), 0);
  ::sync();
  const auto usage = run_zstdfs({"usage", "--json", store.path()}).json();
  EXPECT_EQ(usage.at("raw").at("slack_bytes"), 0);
}

TEST(Usage, HardLinksCountOnceAndLinksAreNotFollowed) {
  const TempStore store;
  const TempStore elsewhere;
  elsewhere.write("big", random_bytes(100'000, 1));
  store.write("f", container_of(text_bytes(kContent, 1)).sealed());
  ASSERT_EQ(::link(store.path("f").c_str(), store.path("g").c_str()), 0);
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), store.path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(store.path("pipe").c_str(), 0600), 0);
  const CommandResult result = run_zstdfs({"usage", "--json", store.path()});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto usage = result.json();
  EXPECT_EQ(usage.at("total").at("files"), 1);
  EXPECT_EQ(usage.at("other_objects"), 2);
}

TEST(Usage, TheTableIsForPeople) {
  const TempStore store;
  store.write("f", container_of(text_bytes(kContent, 1)).sealed());
  const CommandResult result = run_zstdfs({"usage", store.path()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("293.0 KiB"));  // 300,000 bytes
  EXPECT_THAT(result.out, HasSubstr("Saves "));
}

TEST(Usage, AnEmptyDirectoryIsNoMistake) {
  const TempStore store;
  ASSERT_EQ(::mkdir(store.path("empty").c_str(), 0700), 0);
  const CommandResult result = run_zstdfs({"usage", store.path("empty")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr("total"));
}

TEST(Usage, WhoMayNotLookIntoTheStoresOwnFilesIsToldTheRest) {
  ASSERT_EQ(::geteuid(), 0u) << "needs root";
  const TempStore store;
  store.write("f", random_bytes(10'000, 1));
  ASSERT_EQ(::chmod(store.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(store.path("f").c_str(), 0644), 0);
  ASSERT_EQ(::chmod(store.path(".zstdfs").c_str(), 0700), 0);
  const auto as_somebody = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"setpriv", "--reuid",        "1000",         "--regid",
                                    "1000",    "--clear-groups", ZSTDFS_PROGRAM, "usage"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program("/usr/bin/env", all);
  };
  const CommandResult json = as_somebody({"--json", store.path()});
  EXPECT_EQ(json.exit_code, 0) << json.error;
  EXPECT_EQ(json.error, "");
  EXPECT_EQ(json.json().at("store_disk_bytes"), nullptr);
  EXPECT_EQ(json.json().at("failures"), 0);
  EXPECT_EQ(json.json().at("total").at("files"), 1);
  EXPECT_THAT(as_somebody({store.path()}).out, HasSubstr("; .zstdfs itself takes -.\n"));
}

TEST(Usage, WhatIsInNoStoreIsRefused) {
  const TempStore place;
  place.write("left/f", "x");
  std::filesystem::remove_all(place.path(".zstdfs"));  // as an unmounted mount point
  for (const std::string& path : {place.path("left"), place.path()}) {
    const CommandResult result = run_zstdfs({"usage", "--json", path});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.error, HasSubstr(path + ": lies in no store: neither on a zstdfs mount"));
  }
}

TEST(Usage, WhatIsNoDirectoryIsRefused) {
  const TempStore store;
  store.write("f", "x");
  EXPECT_EQ(run_zstdfs({"usage", store.path("f")}).exit_code, 1);
  const CommandResult missing = run_zstdfs({"usage", store.path("missing")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.error, HasSubstr(store.path("missing")));
  EXPECT_EQ(run_zstdfs({"usage"}).exit_code, 2);
}

}  // namespace
}  // namespace zstdfs::test
