#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "fs/store/path_pattern.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::store {
namespace {

using testing::HasSubstr;

bool matches(const std::string& pattern, const std::string& path) {
  return PathPattern(pattern).matches(path);
}

std::string refusal_of(const std::string& pattern) {
  try {
    const PathPattern compiled(pattern);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(PathPattern, WithoutASlashItIsAboutTheName) {
  EXPECT_TRUE(matches("*.log", "a.log"));
  EXPECT_TRUE(matches("*.log", "var/log/.log"));
  EXPECT_FALSE(matches("*.log", "a.log/b"));
  EXPECT_FALSE(matches("a.log", "xa.log"));
  EXPECT_TRUE(matches("core", "deep/er/core"));
}

TEST(PathPattern, WithASlashItIsAboutTheWholePath) {
  EXPECT_TRUE(matches("/a.log", "a.log"));
  EXPECT_FALSE(matches("/a.log", "var/a.log"));
  EXPECT_TRUE(matches("var/*.log", "var/a.log"));
  EXPECT_FALSE(matches("var/*.log", "srv/var/a.log"));
  EXPECT_FALSE(matches("var/*.log", "var/log/a.log"));
  EXPECT_FALSE(matches("/var", "var/a"));
}

TEST(PathPattern, TwoStarsAreAnyNumberOfDirectories) {
  EXPECT_TRUE(matches("/var/**/*.log", "var/a.log"));
  EXPECT_TRUE(matches("/var/**/*.log", "var/x/y/z/a.log"));
  EXPECT_FALSE(matches("/var/**/*.log", "var/x/a.txt"));
  EXPECT_TRUE(matches("**/cache/**", "cache/a"));
  EXPECT_TRUE(matches("**/cache/**", "x/cache/y/a"));
  EXPECT_FALSE(matches("**/cache/**", "x/cache"));
  EXPECT_TRUE(matches("/**", "a"));
  EXPECT_TRUE(matches("**", "x/a"));
  EXPECT_FALSE(matches("/a/**", "a"));
  EXPECT_TRUE(matches("/**/a/**/b/c", "a/a/b/b/c"));
  EXPECT_FALSE(matches("/**/a/**/b/c", "a/b/c/d"));
  EXPECT_TRUE(matches("/**/**/a", "a"));
}

TEST(PathPattern, OneStarAndQuestionMarkDoNotCrossASlash) {
  EXPECT_TRUE(matches("/?/b", "a/b"));
  EXPECT_FALSE(matches("/a?b", "a/b"));
  EXPECT_FALSE(matches("/a*b", "a/b"));
  EXPECT_TRUE(matches("a*b*c", "aXbXbXc"));
  EXPECT_FALSE(matches("a*b*c", "aXbXbX"));
  EXPECT_FALSE(matches("?", ""));
}

TEST(PathPattern, Classes) {
  EXPECT_TRUE(matches("[a-c]x", "bx"));
  EXPECT_FALSE(matches("[a-c]x", "dx"));
  EXPECT_TRUE(matches("[!a-c]x", "dx"));
  EXPECT_FALSE(matches("[^a-c]x", "ax"));
  EXPECT_TRUE(matches("[]a]", "]"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("[\\]]", "]"));
  EXPECT_TRUE(matches("[\x80-\xff]", "\xe4"));
}

TEST(PathPattern, ABackslashTakesTheNextByteAsItIs) {
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "a"));
  EXPECT_TRUE(matches("a\\[b", "a[b"));
}

TEST(PathPattern, WhatMakesNoSenseIsRefusedWithTheReason) {
  EXPECT_THAT(refusal_of(""), HasSubstr("empty"));
  EXPECT_THAT(refusal_of("/var/"), HasSubstr("'/**'"));
  EXPECT_THAT(refusal_of("/"), HasSubstr("ends with '/'"));
  EXPECT_THAT(refusal_of("a//b"), HasSubstr("two '/'"));
  EXPECT_THAT(refusal_of("/a/../b"), HasSubstr("'..'"));
  EXPECT_THAT(refusal_of("/var/**.log"), HasSubstr("alone between slashes"));
  EXPECT_THAT(refusal_of("[ab"), HasSubstr("without its ']'"));
  EXPECT_THAT(refusal_of("[a/b]"), HasSubstr("without its ']'"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("without its ']'"));
  EXPECT_THAT(refusal_of("[\\"), HasSubstr("without its ']'"));
  EXPECT_THAT(refusal_of("[b-a]"), HasSubstr("range"));
  EXPECT_THAT(refusal_of("[[:digit:]]"), HasSubstr("[0-9]"));
  EXPECT_THAT(refusal_of("a\\"), HasSubstr("'\\'"));
  EXPECT_THAT(refusal_of(std::string("a\0b", 3)), HasSubstr("zero byte"));
  EXPECT_THAT(refusal_of(std::string(4097, 'a')), HasSubstr("4096"));
}

// The obvious matcher, which tries everything.
bool matches_slowly(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**/")) {
    if (matches_slowly(pattern.substr(3), path)) return true;
    const std::size_t slash = path.find('/');
    return slash != std::string_view::npos && matches_slowly(pattern, path.substr(slash + 1));
  }
  if (pattern == "**") return !path.empty();
  if (pattern[0] == '*') {
    if (matches_slowly(pattern.substr(1), path)) return true;
    return !path.empty() && path[0] != '/' && matches_slowly(pattern, path.substr(1));
  }
  if (path.empty() || (path[0] != pattern[0] && (pattern[0] != '?' || path[0] == '/')))
    return false;
  return matches_slowly(pattern.substr(1), path.substr(1));
}

TEST(PathPattern, AgreesWithAMatcherThatTriesEverything) {
  test::Random random(1);
  const auto joined = [&](std::span<const std::string_view> parts) {
    std::string text;
    for (std::uint64_t i = 0, count = 1 + random.below(5); i < count; ++i) {
      if (i > 0) text += '/';
      text += parts[random.below(parts.size())];
    }
    return text;
  };
  constexpr std::string_view kParts[] = {"**", "**",   "a", "*",  "a*",
                                         "*b", "a*b*", "?", "a?", "*a*a"};
  constexpr std::string_view kNames[] = {"a", "b", "ab", "aab", "abab", "ba", "aa"};
  int matched = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string pattern = joined(kParts);
    const std::string path = joined(kNames);
    const bool expected = matches_slowly(pattern, path);
    matched += expected ? 1 : 0;
    ASSERT_EQ(matches("/" + pattern, path), expected) << pattern << " " << path;
  }
  EXPECT_GT(matched, 20000);
}

// Takes minutes where stars are tried one inside the other.
TEST(PathPattern, ManyStarsTakeNoLongerThanLengthTimesLength) {
  std::string stars;
  std::string names;
  for (int i = 0; i < 1000; ++i) stars += "a*";
  EXPECT_FALSE(matches(stars + "b", std::string(4000, 'a')));
  for (int i = 0; i < 500; ++i) names += "a/";
  stars.clear();
  for (int i = 0; i < 200; ++i) stars += "**/a/";
  EXPECT_FALSE(matches("/" + stars + "b", names + "a"));
}

}  // namespace
}  // namespace zstdfs::store
