#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fs/store/log.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/store_paths.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"
#include "tests/unit/store_policy_fixture.hpp"

namespace zstdfs::store {
namespace {

using test::bytes_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PolicyFileTest : public testing::Test {
 protected:
  PolicyFileTest() {
    set_log_sink([this](LogLevel, const std::string& text) { log_.push_back(text); });
    disk_.put(".zstdfs/store.json", {});
  }
  ~PolicyFileTest() override {
    set_log_sink([](LogLevel, const std::string&) {});
  }

  void put(const std::string& text) { disk_.put(kPolicyPath, bytes_of(text)); }
  /// The level that is in force for all files; nothing when there is no policy.
  std::optional<int> level() {
    file_.refresh();
    const auto policy = file_.current();
    return policy ? policy->defaults().level : std::nullopt;
  }
  static std::string with_level(const std::string& level) {
    return "{\"version\": 1, \"defaults\": {\"level\": " + level + "}}";
  }
  /// Each counted call moves the disk's clock by a millisecond.
  void let_seconds_pass() {
    for (int i = 0; i < 3000; ++i) volume_->sync_directory("");
  }

  test::FaultyDisk disk_;
  std::unique_ptr<os::Volume> volume_ = disk_.volume();
  test::TwoAccounts accounts_;
  PolicyFile file_{*volume_, accounts_};
  std::vector<std::string> log_;
};

TEST_F(PolicyFileTest, WithoutAFileThereIsNoPolicyAndNothingToSay) {
  EXPECT_EQ(file_.current(), nullptr);
  file_.refresh();
  EXPECT_EQ(file_.current(), nullptr);
  EXPECT_EQ(file_.problem(), std::nullopt);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(PolicyFileTest, FollowsTheFile) {
  put(with_level("5"));
  EXPECT_EQ(level(), 5);
  put(with_level("6"));
  EXPECT_EQ(level(), 6);
  let_seconds_pass();
  EXPECT_EQ(level(), 6);
  put(with_level("7"));
  EXPECT_EQ(level(), 7);
  volume_->remove(kPolicyPath);
  EXPECT_EQ(level(), std::nullopt);
  EXPECT_EQ(file_.current(), nullptr);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("with 0 rules"), HasSubstr("with 0 rules"),
                                HasSubstr("with 0 rules"), HasSubstr("is gone")));
}

TEST_F(PolicyFileTest, ABadEditLeavesThePolicyInForceAndIsSaidOnce) {
  put(with_level("5"));
  EXPECT_EQ(level(), 5);
  log_.clear();
  put("{\"version\": 1,\n\"defaults\": {\"level\": 40}}");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(level(), 5);
  EXPECT_EQ(file_.problem(),
            ".zstdfs/policy.json:2:23: level 40 is not a number from -131072 to 22, without 0");
  EXPECT_THAT(log_, ElementsAre(HasSubstr("policy of before stays in force")));
  put(with_level("5"));
  EXPECT_EQ(level(), 5);
  EXPECT_EQ(file_.problem(), std::nullopt);
  EXPECT_THAT(log_, ElementsAre(testing::_, HasSubstr("is in force")));
}

TEST_F(PolicyFileTest, WhatCannotBeReadLeavesThePolicyInForceUntilItCan) {
  put(with_level("5"));
  EXPECT_EQ(level(), 5);
  put(with_level("6"));
  disk_.fail_calls({.kind = test::CallKind::kRead, .path_prefix = kPolicyPath, .error = EIO});
  EXPECT_EQ(level(), 5);
  EXPECT_THAT(file_.problem().value_or(""), HasSubstr("cannot be read"));
  EXPECT_EQ(level(), 6);
  EXPECT_EQ(file_.problem(), std::nullopt);
}

TEST_F(PolicyFileTest, WhatIsTooLargeIsNotRead) {
  put(std::string((1u << 20) + 1, ' '));
  EXPECT_EQ(level(), std::nullopt);
  EXPECT_THAT(file_.problem().value_or(""), HasSubstr("larger than 1 MiB"));
}

TEST_F(PolicyFileTest, AFileThatRestsIsNotReadAgain) {
  put(with_level("5"));
  let_seconds_pass();
  EXPECT_EQ(level(), 5);
  disk_.fail_calls({.kind = test::CallKind::kRead, .path_prefix = "", .error = EIO, .times = 1000});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(level(), 5);
  EXPECT_EQ(disk_.failed_calls(), 0u);
}

// On a filesystem with coarse times a second change can look like the first.
TEST_F(PolicyFileTest, AFileThatWasJustChangedIsReadAgain) {
  put(with_level("5"));
  EXPECT_EQ(level(), 5);
  const struct stat before = volume_->stat(kPolicyPath);
  put(with_level("6"));
  const struct stat after = volume_->stat(kPolicyPath);
  ASSERT_EQ(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec) << "the disk's clock did not stand";
  EXPECT_EQ(level(), 6);
}

TEST_F(PolicyFileTest, ReadersKeepThePolicyThatTheyHaveWhileItIsReplaced) {
  put(with_level("5"));
  file_.refresh();
  const auto held = file_.current();
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const auto policy = file_.current();
      ASSERT_TRUE(policy->defaults().level.has_value());
    }
  });
  for (int i = 1; i < 20; ++i) {
    put(with_level(std::to_string(i)));
    EXPECT_EQ(level(), i);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(held->defaults().level, 5);
}

}  // namespace
}  // namespace zstdfs::store
