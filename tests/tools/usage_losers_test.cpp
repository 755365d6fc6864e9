#include <gmock/gmock.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

Json usage_with_losers(const TempStore& store, const std::string& top = "20",
                       const std::string& below = "") {
  ::sync();  // blocks are only counted once they are allocated
  const CommandResult result = run_zstdfs({"usage", "--json", "--top", top, store.path(below)});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.json();
}

/// What is said about one of the losers.
Json loser_named(const Json& usage, const std::string& path) {
  for (const Json& loser : usage.at("losers")) {
    if (loser.at("path") == path) return loser;
  }
  ADD_FAILURE() << path << " is not among the losers: " << usage.at("losers");
  return {{"reason", ""}, {"explanation", ""}};
}

TEST(UsageLosers, EachReasonIsToldApart) {
  const TempStore store;
  store.write("good", container_of(text_bytes(300'000, 1)).sealed());
  store.write("random", random_bytes(300'000, 1));
  store.write("small", text_bytes(500, 1));
  store.write("past-the-mount", text_bytes(300'000, 2));
  store.write("own.zst", FrameEncoder().encode(random_bytes(50'000, 2), 3));
  store.write("container", container_of(random_bytes(300'000, 3)).sealed());

  const Json usage = usage_with_losers(store);
  EXPECT_EQ(loser_named(usage, "random").at("reason"), "incompressible");
  EXPECT_EQ(loser_named(usage, "small").at("reason"), "one_block");
  EXPECT_EQ(loser_named(usage, "past-the-mount").at("reason"), "not_compressed");
  EXPECT_EQ(loser_named(usage, "own.zst").at("reason"), "compressed_format");
  EXPECT_THAT(loser_named(usage, "own.zst").at("explanation").get<std::string>(),
              HasSubstr("zstd"));
  EXPECT_EQ(loser_named(usage, "container").at("reason"), "saves_little");
  EXPECT_EQ(usage.at("losers").size(), 5);
}

TEST(UsageLosers, ASavingOfLessThanABlockIsNamed) {
  const TempStore store;
  Bytes content = random_bytes(6500, 1);
  content.resize(8000, std::byte{'x'});  // becomes smaller, but still takes two blocks
  store.write("f", content);
  EXPECT_EQ(loser_named(usage_with_losers(store), "f").at("reason"), "no_block_saved");
}

TEST(UsageLosers, TheRuleThatExcludesAFileIsNamed) {
  const TempStore store;
  store.write(".zstdfs/policy.json", R"({"version": 1,
  "rules": [
    {"name": "media", "path": "/media/**", "store": "raw"}
  ]})");
  store.write("media/d.bin", text_bytes(50'000, 1));
  const Json loser = loser_named(usage_with_losers(store), "media/d.bin");
  EXPECT_EQ(loser.at("reason"), "excluded");
  EXPECT_THAT(loser.at("explanation").get<std::string>(),
              HasSubstr("the rule \"media\" in line 3 of the policy"));
  // Rules are about paths below the store, also when a part of it is looked at.
  EXPECT_EQ(loser_named(usage_with_losers(store, "20", "media"), "d.bin").at("reason"), "excluded");
}

TEST(UsageLosers, TheAttributeThatExcludesAFileIsNamed) {
  const TempStore store;
  store.write("f", text_bytes(50'000, 1));
  ASSERT_EQ(::setxattr(store.path("f").c_str(), "user.zstdfs.store", "raw", 3, 0), 0)
      << "the directory for temporary files needs extended attributes";
  const Json loser = loser_named(usage_with_losers(store), "f");
  EXPECT_EQ(loser.at("reason"), "excluded");
  EXPECT_THAT(loser.at("explanation").get<std::string>(), HasSubstr("user.zstdfs.store"));
}

TEST(UsageLosers, OnlyTheLargestAreNamedAndAllAreCounted) {
  const TempStore store;
  for (int i = 1; i <= 5; ++i) {
    store.write("f" + std::to_string(i), random_bytes(static_cast<std::size_t>(i) * 20'000, 1));
  }
  const Json usage = usage_with_losers(store, "2");
  ASSERT_EQ(usage.at("losers").size(), 2);
  EXPECT_EQ(usage.at("losers").at(0).at("path"), "f5");
  EXPECT_EQ(usage.at("losers").at(1).at("path"), "f4");
  ASSERT_EQ(usage.at("reasons").size(), 1);
  EXPECT_EQ(usage.at("reasons").at(0).at("reason"), "raw");
  EXPECT_EQ(usage.at("reasons").at(0).at("files"), 5);
}

// The frame alone would fit into one block less; with header and seek table it does not.
TEST(UsageLosers, WhatAContainerTakesForItselfCounts) {
  const TempStore store;
  Bytes content = random_bytes(4000, 1);
  content.resize(8000, std::byte{'x'});
  store.write("f", content);
  ::sync();
  const Json loser = loser_named(usage_with_losers(store), "f");
  EXPECT_EQ(loser.at("reason"), "no_block_saved") << loser;
}

TEST(UsageLosers, TheTablesAreForPeople) {
  const TempStore store;
  store.write("random", random_bytes(300'000, 1));
  ::sync();
  const std::string table = run_zstdfs({"usage", "--top", "3", store.path()}).out;
  EXPECT_THAT(table, HasSubstr("random"));
  EXPECT_THAT(table, HasSubstr("incompressible: a sample of 293.0 KiB compresses to 100 %"));
  EXPECT_THAT(table, HasSubstr("WHY NO MORE IS SAVED"));
  EXPECT_THAT(run_zstdfs({"usage", store.path()}).out, Not(HasSubstr("WHY")));
  const std::string csv = run_zstdfs({"usage", "--csv", "--top", "3", store.path()}).out;
  EXPECT_THAT(csv, HasSubstr(",form,reason,explanation\r\nrandom,1,300000,"));
}

TEST(UsageLosers, WithoutLosersThatIsSaid) {
  const TempStore store;
  store.write("good", container_of(text_bytes(300'000, 1)).sealed());
  ::sync();
  EXPECT_THAT(run_zstdfs({"usage", "--top", "3", store.path()}).out,
              HasSubstr("Every file saves 5 % or more."));
}

TEST(UsageLosers, ABrokenPolicyIsReportedWithItsLine) {
  const TempStore store;
  store.write("f", "x");
  store.write(".zstdfs/policy.json", "{\n  \"version\": 7\n}");
  const CommandResult result = run_zstdfs({"usage", "--top", "3", store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("policy.json:2:"));
}

// Also root cannot read what a newer version wrote.
TEST(Usage, AFileThatCannotBeReadIsNamedAndTheOthersAreCounted) {
  const TempStore store;
  Bytes newer = encode_container_header({});
  store_le(MutableByteSpan(newer), 16, std::uint16_t{99});
  store_le(MutableByteSpan(newer), 72, hash64(ByteSpan(newer).first(72)));
  store.write("closed", newer);
  store.write("open", "x");
  const CommandResult result = run_zstdfs({"usage", "--json", "--top", "3", store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr(store.path("closed")));
  EXPECT_EQ(result.json().at("total").at("files"), 1);
}

}  // namespace
}  // namespace zstdfs::test
