#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "fs/store/change_times.hpp"
#include "fs/store/frame_cache.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs::test {
namespace {

using store::ChangeTimes;
using store::FrameCache;

TEST(WorkerPool, DoesEachItemOnceFromManyCallers) {
  WorkerPool pool(4);
  std::vector<std::thread> callers;
  std::atomic<int> done{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> seen(37);
        pool.for_each(seen.size(), [&seen](std::size_t i) { ++seen[i]; });
        for (const auto& count : seen) done += count == 1 ? 1 : 1000;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 4 * 50 * 37);
}

TEST(WorkerPool, ThrowsWhatAnItemThrewAndGoesOnWorking) {
  WorkerPool pool(3);
  EXPECT_THROW(pool.for_each(20,
                             [](std::size_t i) {
                               if (i == 7) throw std::runtime_error("seven");
                             }),
               std::runtime_error);
  std::atomic<int> done{0};
  pool.for_each(20, [&done](std::size_t) { ++done; });
  EXPECT_EQ(done, 20);
}

TEST(WorkerPool, DoesWhatIsPostedBesideWhatIsWaitedFor) {
  WorkerPool pool(3);
  std::atomic<int> posted{0};
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) {
    pool.post([&posted] { ++posted; });
    pool.for_each(5, [&done](std::size_t) { ++done; });
  }
  EXPECT_EQ(done, 500);
  for (int i = 0; i < 1000 && posted < 100; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(posted, 100);
}

TEST(WorkerPool, EndsBeforeAllThatIsPostedIsDone) {
  std::atomic<int> posted{0};
  {
    WorkerPool pool(2);
    for (int i = 0; i < 1000; ++i) {
      pool.post([&posted] {
        ++posted;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      });
    }
  }
  EXPECT_LT(posted, 1000);
}

TEST(WorkerPool, GoesOnWithTheThreadsThatThereAre) {
  // In a process of its own, whose limit is its own. Root has none, so it does not stay root.
  const auto use_pool_without_threads = [] {
    constexpr uid_t kUnusedUser = 54321;
    if (::geteuid() == 0 && ::setresuid(kUnusedUser, kUnusedUser, kUnusedUser) != 0) _exit(2);
    const rlimit one{1, 1};
    if (::setrlimit(RLIMIT_NPROC, &one) != 0) _exit(3);
    WorkerPool pool(8);
    std::atomic<int> done{0};
    pool.for_each(100, [&done](std::size_t) { ++done; });
    _exit(done == 100 && pool.threads() < 8 ? 0 : 4);
  };
  // Run anew instead of forked: a sanitizer has a thread of its own.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(use_pool_without_threads(), testing::ExitedWithCode(0), "");
}

TEST(FrameCache, KeepsWhatWasUsedLastWithinItsBound) {
  FrameCache cache(300);
  const auto content = [](std::uint64_t seed) {
    auto buffer = std::make_shared<store::Buffer>(100);
    std::ranges::copy(random_bytes(100, seed), buffer->span().begin());
    return buffer;
  };
  for (std::uint64_t i = 0; i < 3; ++i) cache.put({1, i}, content(i));
  EXPECT_TRUE(cache.find({1, 0}));
  cache.put({1, 3}, content(3));
  EXPECT_FALSE(cache.find({1, 1}));
  ASSERT_TRUE(cache.find({1, 0}));
  EXPECT_TRUE(std::ranges::equal(cache.find({1, 0})->span(), random_bytes(100, 0)));
  cache.put({2, 0}, std::make_shared<const store::Buffer>(1000));
  EXPECT_FALSE(cache.find({2, 0}));
}

TEST(ChangeTimes, HidesOnlyTheChangeThatWasOurs) {
  ChangeTimes times;
  const store::FileKey key{1, 2};
  times.hide(key, {100, 5}, {90, 1});
  EXPECT_EQ(times.visible(key, {100, 5}).tv_sec, 90);
  EXPECT_EQ(times.visible(key, {101, 5}).tv_sec, 101);
  EXPECT_EQ(times.visible({1, 3}, {100, 5}).tv_sec, 100);
}

TEST(ChangeTimes, ForgetsOldFilesInsteadOfGrowing) {
  ChangeTimes times;
  times.hide({1, 0}, {100, 0}, {90, 0});
  for (std::uint64_t i = 1; i <= 70'000; ++i) times.hide({1, i}, {100, 0}, {90, 0});
  EXPECT_EQ(times.visible({1, 0}, {100, 0}).tv_sec, 100);
  EXPECT_EQ(times.visible({1, 70'000}, {100, 0}).tv_sec, 90);
}

}  // namespace
}  // namespace zstdfs::test
