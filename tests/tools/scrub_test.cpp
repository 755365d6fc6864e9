// `zstdfs scrub` of stores that are not mounted; tests/mount has it beside a daemon.
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint32_t kChunk = 4096;
constexpr int kClean = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

Bytes some_container() {
  return container_of(text_bytes(5 * kChunk, 1), kChunk).sealed();
}

Bytes damaged_container() {
  Bytes stored = some_container();
  stored[stored.size() / 2] ^= std::byte{1};
  return stored;
}

TEST(Scrub, OnlyWhatLiesBelowThePathIsChecked) {
  const TempStore store;
  store.write("well/f", some_container());
  store.write("well/raw", "text");
  store.write("ill/f", damaged_container());

  const CommandResult well = run_zstdfs({"scrub", "--json", store.path("well")});
  EXPECT_EQ(well.exit_code, kClean) << well.out << well.error;
  EXPECT_EQ(well.json().at("containers"), 1);
  EXPECT_EQ(well.json().at("raw_files"), 1);
  EXPECT_EQ(well.json().at("frames_verified"), 5);
  EXPECT_EQ(well.json().at("clean"), true);

  for (const std::string& path : {store.path(), store.path("ill"), store.path("ill/f")}) {
    const CommandResult ill = run_zstdfs({"scrub", path});
    EXPECT_EQ(ill.exit_code, kFailed);
    EXPECT_THAT(ill.out, AllOf(HasSubstr("ill/f: stored offset "), HasSubstr("1 damaged")));
  }
}

TEST(Scrub, AFileWithSeveralNamesIsCheckedOnce) {
  const TempStore store;
  store.write("f", some_container());
  std::filesystem::create_hard_link(store.path("f"), store.path("g"));
  EXPECT_EQ(run_zstdfs({"scrub", "--json", store.path()}).json().at("containers"), 1);
}

// As fsck takes it: no daemon is there that would be at it.
TEST(Scrub, OfAStoreThatIsNotMountedAnInterruptedWriteIsTold) {
  const TempStore store;
  const ContainerBuilder builder = container_of(text_bytes(5 * kChunk, 1), kChunk);
  Bytes stored = builder.unsealed(builder.index()[2].stored_end());
  stored.resize(stored.size() - 3);
  store.write("f", stored);
  store.write(".zstdfs/state", R"({"clean": false})");
  const CommandResult result = run_zstdfs({"scrub", store.path()});
  EXPECT_EQ(result.exit_code, kClean) << result.out;
  EXPECT_THAT(result.out, HasSubstr("1 interrupted"));
}

TEST(Scrub, ALimitIsKept) {
  const TempStore store;
  store.write("raw", random_bytes(1'000'000, 1));
  const auto begin = std::chrono::steady_clock::now();
  const CommandResult result = run_zstdfs({"scrub", "--limit", "500K", store.path()});
  EXPECT_EQ(result.exit_code, kClean) << result.out << result.error;
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(900));
}

TEST(Scrub, WhatCannotBeCheckedIsSaid) {
  const TempStore store;
  store.write("f", some_container());
  const CommandResult own = run_zstdfs({"scrub", store.path(".zstdfs")});
  EXPECT_EQ(own.exit_code, kFailed);
  EXPECT_THAT(own.error, HasSubstr("belongs to the store itself"));
  const CommandResult outside = run_zstdfs({"scrub", "/usr/bin"});
  EXPECT_EQ(outside.exit_code, kFailed);
  EXPECT_THAT(outside.error, HasSubstr("/usr/bin: lies in no store"));
  EXPECT_EQ(run_zstdfs({"scrub", store.path("none")}).exit_code, kFailed);
  EXPECT_EQ(run_zstdfs({"scrub", "--limit", "0", store.path()}).exit_code, kUsage);
  EXPECT_EQ(run_zstdfs({"scrub"}).exit_code, kUsage);
}

}  // namespace
}  // namespace zstdfs::test
