#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/unit/store_policy_fixture.hpp"

// The schema that editors use says the same as the parser. Keys and limits are taken from the one
// and tried on the other.

namespace zstdfs::store {
namespace {

using nlohmann::json;
using test::policy_of;
using testing::UnorderedElementsAreArray;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

const json& schema() {
  static const json parsed = json::parse(content_of(ZSTDFS_PACKAGING "/policy.schema.json"));
  return parsed;
}

const json& definition(const std::string& name) {
  return schema().at("$defs").at(name);
}

std::vector<std::string> properties_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.at("properties").items()) keys.push_back(key);
  EXPECT_EQ(object.at("additionalProperties"), false);
  return keys;
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting setting : kAllSettings) names.emplace_back(name_of(setting));
  return names;
}

bool accepts(const std::string& key, const json& value) {
  const json policy = {{"version", 1}, {"rules", {{{key, value}}}}};
  try {
    policy_of(policy.dump());
    return true;
  } catch (const PolicyError&) {
    return false;
  }
}

/// Both ends of the range, and what lies beyond.
void expect_range(const std::string& key, const json& range) {
  const auto least = range.at("minimum").get<std::int64_t>();
  EXPECT_TRUE(accepts(key, least)) << key;
  EXPECT_FALSE(accepts(key, least - 1)) << key;
  if (!range.contains("maximum")) return;
  const auto most = range.at("maximum").get<std::int64_t>();
  EXPECT_TRUE(accepts(key, most)) << key;
  EXPECT_FALSE(accepts(key, most + 1)) << key;
}

TEST(PolicySchema, HasTheKeysOfTheParser) {
  EXPECT_THAT(properties_of(schema()), UnorderedElementsAreArray(kPolicyKeys));
  std::vector<std::string> names = setting_names();
  EXPECT_THAT(properties_of(definition("settings")), UnorderedElementsAreArray(names));
  names.insert(names.end(), kConditionKeys.begin(), kConditionKeys.end());
  EXPECT_THAT(properties_of(definition("rule")), UnorderedElementsAreArray(names));
}

TEST(PolicySchema, HasTheLimitsOfTheParser) {
  EXPECT_EQ(schema().at("properties").at("version").at("const"), kPolicyVersion);
  EXPECT_EQ(schema().at("properties").at("rules").at("maxItems"), kMaxPolicyRules);
  EXPECT_EQ(definition("pattern").at("maxLength"), PathPattern::kMaxBytes);
  expect_range("level", definition("level"));
  EXPECT_FALSE(accepts("level", definition("level").at("not").at("const")));
  expect_range("dictionary", definition("dictionary"));
  expect_range("chunk_size", definition("chunk_size").at("oneOf").at(0));
  expect_range("min_size", definition("size").at("oneOf").at(0));
  expect_range("owner", definition("account").at("oneOf").at(1));
}

TEST(PolicySchema, HasTheWordsOfTheParser) {
  for (const std::string key : {"store", "saving"}) {
    for (const json& word : definition(key).at("enum")) EXPECT_TRUE(accepts(key, word)) << word;
  }
  EXPECT_FALSE(accepts("store", "none"));
  EXPECT_TRUE(accepts("long_distance_matching", true));
}

TEST(PolicyExample, IsAPolicyAndDoesWhatItSays) {
  const Policy policy = policy_of(content_of(ZSTDFS_PACKAGING "/examples/policy.json"));
  EXPECT_EQ(policy.matching_rule({.path = "home/a/photo.jpg"})->name, "media");
  EXPECT_EQ(policy.matching_rule({.path = "archive/2001/mail", .logical_bytes = 1u << 20})->name,
            "archives");
  EXPECT_EQ(policy.matching_rule({.path = "archive/2001/mail"}), nullptr);
  EXPECT_EQ(policy.matching_rule({.path = "var/log/syslog"})->name, "logs");
  EXPECT_EQ(policy.matching_rule({.path = "var/lib/postgresql/15/main/base/1/112"})->name,
            "databases");
  EXPECT_EQ(policy.decide({.path = "README"}), (SettingsChoice{.level = 3}));
}

}  // namespace
}  // namespace zstdfs::store
