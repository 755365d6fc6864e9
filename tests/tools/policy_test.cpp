#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <future>

#include "fs/os/posix.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPolicy = ".zstdfs/policy.json";
constexpr std::string_view kRules = R"({"version": 1, // comment
"rules": [
{"name": "big", "min_size": "1 MiB", "level": 19},
{"path": ["*.txt", "/x/**"], "level": 2},
{"name": "logs", "path": "/var/**/*.log", "level": 9, "chunk_size": "1 MiB"}],
"defaults": {"saving": "bytes"}})";

std::string text_of(const std::string& path) {
  const Bytes bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void set_attribute(const std::string& path, const char* name, const std::string& value) {
  ASSERT_EQ(::setxattr(path.c_str(), name, value.data(), value.size(), 0), 0)
      << std::strerror(errno);
}

TEST(PolicyCheck, AGoodPolicy) {
  const TempStore store;
  store.write(kPolicy, kRules);
  for (const std::string& path : {store.path(), store.path(".zstdfs"), store.path(kPolicy)}) {
    const CommandResult result = run_zstdfs({"policy", "check", path});
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(result.out, store.path(kPolicy) + ": no errors, 3 rules\n");
  }
  const auto json = run_zstdfs({"policy", "check", "--json", store.path()}).json();
  EXPECT_EQ(json.at("valid"), true);
  EXPECT_EQ(json.at("rules"), 3);
}

TEST(PolicyCheck, ABadPolicyIsNamedWithLineAndColumn) {
  const TempStore store;
  store.write("new.json", "{\"version\": 1,\n \"defaults\": {\"level\": 40}}");
  const CommandResult result = run_zstdfs({"policy", "check", store.path("new.json")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.error, "zstdfs policy check: " + store.path("new.json") +
                              ":2:24: level 40 is not a number from -131072 to 22, without 0\n");
  const CommandResult json = run_zstdfs({"policy", "check", "--json", store.path("new.json")});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.json().at("valid"), false);
  EXPECT_EQ(json.json().at("line"), 2);
  EXPECT_EQ(json.json().at("column"), 24);
}

TEST(PolicyCheck, WhatIsNotThere) {
  const TempStore store;
  const CommandResult none = run_zstdfs({"policy", "check", store.path()});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_THAT(none.out, HasSubstr("has no policy"));
  const auto json = run_zstdfs({"policy", "check", "--json", store.path()}).json();
  EXPECT_TRUE(json.at("file").is_null());
  EXPECT_TRUE(json.at("missing_dictionaries").empty());
  const CommandResult missing = run_zstdfs({"policy", "check", store.path("missing")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.error, HasSubstr("No such file"));
  const CommandResult elsewhere = run_zstdfs({"policy", "check", "/proc"});
  EXPECT_EQ(elsewhere.exit_code, 1);
  EXPECT_THAT(elsewhere.error, HasSubstr("lies in no store"));
  ASSERT_EQ(::mkfifo(store.path("pipe").c_str(), 0600), 0);
  const CommandResult pipe = run_zstdfs({"policy", "check", store.path("pipe")});
  EXPECT_EQ(pipe.exit_code, 1);
  EXPECT_THAT(pipe.error, HasSubstr("not a regular file"));
}

constexpr std::string_view kUnknownDictionaries = R"({"version": 1, "rules": [
{"path": "*.json", "dictionary": 41000},
{"path": "*.txt", "dictionary": 0}],
"defaults": {"dictionary": 42000}})";

