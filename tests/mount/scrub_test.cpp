// `zstdfs scrub` beside a daemon that is at work.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kBytes = 700'000;

/// Turns a bit in the middle of a stored file, where it is written in `place`: the stored file
/// itself, or the disk below it.
void turn_a_bit(const std::string& stored_path, const std::string& place) {
  const Bytes stored = read_file(stored_path);
  const auto middle = stored.begin() + static_cast<std::ptrdiff_t>(stored.size() / 2);
  const Bytes all = read_file(place);
  const auto found = std::search(all.begin(), all.end(), middle, middle + 64);
  ASSERT_NE(found, all.end());
  const Bytes turned = {*found ^ std::byte{1}};
  pwrite_all(open_file(place, O_WRONLY).get(), turned,
             static_cast<std::uint64_t>(found - all.begin()));
}

class Scrub : public MountTest {
 protected:
  static Ended scrub(const std::string& path, const std::vector<std::string>& options = {}) {
    std::vector<std::string> command = {tool_program(), "scrub", path};
    command.insert(command.end(), options.begin(), options.end());
    return run(command);
  }
};

TEST_F(Scrub, AMountIsCheckedByEachOfItsPaths) {
  std::filesystem::create_directory(store_.path("dir"));
  write_file(store_.path("dir/f"), test::compressible_bytes(kBytes, 1));
  write_file(store_.path("raw"), test::random_bytes(kBytes, 1));
  for (const std::string& path :
       {store_.mountpoint(), store_.backing(), store_.path("dir"), store_.path("dir/f")}) {
    const Ended ended = scrub(path, {"-v"});
    EXPECT_TRUE(ended.ok()) << ended.output;
    EXPECT_THAT(ended.output, AllOf(HasSubstr("dir/f: ok"), HasSubstr(": clean")));
    const bool whole = path == store_.mountpoint() || path == store_.backing();
    EXPECT_EQ(ended.output.find("raw: ok") != std::string::npos, whole) << ended.output;
  }
}

TEST_F(Scrub, DamageIsFoundWhileTheStoreIsMounted) {
  write_file(store_.path("f"), test::compressible_bytes(kBytes, 1));
  write_file(store_.path("other"), test::compressible_bytes(kBytes, 2));
  store_.wait_until_settled();
  const Bytes intact = read_file(store_.backing("f"));
  turn_a_bit(store_.backing("f"), store_.backing("f"));
  const Ended ended = scrub(store_.mountpoint());
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, AllOf(HasSubstr("f: stored offset "), HasSubstr("1 damaged"),
                                  Not(HasSubstr("other: "))));
  pwrite_all(open_file(store_.backing("f"), O_WRONLY).get(), intact, 0);
}

// What changes during a check looks damaged now and then, and is not.
TEST_F(Scrub, WhatIsBeingChangedIsNotDamaged) {
  std::atomic<bool> ends{false};
  const auto until_the_end = [&ends](const std::function<void(unsigned)>& change) {
    return std::thread([&ends, change] {
      for (unsigned i = 0; !ends; ++i) change(i);
    });
  };
  const std::string appended = store_.path("appended");
  const std::string overwritten = store_.path("overwritten");
  write_file(overwritten, test::compressible_bytes(kBytes, 1));
  std::vector<std::thread> writers;
  writers.push_back(until_the_end([&](unsigned i) {
    if (i % 200 == 0) write_file(appended, {});
    append_file(appended, test::compressible_bytes(20'000, i));
  }));
  writers.push_back(until_the_end([&](unsigned i) {
    std::minstd_rand random(i);
    const Fd fd = open_file(overwritten, O_WRONLY);
    pwrite_all(fd.get(), test::compressible_bytes(30'000, i), random() % kBytes);
    if (i % 3 == 0) check(::fsync(fd.get()), "fsync");
  }));
  writers.push_back(until_the_end([&](unsigned i) {
    const std::string path = store_.path("short-lived" + std::to_string(i % 50));
    write_file(path, test::compressible_bytes(100'000, i));
    if (i % 2 == 0) std::filesystem::remove(path);
  }));
  for (int i = 0; i < 3; ++i) {
    const Ended ended = scrub(store_.mountpoint());
    EXPECT_THAT(ended.output, Not(HasSubstr(": stored offset "))) << "round " << i;
    if (ended.ok()) continue;
    EXPECT_THAT(ended.output, HasSubstr("it was being changed each time"));
  }
  ends = true;
  for (std::thread& writer : writers) writer.join();
}

class ScrubOfADisk : public testing::Test {
 protected:
  SmallDisk disk_{"64"};
};

// A file that was read lately is in memory as it once was on the disk.
TEST_F(ScrubOfADisk, ItReadsTheDiskAndNotMemory) {
  std::filesystem::create_directory(disk_ / "store");
  MountedStore store("", disk_ / "store");
  const Bytes content = test::compressible_bytes(kBytes, 1);
  write_file(store.path("f"), content);
  store.remount();
  EXPECT_EQ(difference(read_file(store.path("f")), content), "");
  ASSERT_TRUE(run({tool_program(), "scrub", store.mountpoint()}).ok());
  turn_a_bit(store.backing("f"), disk_.image());
  const Ended ended = run({tool_program(), "scrub", store.mountpoint()});
  EXPECT_EQ(ended.status, 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("f: stored offset "));
}

}  // namespace
}  // namespace zstdfs::mounttest
