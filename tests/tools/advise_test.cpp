#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "fs/store/policy_parse.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

/// One measurement of little, so that a test takes few seconds.
std::vector<std::string> quick(const std::string& directory,
                               const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"advise",       "--json", "--level",        "6",
                                        "--chunk-size", "128KiB", "--sample-bytes", "1MiB"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.push_back(directory);
  return arguments;
}

Json advice_for(const std::vector<std::string>& arguments) {
  const CommandResult result = run_zstdfs(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.json();
}

/// The advised rule, read as the daemon reads it.
store::Policy policy_with(const Json& rule) {
  const Json policy = {{"version", 1}, {"rules", Json::array({rule})}};
  return store::parse_policy(policy.dump(), "policy.json", store::SystemAccounts());
}

TEST(Advise, MeasuresEveryLevelAndChunkSize) {
  const TempStore store;
  store.write("logs/a", text_bytes(600'000, 1));
  store.write("logs/b", text_bytes(300'000, 2));
  const Json advice =
      advice_for(quick(store.path("logs"), {"--level", "1", "--chunk-size", "32KiB"}));
  EXPECT_EQ(advice.at("files"), 2);
  EXPECT_EQ(advice.at("logical_bytes"), 900'000);
  ASSERT_EQ(advice.at("trials").size(), 3);  // two levels, and one other chunk size
  for (const Json& trial : advice.at("trials")) {
    EXPECT_EQ(trial.at("logical_bytes"), 900'000);
    EXPECT_GT(trial.at("ratio"), 1.0);
    EXPECT_LT(trial.at("disk_blocks"), advice.at("raw_disk_blocks"));
    EXPECT_GT(trial.at("compress_bytes_per_second"), 0);
    EXPECT_GT(trial.at("decompress_bytes_per_second"), 0);
    EXPECT_GE(trial.at("timings"), 1);
  }
  EXPECT_EQ(advice.at("trials").at(0).at("level"), 6);
  EXPECT_EQ(advice.at("trials").at(1).at("level"), 1);
  EXPECT_EQ(advice.at("trials").at(2).at("chunk_bytes"), 32768);
  EXPECT_FALSE(advice.at("reasons").empty());
}

TEST(Advise, TheRuleIsOneThatAPolicyTakesAndItMatchesTheFiles) {
  const TempStore store;
  store.write("logs/a.log", text_bytes(600'000, 1));
  const Json advice = advice_for(quick(store.path("logs"), {"--include", "*.log"}));
  const store::Policy policy = policy_with(advice.at("rule"));
  const store::PolicyRule* rule = policy.matching_rule({.path = "logs/a.log"});
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(*rule->settings.level, advice.at("recommended").at("level").get<int>());
  EXPECT_EQ(*rule->settings.chunk_bytes,
            advice.at("recommended").at("chunk_bytes").get<std::uint32_t>());
  EXPECT_NE(policy.matching_rule({.path = "logs/deep/b.log"}), nullptr);
  EXPECT_EQ(policy.matching_rule({.path = "logs/b.txt"}), nullptr);
  EXPECT_EQ(policy.matching_rule({.path = "other/a.log"}), nullptr);
}

TEST(Advise, ADirectoryWithStrangeNamesGetsAPatternThatMatchesIt) {
  const TempStore store;
  store.write("a[b]*/f", text_bytes(300'000, 1));
  const Json advice = advice_for(quick(store.path("a[b]*")));
  EXPECT_NE(policy_with(advice.at("rule")).matching_rule({.path = "a[b]*/f"}), nullptr);
  EXPECT_EQ(policy_with(advice.at("rule")).matching_rule({.path = "ab/f"}), nullptr);
}

TEST(Advise, WhatDoesNotCompressIsStoredRaw) {
  const TempStore store;
  store.write("f", random_bytes(500'000, 1));
  const Json advice = advice_for(quick(store.path()));
  EXPECT_EQ(advice.at("recommended"), nullptr);
  EXPECT_EQ(advice.at("rule").at("store"), "raw");
  EXPECT_NO_THROW(policy_with(advice.at("rule")));
}

// Each takes a block, whatever is done to it; but not as many bytes.
TEST(Advise, FilesBelowABlockAreBetterCountedInBytes) {
  const TempStore store;
  for (int i = 0; i < 5; ++i) store.write("f" + std::to_string(i), text_bytes(3000, 1));
  const Json advice = advice_for(quick(store.path()));
  EXPECT_EQ(advice.at("recommended"), nullptr);
  EXPECT_THAT(advice.at("reasons").dump(), HasSubstr("Counted in bytes"));
}

TEST(Advise, ASpeedThatNothingReachesIsSaid) {
  const TempStore store;
  store.write("f", text_bytes(300'000, 1));
  const Json advice = advice_for(quick(store.path(), {"--min-speed", "100GiB"}));
  EXPECT_THAT(advice.at("reasons").dump(), HasSubstr("none compresses at 100.0 GiB/s"));
  EXPECT_EQ(advice.at("recommended").at("level"), 6);
}

TEST(Advise, ADictionaryIsTriedOnWhatItWasNotTrainedOn) {
  const TempStore store;
  for (int i = 0; i < 400; ++i) {
    store.write("f" + std::to_string(i), text_bytes(6000, static_cast<std::uint64_t>(i)));
  }
  const Json advice = advice_for(quick(store.path()));
  const Json& trial = advice.at("trials").back();
  EXPECT_GT(trial.at("dictionary_bytes"), 0);
  EXPECT_LE(trial.at("logical_bytes"), (1u << 20) * 3 / 4 + 6000);  // the rest was trained on
  EXPECT_EQ(advice.at("measured_bytes"), trial.at("logical_bytes"));
  EXPECT_THAT(advice.at("reasons").dump(), HasSubstr("dictionary"));
}

// What is advised, and what the command that is printed leads to, are the same.
TEST(Advise, ADictionaryThatIsRecommendedComesWithTheCommandForIt) {
  const TempStore store;
  const Bytes common = random_bytes(5000, 99);
  for (int i = 0; i < 150; ++i) {
    Bytes content = common;
    const Bytes own = text_bytes(4000, static_cast<std::uint64_t>(i));
    content.insert(content.end(), own.begin(), own.end());
    store.write("it's here/" + std::to_string(i) + ".dat", content);
  }
  store.write("it's here/other", "other");
  store.write(".zstdfs/policy.json", R"({"version": 1, "rules": [{"path": "*.dat", "level": 2}]})");
  const Json advice = advice_for(quick(store.path("it's here"), {"--include", "*.dat"}));
  ASSERT_EQ(advice.at("dictionary_recommended"), true);
  EXPECT_THAT(advice.at("reasons").dump(), HasSubstr("zstdfs train --install"));

  const std::string command = advice.at("train_command");
  const std::string directory = std::filesystem::path(ZSTDFS_PROGRAM).parent_path().string();
  const CommandResult trained =
      run_program("/bin/sh", {"-c", "PATH='" + directory + "':$PATH; " + command});
  ASSERT_EQ(trained.exit_code, 0) << command << '\n' << trained.out << trained.error;
  EXPECT_THAT(trained.out, HasSubstr("Warning: rule 2 (line 2) does not apply to 150 files"));

  const std::string file = store.path("it's here/0.dat");
  const Json explained = run_zstdfs({"policy", "explain", "--json", file}).json().at(0);
  EXPECT_EQ(explained.at("rule").at("number"), 1);
  const Json& settings = explained.at("settings");
  EXPECT_EQ(settings.at("level").at("value"), "6");
  EXPECT_EQ(settings.at("chunk_size").at("source"), "rule");
  EXPECT_NE(settings.at("dictionary").at("value"), "0");
  const std::string other = store.path("it's here/other");
  EXPECT_EQ(run_zstdfs({"policy", "explain", "--json", other}).json().at(0).at("rule"), nullptr);
}

TEST(Advise, ContainersAreMeasuredByTheirContent) {
  const TempStore store;
  const Bytes content = text_bytes(500'000, 1);
  store.write("stored/f", container_of(content).sealed());
  store.write("plain/f", content);
  const Json stored = advice_for(quick(store.path("stored")));
  const Json plain = advice_for(quick(store.path("plain")));
  EXPECT_EQ(stored.at("logical_bytes"), content.size());
  EXPECT_EQ(stored.at("trials").at(0).at("stored_bytes"),
            plain.at("trials").at(0).at("stored_bytes"));
}

TEST(Advise, TheSampleStaysBelowItsBound) {
  const TempStore store;
  for (int i = 0; i < 20; ++i) {
    store.write("f" + std::to_string(i), text_bytes(200'000, static_cast<std::uint64_t>(i)));
  }
  const Json advice = advice_for(quick(store.path()));
  EXPECT_LE(advice.at("measured_bytes"), 1u << 20);
  EXPECT_EQ(advice.at("logical_bytes"), 20 * 200'000);
}

TEST(Advise, TheTableSaysOnWhatItIsBasedAndEndsInARule) {
  const TempStore store;
  store.write("f", text_bytes(300'000, 1));
  std::vector<std::string> arguments = quick(store.path());
  std::erase(arguments, "--json");
  const CommandResult result = run_zstdfs(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr("as a file of its own: 3 (293.0 KiB)"));
  EXPECT_THAT(result.out, HasSubstr("recommended"));
  EXPECT_THAT(result.out, HasSubstr("\"level\": "));
  EXPECT_THAT(result.out, Not(HasSubstr("zstdfs train")));
  EXPECT_EQ(result.error, "");
}

TEST(AdvisePlot, IsAWholeSvgForLightAndDark) {
  const TempStore store;
  store.write("data/f&<>", text_bytes(300'000, 1));
  const std::string plot = store.path("chart.svg");
  const Json advice =
      advice_for(quick(store.path("data"), {"--chunk-size", "32KiB", "--plot", plot}));
  EXPECT_EQ(advice.at("plot"), plot);
  const Bytes bytes = read_file(plot);
  const std::string svg(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(svg, HasSubstr(">level 6</text>"));
  EXPECT_THAT(svg, HasSubstr("32 KiB</text>"));
  EXPECT_THAT(svg, HasSubstr("class=\"ring\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(AdvisePlot, AFileThatIsThereIsOnlyReplacedWithForce) {
  const TempStore store;
  store.write("data/f", text_bytes(100'000, 1));
  store.write("chart.svg", "mine");
  const std::string plot = store.path("chart.svg");
  const CommandResult refused = run_zstdfs(quick(store.path("data"), {"--plot", plot}));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("exists already"));
  EXPECT_EQ(read_file(plot).size(), 4);
  advice_for(quick(store.path("data"), {"--plot", plot, "--force"}));
  EXPECT_GT(read_file(plot).size(), 1000);
}

TEST(AdviseErrors, BadPathsAreNamed) {
  const TempStore store;
  const CommandResult missing = run_zstdfs({"advise", store.path("missing")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.error, HasSubstr(store.path("missing") + ": No such file"));
  ASSERT_EQ(::mkdir(store.path("empty").c_str(), 0700), 0);
  const CommandResult empty = run_zstdfs({"advise", store.path("empty")});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.error, HasSubstr("no file to sample"));
}

TEST(AdviseErrors, WhatCannotBeReadIsNamedAndTheRestIsMeasured) {
  const TempStore store;
  store.write("good", text_bytes(100'000, 1));
  Bytes damaged = container_of(text_bytes(100'000, 2)).sealed();
  damaged[kContainerHeaderBytes + 50] ^= std::byte{1};
  store.write("damaged", damaged);
  const CommandResult result = run_zstdfs(quick(store.path()));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr(store.path("damaged")));
  EXPECT_EQ(result.json().at("failures"), 1);
  EXPECT_EQ(result.json().at("measured_bytes"), 100'000);
}

TEST(AdviseErrors, MistakesAreTwoAndAFullOutputIsReported) {
  const TempStore store;
  store.write("f", text_bytes(100'000, 1));
  EXPECT_EQ(run_zstdfs({"advise"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs(quick(store.path(), {"--level", "0"})).exit_code, 2);
  EXPECT_EQ(run_zstdfs(quick(store.path(), {"--chunk-size", "1KiB"})).exit_code, 2);
  const CommandResult full =
      run_zstdfs(quick(store.path()), {.input = "", .output_path = "/dev/full"});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.error, HasSubstr("could not be written"));
}

}  // namespace
}  // namespace zstdfs::test