TEST(PolicyCheck, DictionariesThatTheStoreDoesNotHaveAreNamed) {
  const TempStore store;
  const TempStore outside;
  outside.write("new.json", kUnknownDictionaries);
  const std::string fresh = outside.path("new.json");
  EXPECT_EQ(run_zstdfs({"policy", "check", fresh}).exit_code, 0);  // For which store?
  const CommandResult beforehand = run_zstdfs({"policy", "check", fresh, store.path()});
  EXPECT_EQ(beforehand.exit_code, 1);
  EXPECT_THAT(beforehand.error, StartsWith("zstdfs policy check: " + fresh + ": the rule in line"));

  store.write(kPolicy, kUnknownDictionaries);
  for (const std::string& path : {store.path(), store.path(kPolicy)}) {
    const CommandResult result = run_zstdfs({"policy", "check", path});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    const std::string begin = "zstdfs policy check: " + store.path(kPolicy) + ": ";
    const std::string end = ", which is not in the store; files are stored without one\n";
    EXPECT_EQ(result.error, begin + "the rule in line 2 names dictionary 41000" + end + begin +
                                "the defaults name dictionary 42000" + end);
  }
  const CommandResult json = run_zstdfs({"policy", "check", "--json", store.path()});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.json().at("valid"), true);
  EXPECT_EQ(json.json().at("missing_dictionaries"),
            nlohmann::json::parse(R"([{"id": 41000, "line": 2}, {"id": 42000, "line": null}])"));
}

TEST(PolicySet, InstallsAGoodPolicyAndNoBadOne) {
  const TempStore store;
  store.write("good.json", kRules);
  const CommandResult good = run_zstdfs({"policy", "set", store.path("good.json"), store.path("")});
  ASSERT_EQ(good.exit_code, 0) << good.error;
  EXPECT_THAT(good.out, HasSubstr("3 rules"));
  EXPECT_EQ(text_of(store.path(kPolicy)), kRules);
  struct stat status {};
  ASSERT_EQ(::stat(store.path(kPolicy).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);

  store.write("bad.json", "{\"version\": 1, \"rule\": []}");
  const CommandResult bad = run_zstdfs({"policy", "set", store.path("bad.json"), store.path("")});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.error, HasSubstr("did you mean \"rules\"?"));
  EXPECT_EQ(text_of(store.path(kPolicy)), kRules);
  EXPECT_EQ(::access(store.path(".zstdfs/policy.json.new").c_str(), F_OK), -1);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, 0);
}

TEST(PolicySet, RefusesDictionariesThatTheStoreDoesNotHave) {
  const TempStore store;
  store.write(kPolicy, kRules);
  store.write("new.json", kUnknownDictionaries);
  const CommandResult result = run_zstdfs({"policy", "set", store.path("new.json"), store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.error, StartsWith("zstdfs policy set: " + store.path("new.json") +
                                       ": the rule in line 2 names dictionary 41000"));
  EXPECT_EQ(text_of(store.path(kPolicy)), kRules);
}

// A removal of dictionaries relies on the policy that it has read.
TEST(PolicySet, WaitsForACommandThatIsAtWorkOnTheStore) {
  const TempStore store;
  store.write("good.json", kRules);
  const auto volume = os::open_posix_volume(store.path());
  pid_t nobody = 0;
  auto lock = volume->try_lock(".zstdfs/store.json", nobody, os::LockTrace::kNone);
  ASSERT_TRUE(lock);
  auto waiting = std::async(std::launch::async, [&] {
    return run_zstdfs({"policy", "set", store.path("good.json"), store.path()});
  });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(1500)), std::future_status::timeout);
  EXPECT_EQ(::access(store.path(kPolicy).c_str(), F_OK), -1);
  lock.reset();
  const CommandResult result = waiting.get();
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("waiting for another zstdfs command"));
  EXPECT_EQ(text_of(store.path(kPolicy)), kRules);
}

TEST(PolicySet, ALinkInPlaceOfThePolicyIsReplacedAndNotWrittenThrough) {
  const TempStore store;
  store.write("good.json", kRules);
  store.write("victim", "precious");
  ASSERT_EQ(::symlink(store.path("victim").c_str(), store.path(kPolicy).c_str()), 0);
  EXPECT_EQ(run_zstdfs({"policy", "set", store.path("good.json"), store.path()}).exit_code, 0);
  EXPECT_EQ(text_of(store.path("victim")), "precious");
  EXPECT_EQ(text_of(store.path(kPolicy)), kRules);
}

