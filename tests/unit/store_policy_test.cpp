#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "fs/store/byte_size.hpp"
#include "tests/unit/store_policy_fixture.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs::store {
namespace {

using test::policy_of;
using test::policy_with_rules;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal_of(const std::string& text) {
  try {
    policy_of(text);
  } catch (const PolicyError& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of_rule(const std::string& rule) {
  return refusal_of("{\"version\": 1, \"rules\": [\n{\"name\": \"x\",\n" + rule + "}]}");
}

std::string refusal_of_setting(Setting setting, const std::string& text) {
  SettingsChoice choice;
  try {
    parse_setting(setting, text, choice);
  } catch (const std::invalid_argument& error) {
    EXPECT_TRUE(choice.empty());
    return error.what();
  }
  return "";
}

TEST(Policy, EverySettingAndConditionIsRead) {
  const Policy policy = policy_of(R"(// for the web server
{
  "$schema": "/usr/share/zstdfs/policy.schema.json",
  "version": 1,
  "rules": [
    /* the first one */
    { "name": "logs", "path": ["/var/**/*.log", "*.out"], "min_size": "4 KiB", "max_size": 1048576,
      "owner": "www-data", "group": "adm", "store": "compressed", "saving": "bytes", "level": -7,
      "chunk_size": "256 KiB", "dictionary": 4294967295, "long_distance_matching": true },
    { "owner": 0, "store": "raw", "chunk_size": 5000 }
  ],
  "defaults": { "level": 12, "long_distance_matching": false }
})");
  ASSERT_EQ(policy.rules().size(), 2u);
  const PolicyRule& rule = policy.rules()[0];
  EXPECT_EQ(rule.name, "logs");
  EXPECT_EQ(rule.line, 7u);
  ASSERT_EQ(rule.paths.size(), 2u);
  EXPECT_EQ(rule.paths[1].text(), "*.out");
  EXPECT_EQ(rule.min_bytes, 4096u);
  EXPECT_EQ(rule.max_bytes, 1048576u);
  EXPECT_EQ(rule.uid, 33u);
  EXPECT_EQ(rule.gid, 4u);
  EXPECT_EQ(rule.settings, (SettingsChoice{.form = Settings::Form::kCompressed,
                                           .saving = Settings::Saving::kBytes,
                                           .level = -7,
                                           .chunk_bytes = 256u << 10,
                                           .dictionary_id = 4294967295,
                                           .long_distance_matching = true}));
  EXPECT_EQ(policy.rules()[1].line, 10u);
  EXPECT_EQ(policy.rules()[1].uid, 0u);
  EXPECT_EQ(policy.rules()[1].settings.form, Settings::Form::kRaw);
  EXPECT_EQ(policy.rules()[1].settings.chunk_bytes, 5000u);
  EXPECT_EQ(policy.defaults().level, 12);
  EXPECT_EQ(policy.defaults().long_distance_matching, false);
}

TEST(Policy, TheFirstRuleThatMatchesDecidesAndTheDefaultsFillUp) {
  const Policy policy = policy_of(R"({"version": 1, "rules": [
    {"path": "*.log", "level": 19}, {"path": "*.log", "level": 1, "saving": "bytes"},
    {"path": "*.db"}], "defaults": {"level": 5, "dictionary": 7}})");
  const FileFacts log{.path = "var/a.log"};
  EXPECT_EQ(policy.matching_rule(log), &policy.rules()[0]);
  EXPECT_EQ(policy.decide(log), (SettingsChoice{.level = 19, .dictionary_id = 7}));
  EXPECT_EQ(policy.matching_rule({.path = "a.db"}), &policy.rules()[2]);
  EXPECT_EQ(policy.matching_rule({.path = "a"}), nullptr);
  EXPECT_EQ(policy.decide({.path = "a"}), (SettingsChoice{.level = 5, .dictionary_id = 7}));
}

TEST(Policy, AllConditionsHaveToHoldAndTheFirstThatDoesNotIsNamed) {
  const Policy policy = policy_with_rules(
      R"({"path": ["a", "b"], "min_size": 10, "max_size": 20, "owner": 1, "group": 2})");
  const PolicyRule& rule = policy.rules()[0];
  const FileFacts good{.path = "b", .logical_bytes = 10, .uid = 1, .gid = 2};
  EXPECT_EQ(rule.mismatch(good), RuleMismatch::kNone);
  FileFacts other = good;
  other.logical_bytes = 20;
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kNone);
  other.logical_bytes = 21;
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kMaxSize);
  other.logical_bytes = 9;
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kMinSize);
  other = good;
  other.path = "c";
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kPath);
  other = good;
  other.uid = 2;
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kOwner);
  other = good;
  other.gid = 1;
  EXPECT_EQ(rule.mismatch(other), RuleMismatch::kGroup);
}

