#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "fs/os/descriptor_pool.hpp"
#include "tests/patterns.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::os {
namespace {

using test::TempDirectory;

constexpr std::size_t kBudget = 8;
constexpr std::size_t kFarAway = 1u << 20;

class DescriptorPoolTest : public ::testing::Test {
 protected:
  UniqueFd open(const std::string& name, int flags) {
    UniqueFd fd(::openat(root_.get(), name.c_str(), flags | O_CLOEXEC, 0644));
    EXPECT_TRUE(fd) << name;
    return fd;
  }

  OpenedAs opened_as(int flags) {
    struct stat status {};
    EXPECT_EQ(::fstat(root_.get(), &status), 0);
    return {.flags = flags, .device = status.st_dev};
  }

  std::unique_ptr<File> file(DescriptorPool& pool, const std::string& name) {
    return make_posix_file(open(name, O_CREAT | O_RDWR), opened_as(O_RDWR), root_.get(), pool);
  }

  /// Files enough that descriptors have to be given up.
  std::vector<std::unique_ptr<File>> files(DescriptorPool& pool, std::size_t count) {
    std::vector<std::unique_ptr<File>> all;
    for (std::size_t i = 0; i < count; ++i) {
      all.push_back(file(pool, std::to_string(i)));
      all.back()->write_at(0, test::bytes_of("file " + std::to_string(i)));
      all.back()->sync(SyncKind::kData);
    }
    return all;
  }