TEST(PolicyExplain, SaysWhoDecidesEachSettingAndWhichRulesDoNotMatch) {
  const TempStore store;
  store.write(kPolicy, kRules);
  store.write("var/log/a.log", container_of(text_bytes(20000, 1)).sealed());
  set_attribute(store.path("var"), "user.zstdfs.chunk_size", "64 KiB");
  set_attribute(store.path("var/log/a.log"), "user.zstdfs.long_distance_matching", "yes");

  const CommandResult result =
      run_zstdfs({"policy", "explain", "--json", store.path("var/log/a.log")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto file = result.json().at(0);
  EXPECT_EQ(file.at("stored_path"), "var/log/a.log");
  const auto& settings = file.at("settings");
  EXPECT_EQ(settings.at("store").at("source"), "mount_or_built_in");
  EXPECT_EQ(settings.at("saving").at("value"), "bytes");
  EXPECT_EQ(settings.at("saving").at("source"), "policy_defaults");
  EXPECT_EQ(settings.at("level").at("value"), "9");
  EXPECT_EQ(settings.at("level").at("source"), "rule");
  EXPECT_EQ(settings.at("chunk_size").at("value"), "64 KiB");
  EXPECT_EQ(settings.at("chunk_size").at("source"), "directory_attribute");
  EXPECT_EQ(settings.at("chunk_size").at("directory"), "/var");
  EXPECT_EQ(settings.at("long_distance_matching").at("source"), "file_attribute");
  EXPECT_EQ(file.at("rule").at("name"), "logs");
  EXPECT_EQ(file.at("rule").at("number"), 3);
  EXPECT_EQ(file.at("rule").at("line"), 5);
  // The logical size counts, not the stored one.
  EXPECT_EQ(file.at("rules_before").at(0).at("reason"), "its size, 20000, is less than 1 MiB");
  EXPECT_THAT(file.at("rules_before").at(1).at("reason").get<std::string>(),
              HasSubstr("does not match *.txt /x/**"));
}

TEST(PolicyExplain, InWords) {
  const TempStore store;
  store.write(kPolicy, kRules);
  store.write("a.txt", "x");
  const CommandResult result = run_zstdfs({"policy", "explain", store.path("a.txt")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, StartsWith(store.path("a.txt") + "\n"));
  EXPECT_THAT(result.out,
              HasSubstr("rule 1 \"big\" (line 3) does not match: its size, 1, is less"));
  EXPECT_THAT(result.out, HasSubstr("rule 2 (line 4) matches\n"));
  EXPECT_THAT(result.out, HasSubstr("built in, where no option of the mount says otherwise"));
}

TEST(PolicyExplain, ABadAttributeAndABadPathDoNotHideTheRest) {
  const TempStore store;
  store.write("a", "x");
  set_attribute(store.path("a"), "user.zstdfs.level", "99");
  const CommandResult result = run_zstdfs(
      {"policy", "explain", "--json", store.path("missing"), store.path("a"), store.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, AllOf(HasSubstr("missing: No such file"), HasSubstr("level 99 is not"),
                                  HasSubstr("is a directory; name a file")));
  ASSERT_EQ(result.json().size(), 1u);
  EXPECT_EQ(result.json().at(0).at("settings").at("level").at("value"), "3");
  EXPECT_EQ(result.json().at(0).at("rule"), nullptr);
}

TEST(PolicyCommandLine, MistakesAreTwo) {
  EXPECT_EQ(run_zstdfs({"policy"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"policy", "explain"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"policy", "set", "a"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"policy", "check", "--help"}).exit_code, 0);
}

}  // namespace
}  // namespace zstdfs::test
