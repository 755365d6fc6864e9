#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "fs/store/decided_settings.hpp"
#include "fs/store/inherited_settings.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/unit/store_policy_fixture.hpp"

namespace zstdfs::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Directories with choices of their own, and a count of what was read.
struct Directories {
  std::map<std::string, SettingsChoice> own;
  std::vector<std::string> read;

  DirectorySettings::Reader reader() {
    return [this](const std::string& directory) {
      read.push_back(directory);
      const auto found = own.find(directory);
      return found == own.end() ? SettingsChoice() : found->second;
    };
  }
};

TEST(DirectorySettings, TheNearestDirectoryWinsForEachSetting) {
  Directories directories;
  directories.own[""] = {.saving = Settings::Saving::kBytes, .level = 1};
  directories.own["a"] = {.level = 2, .chunk_bytes = 8192};
  directories.own["a/b"] = {.level = 3};
  DirectorySettings settings(directories.reader());

  const InheritedSettings deep = settings.inherited_by("a/b/c/file");
  EXPECT_EQ(deep.settings,
            (SettingsChoice{.saving = Settings::Saving::kBytes, .level = 3, .chunk_bytes = 8192}));
  EXPECT_EQ(deep.directory_bytes[Setting::kSaving], 0u);
  EXPECT_EQ(deep.directory_bytes[Setting::kLevel], 3u);
  EXPECT_EQ(deep.directory_bytes[Setting::kChunkSize], 1u);
  EXPECT_EQ(settings.inherited_by("a/file").settings.level, 2);
  EXPECT_EQ(settings.inherited_by("ab/file").settings.level, 1);
  EXPECT_EQ(settings.inherited_by("file").settings.level, 1);
}

TEST(DirectorySettings, ADirectoryIsReadOnce) {
  Directories directories;
  DirectorySettings settings(directories.reader());
  settings.inherited_by("a/b/x");
  EXPECT_THAT(directories.read, ElementsAre("", "a", "a/b"));
  settings.inherited_by("a/b/y");
  settings.inherited_by("a/x");
  settings.inherited_by("x");
  EXPECT_EQ(directories.read.size(), 3u);
  settings.inherited_by("a/c/x");
  EXPECT_THAT(directories.read, ElementsAre("", "a", "a/b", "a/c"));
}

TEST(DirectorySettings, AfterAChangeItIsReadAgain) {
  Directories directories;
  DirectorySettings settings(directories.reader());
  settings.inherited_by("a/b/x");
  directories.own["a"] = {.level = 9};
  settings.invalidate();
  EXPECT_EQ(settings.inherited_by("a/b/x").settings.level, 9);
}

TEST(DirectorySettings, WhatIsMadeUnderARemovedNameInheritsAnew) {
  Directories directories;
  directories.own["a"] = {.level = 9};
  DirectorySettings settings(directories.reader());
  EXPECT_EQ(settings.inherited_by("a/x").settings.level, 9);
  directories.own.clear();
  settings.forget("a");
  EXPECT_EQ(settings.inherited_by("a/x").settings.level, std::nullopt);
  EXPECT_THAT(directories.read, ElementsAre("", "a", "a"));
}

// What was read before a change is right for who asked before it, and for nobody after.
TEST(DirectorySettings, WhatWasReadDuringAChangeIsNotKept) {
  DirectorySettings* changed = nullptr;
  int level = 1;
  DirectorySettings settings([&](const std::string&) {
    const SettingsChoice before{.level = level};
    if (changed) changed->invalidate();
    return before;
  });
  changed = &settings;
  EXPECT_EQ(settings.inherited_by("x").settings.level, 1);
  changed = nullptr;
  level = 2;
  EXPECT_EQ(settings.inherited_by("x").settings.level, 2);
}