  static std::string text(const File& file) {
    Bytes bytes(static_cast<std::size_t>(file.size()));
    EXPECT_EQ(file.read_at(0, bytes), bytes.size());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  TempDirectory directory_;
  UniqueFd root_{::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(DescriptorPoolTest, MoreFilesAreInUseThanAreOpen) {
  DescriptorPool pool(root_.get(), kBudget, kFarAway);
  const auto all = files(pool, 10 * kBudget);
  if (pool.can_reopen()) {
    EXPECT_LE(pool.reclaimable(), kBudget);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(text(*all[i]), "file " + std::to_string(i));
    all[i]->write_at(0, test::bytes_of("FILE"));
    all[i]->sync(SyncKind::kData);
    EXPECT_EQ(text(*all[i]), "FILE " + std::to_string(i));
  }
  if (pool.can_reopen()) {
    EXPECT_LE(pool.reclaimable(), kBudget);
  }
}

// Should the kernel fail to write the data, a sync through another descriptor may not be told.
TEST_F(DescriptorPoolTest, WhatHasUnsyncedDataStaysOpen) {
  DescriptorPool pool(root_.get(), /*budget=*/0, kFarAway);
  const auto written = file(pool, "written");
  written->write_at(0, test::bytes_of("x"));
  const auto reclaim_all = [&pool] {
    for (int i = 0; i < 3; ++i) pool.make_room(0);
  };
  reclaim_all();
  EXPECT_EQ(pool.reclaimable(), pool.can_reopen() ? 1u : 0u);  // else it always stays open
  written->sync(SyncKind::kData);
  reclaim_all();
  EXPECT_EQ(pool.reclaimable(), 0u);
  EXPECT_EQ(text(*written), "x");
}

TEST_F(DescriptorPoolTest, WhereFewAreLeftUnsyncedDataIsNoReason) {
  DescriptorPool pool(root_.get(), /*budget=*/0, kFarAway);
  const auto written = file(pool, "written");
  written->write_at(0, test::bytes_of("x"));
  for (int i = 0; i < 3; ++i) pool.make_room(kFarAway);
  EXPECT_EQ(pool.reclaimable(), 0u);
  EXPECT_EQ(text(*written), "x");
}

// As lookups do: whoever has a descriptor of the object at hand offers it.
TEST_F(DescriptorPoolTest, WhatIsTakenInCountsToo) {
  DescriptorPool pool(root_.get(), kBudget, kFarAway);
  std::vector<std::unique_ptr<PooledDescriptor>> all;
  for (std::size_t i = 0; i < 10 * kBudget; ++i) {
    all.push_back(std::make_unique<PooledDescriptor>(
        pool, open(std::to_string(i), O_CREAT | O_RDWR), opened_as(O_PATH)));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    UniqueFd offered = open(std::to_string(i), O_PATH);
    EXPECT_TRUE(all[i]->is_same(offered));
    if (pool.can_reopen()) {
      EXPECT_LE(pool.reclaimable(), kBudget) << i;
    }
  }
}

// So that a process that has run out of descriptors gets out of that again.
TEST_F(DescriptorPoolTest, OpensAgainWhenNoneIsLeft) {
  DescriptorPool pool(root_.get(), kBudget, kFarAway);
  if (!pool.can_reopen()) {  // Without the right to open by handle all stay open.
    EXPECT_EQ(pool.reclaimable(), 0u);
    return;
  }
  // A sanitizer needs a descriptor when it meets a type for the first time.
  text(*make_posix_file(open("other", O_CREAT | O_RDWR)));
  const auto all = files(pool, 10 * kBudget);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(open("probe", O_CREAT | O_RDWR).get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(text(*all[i]), "file " + std::to_string(i));
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(DescriptorPoolTest, GivesUpMoreWhereTheLimitIsNear) {
  // What is open now, and ten more.
  const auto limit = static_cast<std::size_t>(open("probe", O_CREAT | O_RDWR).get()) + 10;
  DescriptorPool pool(root_.get(), kFarAway, limit);
  if (!pool.can_reopen()) {  // Without the right to open by handle all stay open.
    EXPECT_EQ(pool.reclaimable(), 0u);
    return;
  }
  const auto all = files(pool, 100);
  EXPECT_LE(static_cast<std::size_t>(open("probe", O_RDWR).get()), limit);
  // Descriptors of others make it give up, too.
  std::vector<UniqueFd> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(open("probe", O_RDWR));
    pool.make_room(others.back().get());
  }
  EXPECT_LE(static_cast<std::size_t>(others.back().get()), limit);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(text(*all[i]), "file " + std::to_string(i));
}

TEST_F(DescriptorPoolTest, AFileThatIsGoneIsStale) {
  DescriptorPool pool(root_.get(), /*budget=*/1, kFarAway);
  if (!pool.can_reopen()) {  // Without the right to open by handle all stay open.
    EXPECT_EQ(pool.reclaimable(), 0u);
    return;
  }
  const auto gone = file(pool, "gone");
  const auto others = files(pool, kBudget);
  ASSERT_EQ(::unlinkat(root_.get(), "gone", 0), 0);
  try {
    gone->size();
    FAIL() << "a file that is gone was opened again";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ESTALE);
  }
}

TEST_F(DescriptorPoolTest, KeepsItsRightsAndPath) {
  DescriptorPool pool(root_.get(), /*budget=*/1, kFarAway);
  const auto written = file(pool, "a");
  written->write_at(0, test::bytes_of("a"));
  const auto read_only =
      make_posix_file(open("a", O_RDONLY), opened_as(O_RDONLY), root_.get(), pool);
  const std::string identity = read_only->identity();
  const auto others = files(pool, kBudget);
  EXPECT_FALSE(read_only->writable());
  EXPECT_THROW(read_only->write_at(0, test::bytes_of("b")), std::system_error);
  EXPECT_EQ(read_only->identity(), identity);
  EXPECT_EQ(read_only->path_hint(), "a");
  written->sync(SyncKind::kDataAndTimes);
}

TEST_F(DescriptorPoolTest, ManyThreadsShareIt) {
  DescriptorPool pool(root_.get(), kBudget, kFarAway);
  const auto all = files(pool, 4 * kBudget);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 2000; ++i) {
        const std::size_t which = (i * 7 + t * 3) % all.size();
        EXPECT_EQ(text(*all[which]), "file " + std::to_string(which));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace zstdfs::os