TEST(Policy, AnEmptyPolicyDecidesNothing) {
  EXPECT_TRUE(policy_of("{\"version\": 1}").decide({.path = "a"}).empty());
}

TEST(PolicyErrors, SayLineColumnAndReason) {
  EXPECT_EQ(refusal_of_rule("    \"level\": 40"),
            "policy.json:3:14: level 40 is not a number from -131072 to 22, without 0");
  EXPECT_EQ(refusal_of_rule("  /* , \"x\": 3 */ \"levle\": 3"),
            "policy.json:3:18: unknown key \"levle\"; did you mean \"level\"?");
  EXPECT_EQ(refusal_of("{\"version\": 1, \"mode\": 1}"), "policy.json:1:16: unknown key \"mode\"");
  EXPECT_EQ(refusal_of("{}"), "policy.json:1:1: \"version\": 1 is missing");
  EXPECT_EQ(refusal_of("\xEF\xBB\xBF{\"version\": 2}"),
            "policy.json:1:16: version 2 is newer than this zstdfs, which knows 1");
  EXPECT_EQ(refusal_of_rule("\"level\": 1,\n\"level\": 2"),
            "policy.json:4:1: \"level\" is there twice");
}

// The position has to be right whatever comes before the value.
TEST(PolicyErrors, PositionsAreThoseOfTheValue) {
  EXPECT_THAT(refusal_of_rule(R"("min_size": 3/**/,"level":0)"), StartsWith("policy.json:3:27:"));
  EXPECT_THAT(refusal_of_rule(R"("path": ["a]\"", "b//c" ],"level":1)"),
              StartsWith("policy.json:3:18:"));
  EXPECT_THAT(refusal_of_rule("\"path\": [ // \"a\"\n\"b\" , // , \"\n  \"/c/\" ]"),
              StartsWith("policy.json:5:3:"));
  EXPECT_THAT(refusal_of_rule(R"("path":[["a"]])"), StartsWith("policy.json:3:9:"));
  EXPECT_THAT(refusal_of_rule(R"("min_size":1,"max_size":0)"), StartsWith("policy.json:2:1:"));
  EXPECT_THAT(refusal_of_rule(R"("min_size":1,"max_size":-0.5)"), StartsWith("policy.json:3:25:"));
  EXPECT_THAT(refusal_of("{\"version\":1,\"rules\":[{},{},3]}"), StartsWith("policy.json:1:29:"));
}

TEST(PolicyErrors, WhatIsNotJson) {
  EXPECT_THAT(refusal_of(""), AllOf(StartsWith("policy.json:1:1: "), HasSubstr("input")));
  EXPECT_THAT(refusal_of("{\"version\": 1,\n}"), StartsWith("policy.json:2:1: "));
  EXPECT_THAT(refusal_of("{\"version\": 1\n \"rules\": []}"), StartsWith("policy.json:2:8: "));
  EXPECT_THAT(refusal_of("{\"version\": 1} x"), StartsWith("policy.json:1:16: "));
  EXPECT_THAT(refusal_of("{\"version\": 1e999}"),
              AllOf(StartsWith("policy.json:1:17: "), testing::Not(HasSubstr("exception"))));
  EXPECT_THAT(refusal_of("[[[[[[[[[]]]]]]]]]"), HasSubstr("more than 8 deep"));
  EXPECT_LT(refusal_of("\"" + std::string(100000, 'a')).size(), 400u);
}

TEST(PolicyErrors, ValuesOfTheWrongKind) {
  EXPECT_THAT(refusal_of("[]"), HasSubstr("a policy has to be an object, and is a list"));
  EXPECT_THAT(refusal_of("{\"version\": \"1\"}"), HasSubstr("version has to be a whole number"));
  EXPECT_THAT(refusal_of("{\"version\": 0}"), HasSubstr("never existed"));
  EXPECT_THAT(refusal_of("{\"version\": 1, \"rules\": {}}"), HasSubstr("has to be a list"));
  EXPECT_THAT(refusal_of("{\"version\": 1, \"defaults\": null}"), HasSubstr("and is null"));
  EXPECT_THAT(refusal_of("{\"version\": 1, \"defaults\": {\"path\": \"a\"}}"),
              HasSubstr("unknown key \"path\""));
  EXPECT_THAT(refusal_of_rule("\"level\": \"12\""), HasSubstr("without quotes"));
  EXPECT_THAT(refusal_of_rule("\"level\": 1.5"), HasSubstr("not whole"));
  EXPECT_THAT(refusal_of_rule("\"level\": 99999999999999999999"), HasSubstr("too large"));
  EXPECT_THAT(refusal_of_rule("\"long_distance_matching\": \"yes\""), HasSubstr("true or false"));
  EXPECT_THAT(refusal_of_rule("\"store\": true"), HasSubstr("has to be a text, and is true"));
  EXPECT_THAT(refusal_of_rule("\"store\": \"rwa\""),
              HasSubstr("store \"rwa\" is neither \"compressed\" nor \"raw\""));
  EXPECT_THAT(refusal_of_rule("\"dictionary\": 4294967296"), HasSubstr("4294967296 is not"));
  EXPECT_THAT(refusal_of_rule("\"path\": []"), HasSubstr("empty list"));
  EXPECT_THAT(refusal_of_rule("\"path\": 3"), HasSubstr("pattern"));
}