TEST(DirectorySettings, MemoryIsBounded) {
  Directories directories;
  directories.own[""] = {.level = 4};
  DirectorySettings settings(directories.reader());
  for (std::size_t i = 0; i < 3 * DirectorySettings::kMaxDirectories; ++i) {
    ASSERT_EQ(settings.inherited_by(std::to_string(i) + "/x").settings.level, 4);
  }
  directories.read.clear();
  settings.inherited_by("0/x");
  EXPECT_THAT(directories.read, testing::Contains("0"));
}

TEST(DirectoryReader, ReadsTheAttributesOfAVolume) {
  test::FaultyDisk disk;
  disk.put("a/b/file", {});
  disk.set_attribute("a", "user.zstdfs.level", "7");
  disk.set_attribute("a", "user.zstdfs.stored.level", "3");
  disk.set_attribute("a", "user.other", "x");
  disk.set_attribute("a/b", "user.zstdfs.chunk_size", "3 bytes");
  const auto volume = disk.volume();
  DirectorySettings settings(directory_reader(*volume));
  EXPECT_EQ(settings.inherited_by("a/b/file").settings, SettingsChoice{.level = 7});
  EXPECT_TRUE(settings.inherited_by("missing/file").settings.empty());

  disk.fail_calls({.kind = test::CallKind::kRead, .path_prefix = "a", .error = EIO});
  settings.invalidate();
  EXPECT_THROW(settings.inherited_by("a/b/file"), std::system_error);
  // An error is not remembered as an answer.
  EXPECT_EQ(settings.inherited_by("a/b/file").settings.level, 7);
}

TEST(AttributeSettings, ProblemsAreNamedAndTheRestCounts) {
  const AttributeSettings found = settings_of(
      {{"user.zstdfs.level", "40"}, {"user.zstdfs.dictionary", "5"}, {"user.zstdfs.unknown", "5"}});
  EXPECT_EQ(found.settings, SettingsChoice{.dictionary_id = 5});
  EXPECT_THAT(found.problems, ElementsAre(HasSubstr("level 40 is not")));
}

TEST(DecideSettings, EachSettingComesFromTheStrongestWhoHasOne) {
  const Policy policy = test::policy_of(R"({"version": 1,
    "rules": [{"path": "other", "level": 1},
              {"path": "*.log", "saving": "bytes", "level": 3, "chunk_size": 12288}],
    "defaults": {"saving": "blocks", "level": 4, "chunk_size": 16384, "dictionary": 4}})");
  SettingsInputs inputs;
  inputs.file_attributes = {.level = 1};
  inputs.inherited.settings = {.level = 2, .chunk_bytes = 8192};
  inputs.policy = &policy;
  inputs.facts.path = "a/b.log";
  inputs.mount_options = {.level = 5, .dictionary_id = 5, .long_distance_matching = true};

  const DecidedSettings decided = decide_settings(inputs);
  EXPECT_EQ(decided.settings, (Settings{.form = Settings::Form::kCompressed,
                                        .saving = Settings::Saving::kBytes,
                                        .level = 1,
                                        .chunk_bytes = 8192,
                                        .dictionary_id = 4,
                                        .long_distance_matching = true}));
  EXPECT_EQ(decided.sources[Setting::kStore], SettingSource::kBuiltIn);
  EXPECT_EQ(decided.sources[Setting::kSaving], SettingSource::kRule);
  EXPECT_EQ(decided.sources[Setting::kLevel], SettingSource::kFileAttribute);
  EXPECT_EQ(decided.sources[Setting::kChunkSize], SettingSource::kDirectoryAttribute);
  EXPECT_EQ(decided.sources[Setting::kDictionary], SettingSource::kPolicyDefaults);
  EXPECT_EQ(decided.sources[Setting::kLongDistanceMatching], SettingSource::kMountOption);
  EXPECT_EQ(decided.rule, &policy.rules()[1]);

  inputs.policy = nullptr;
  EXPECT_EQ(decide_settings(inputs).sources[Setting::kDictionary], SettingSource::kMountOption);
  EXPECT_EQ(decide_settings(SettingsInputs()).settings, Settings());
}

}  // namespace
}  // namespace zstdfs::store
