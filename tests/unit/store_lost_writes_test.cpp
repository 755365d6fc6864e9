// A daemon is killed, and what it had written does not reach the disk: nobody was told, until the
// next mount syncs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include "fs/store/log.hpp"
#include "fs/store/store_errors.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

class LostWrites : public testing::Test {
 protected:
  LostWrites() {
    // The sink outlives the test.
    store::set_log_sink(
        [said = said_](store::LogLevel, const std::string& text) { *said += text + "\n"; });
    const auto file = store_.open_file("frames");
    file->write(0, frames_);
    file->flush();
    const auto changed = store_.open_file("logged");
    changed->write(0, logged_);
    changed->sync(os::SyncKind::kData);
    const Bytes change = bytes_of("changed");
    std::copy(change.begin(), change.end(), logged_.begin() + 100);
    changed->write(100, change);
    changed->flush();
    EXPECT_TRUE(store_.disk.content(".zstdfs/journal/1.log"));
  }

  /// The next so many syncs of the filesystem fail.
  void kill_daemon_and_fail_syncs(std::uint64_t times) {
    store_.end(Survival::everything());
    store_.disk.fail_calls(
        {.kind = CallKind::kSyncFilesystem, .path_prefix = "", .error = ENOSPC, .times = times});
  }

  Bytes content(const std::string& path) {
    const auto file = store_.open_file(path);
    Bytes found = StoreOnDisk::read_all(*file);
    store_.store->close_file(file);
    return found;
  }

  void expect_all_survives_a_loss_of_power() {
    EXPECT_EQ(content("frames"), frames_);
    EXPECT_EQ(content("logged"), logged_);
    store_.crash(Survival::nothing_unsynced());
    EXPECT_EQ(content("frames"), frames_);
    EXPECT_EQ(content("logged"), logged_);
  }

  StoreOnDisk store_;
  Bytes frames_ = text_bytes(50'000, 1);
  Bytes logged_ = text_bytes(50'000, 2);
  const std::shared_ptr<std::string> said_ = std::make_shared<std::string>();
};

TEST_F(LostWrites, AreMadeUpForAndTheStoreOpens) {
  kill_daemon_and_fail_syncs(1);
  store_.open();
  EXPECT_THAT(*said_, HasSubstr("frames: not all of it reached the disk: No space left on device"));
  expect_all_survives_a_loss_of_power();
}

TEST_F(LostWrites, StayOnTheirWayToADiskThatTakesNothing) {
  kill_daemon_and_fail_syncs(2);
  try {
    store_.open();
    FAIL() << "the store opens although its disk does not sync";
  } catch (const store::StoreError& error) {
    EXPECT_THAT(error.what(), HasSubstr("No space left on device; see that the disk works"));
  }
  store_.open();
  expect_all_survives_a_loss_of_power();
}

}  // namespace
}  // namespace zstdfs::test