TEST(PolicyErrors, SizesAndNames) {
  EXPECT_THAT(refusal_of_rule("\"min_size\": \"4 KB\""),
              HasSubstr("min_size \"4 KB\" is not clear; write KiB"));
  EXPECT_THAT(refusal_of_rule("\"min_size\": -1"), HasSubstr("min_size -1 is not a size"));
  EXPECT_THAT(refusal_of_rule("\"min_size\": 2, \"max_size\": 1"), HasSubstr("match no file"));
  EXPECT_THAT(refusal_of_rule("\"chunk_size\": 4095"), HasSubstr("from 4 KiB to 16 MiB"));
  EXPECT_THAT(refusal_of_rule("\"chunk_size\": \"17 MiB\""), HasSubstr("from 4 KiB to 16 MiB"));
  EXPECT_THAT(refusal_of_rule("\"owner\": \"nobody-here\""), HasSubstr("is not known"));
  EXPECT_THAT(refusal_of_rule("\"group\": \"www-data\""), HasSubstr("is not known"));
  EXPECT_THAT(refusal_of_rule("\"owner\": 4294967295"), HasSubstr("neither a name nor a number"));
  EXPECT_THAT(refusal_of_rule("\"owner\": \"www-data\\u0000\""), HasSubstr("is not known"));
}

TEST(PolicyErrors, LimitsAreNamed) {
  const auto with_rules = [](std::size_t count) {
    std::string text = "{\"version\": 1, \"rules\": [";
    for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "{}" : ",{}";
    return text + "]}";
  };
  EXPECT_EQ(refusal_of(with_rules(1000)), "");
  EXPECT_THAT(refusal_of(with_rules(1001)), HasSubstr("more than 1000 rules"));
  const std::string policy = "{\"version\": 1}";
  EXPECT_EQ(refusal_of(policy + std::string((1u << 20) - policy.size(), ' ')), "");
  EXPECT_THAT(refusal_of(policy + std::string((1u << 20) + 1 - policy.size(), ' ')),
              HasSubstr("larger than 1 MiB"));
  std::string values = "{\"version\": 1, \"rules\": [[";
  for (int i = 0; i < 60000; ++i) values += "1,";
  EXPECT_THAT(refusal_of(values + "1]]}"), HasSubstr("more than 50000 values"));
}

TEST(SettingText, IsReadAndWrittenTheSameWay) {
  const auto round_trip = [](Setting setting, const std::string& text) {
    SettingsChoice choice;
    parse_setting(setting, text, choice);
    EXPECT_TRUE(choice.has(setting));
    for (const Setting other : kAllSettings) EXPECT_EQ(choice.has(other), other == setting);
    return format_setting(setting, choice).value();
  };
  for (const char* text : {"compressed", "raw"}) EXPECT_EQ(round_trip(Setting::kStore, text), text);
  for (const char* text : {"blocks", "bytes"}) EXPECT_EQ(round_trip(Setting::kSaving, text), text);
  for (const char* text : {"-131072", "22"}) EXPECT_EQ(round_trip(Setting::kLevel, text), text);
  for (const char* text : {"4 KiB", "16 MiB", "5000"}) {
    EXPECT_EQ(round_trip(Setting::kChunkSize, text), text);
  }
  EXPECT_EQ(round_trip(Setting::kChunkSize, "131072"), "128 KiB");
  for (const char* text : {"0", "4294967295"}) {
    EXPECT_EQ(round_trip(Setting::kDictionary, text), text);
  }
  for (const char* text : {"yes", "no"}) {
    EXPECT_EQ(round_trip(Setting::kLongDistanceMatching, text), text);
  }
}

TEST(SettingText, WhatIsWrongIsRefused) {
  for (const char* text : {"", "0", "23", "-131073", "+3", "3 ", " 3", "3.0", "0x3", "three"}) {
    EXPECT_THAT(refusal_of_setting(Setting::kLevel, text), HasSubstr("without 0")) << text;
  }
  EXPECT_THAT(refusal_of_setting(Setting::kLevel, std::string("3\0", 2)), HasSubstr("\\x00"));
  for (const char* text : {"", "-1", "4294967296", "x"}) {
    EXPECT_NE(refusal_of_setting(Setting::kDictionary, text), "") << text;
  }
  for (const char* text : {"", "4", "4096B", "KiB", "128kB", "99999999999999999999", "-4 KiB"}) {
    EXPECT_NE(refusal_of_setting(Setting::kChunkSize, text), "") << text;
  }
  EXPECT_NE(refusal_of_setting(Setting::kLongDistanceMatching, "true"), "");
  EXPECT_NE(refusal_of_setting(Setting::kStore, "Raw"), "");
  EXPECT_LT(refusal_of_setting(Setting::kSaving, std::string(1000, 'x')).size(), 200u);
}

TEST(ByteSize, UnitsArePowersOf1024InAnyCase) {
  const std::pair<const char*, std::uint64_t> sizes[] = {{"0", 0},
                                                         {"4096", 4096},
                                                         {"64K", 65536},
                                                         {"64k", 65536},
                                                         {"64 K", 65536},
                                                         {"64KiB", 65536},
                                                         {"64 kib", 65536},
                                                         {"3M", 3u << 20},
                                                         {"3 MiB", 3u << 20},
                                                         {"2g", 2ull << 30},
                                                         {"2GIB", 2ull << 30},
                                                         {"1T", 1ull << 40},
                                                         {"1 TiB", 1ull << 40},
                                                         {"16777215T", 16777215ull << 40}};
  for (const auto& [text, bytes] : sizes) EXPECT_EQ(parse_byte_size(text), bytes) << text;
}

TEST(ByteSize, WhatIsRefusedIsNamed) {
  const auto refusal = [](const char* text) -> std::string {
    try {
      parse_byte_size(text);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  for (const char* text : {"64KB", "64 kB", "64kb"}) {
    EXPECT_THAT(refusal(text), HasSubstr("is not clear; write KiB")) << text;
  }
  EXPECT_THAT(refusal("1TB"), HasSubstr("is not clear; write TiB"));
  for (const char* text : {"64X", "64KK", "64  K", "64K ", "6.4K", "4096B", "64Ki"}) {
    EXPECT_THAT(refusal(text), HasSubstr("is not a number of bytes")) << text;
  }
  for (const char* text : {"", "K", " 64", "-1", "+1"}) {
    EXPECT_THAT(refusal(text), HasSubstr("is not a size")) << text;
  }
  for (const char* text : {"99999999999999999999", "16777216T"}) {
    EXPECT_THAT(refusal(text), HasSubstr("is too large")) << text;
  }
}

TEST(SettingText, LevelsAreThoseOfZstd) {
  EXPECT_EQ(kMinCompressionLevel, ZSTD_minCLevel());
  EXPECT_EQ(kMaxCompressionLevel, ZSTD_maxCLevel());
}

TEST(SettingsChoice, AppliesOnlyWhatIsSet) {
  Settings settings{.level = 5, .dictionary_id = 9};
  SettingsChoice{.form = Settings::Form::kRaw, .dictionary_id = 0}.apply_to(settings);
  EXPECT_EQ(settings, (Settings{.form = Settings::Form::kRaw, .level = 5, .dictionary_id = 0}));
  SettingsChoice choice{.level = 1};
  choice.fill_from({.level = 2, .chunk_bytes = 8192});
  EXPECT_EQ(choice, (SettingsChoice{.level = 1, .chunk_bytes = 8192}));
}

TEST(SettingsChoice, AttributesAreNamedAfterSettings) {
  for (const Setting setting : kAllSettings) {
    EXPECT_EQ(setting_of_attribute(attribute_of(setting)), setting);
  }
  EXPECT_EQ(attribute_of(Setting::kChunkSize), "user.zstdfs.chunk_size");
  EXPECT_EQ(setting_of_attribute("user.zstdfs.stored.level"), std::nullopt);
  EXPECT_EQ(setting_of_attribute("user.level"), std::nullopt);
}

TEST(SystemAccounts, RootIsZeroAndNobodyHasAnEmptyName) {
  EXPECT_EQ(SystemAccounts().user("root"), 0u);
  EXPECT_EQ(SystemAccounts().group("root"), 0u);
  EXPECT_EQ(SystemAccounts().user(""), std::nullopt);
  EXPECT_EQ(SystemAccounts().user("no such user"), std::nullopt);
}

}  // namespace
}  // namespace zstdfs::store
