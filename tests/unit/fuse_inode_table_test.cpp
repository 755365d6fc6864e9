#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "fs/fuse/inode_table.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::fuse {
namespace {

using test::TempDirectory;

constexpr std::size_t kBudget = 8;

class InodeTableTest : public ::testing::Test {
 protected:
  /// Makes a file and has the kernel look it up once.
  Inode& acquire(const std::string& name) {
    os::UniqueFd fd(::openat(root_.get(), name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    return acquire_existing(name);
  }

  Inode& acquire_existing(const std::string& name) {
    os::UniqueFd fd(::openat(root_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    EXPECT_TRUE(fd) << name;
    struct stat status = status_of(fd.get());
    return table_.acquire({status.st_dev, status.st_ino}, status.st_mode & S_IFMT, std::move(fd));
  }

  static struct stat status_of(int fd) {
    struct stat status {};
    EXPECT_EQ(::fstat(fd, &status), 0);
    return status;
  }

  TempDirectory directory_;
  os::UniqueFd root_{::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  os::DescriptorPool pool_{root_.get(), kBudget, /*limit=*/1u << 20};
  InodeTable table_{root_.get(), pool_};
};

// With a million files in the kernel's memory this is most of the daemon's.
TEST_F(InodeTableTest, AnInodeTakesLittle) {
  EXPECT_LE(sizeof(Inode), 104u);
}

TEST_F(InodeTableTest, OneInodeForAllNamesOfAnObject) {
  Inode& first = acquire("a");
  ASSERT_EQ(::linkat(root_.get(), "a", root_.get(), "b", 0), 0);
  EXPECT_EQ(&acquire_existing("b"), &first);
  EXPECT_NE(&acquire("c"), &first);
  EXPECT_EQ(table_.size(), 2u);
}

TEST_F(InodeTableTest, LivesUntilTheLastReferenceIsTakenBack) {
  Inode& inode = acquire("a");
  acquire_existing("a");
  acquire_existing("a");
  table_.forget(inode, 2);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(&acquire_existing("a"), &inode);
  table_.forget(inode, 2);
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(InodeTableTest, AReferenceThatTheKernelNeverHeardOfIsTakenBack) {
  { const EntryReference reference(table_, acquire("a")); }
  EXPECT_EQ(table_.size(), 0u);
  {
    EntryReference reference(table_, acquire("a"));
    reference.release();
  }
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(InodeTableTest, TheRootIsNeverForgotten) {
  table_.forget(table_.root(), 1000);
  EXPECT_EQ(status_of(table_.descriptor(table_.root())->get()).st_ino,
            status_of(root_.get()).st_ino);
}

TEST_F(InodeTableTest, IdleDescriptorsAreGivenUpAndHadAgain) {
  constexpr std::size_t kFiles = 10 * kBudget;
  std::vector<Inode*> inodes;
  for (std::size_t i = 0; i < kFiles; ++i) inodes.push_back(&acquire(std::to_string(i)));
  EXPECT_EQ(table_.size(), kFiles);
  if (!pool_.can_reopen()) {  // Without the right to open by handle all stay open.
    EXPECT_EQ(pool_.reclaimable(), 0u);
    return;
  }
  EXPECT_LE(pool_.reclaimable(), kBudget);
  for (std::size_t i = 0; i < kFiles; ++i) {
    const Descriptor descriptor = table_.descriptor(*inodes[i]);
    EXPECT_EQ(status_of(descriptor->get()).st_ino, inodes[i]->key().inode);
  }
  EXPECT_LE(pool_.reclaimable(), kBudget);
}

TEST_F(InodeTableTest, ADescriptorInUseStaysOpen) {
  const Descriptor held = table_.descriptor(acquire("held"));
  for (std::size_t i = 0; i < 10 * kBudget; ++i) acquire(std::to_string(i));
  EXPECT_TRUE(S_ISREG(status_of(held->get()).st_mode));
}

TEST_F(InodeTableTest, AnUnlinkedObjectStaysReachable) {
  Inode& inode = acquire("gone");
  const store::FileKey key = inode.key();
  {
    const Descriptor held = table_.find(key);
    ASSERT_TRUE(held);
    ASSERT_EQ(::unlinkat(root_.get(), "gone", 0), 0);
    table_.keep_open(key);
  }
  for (std::size_t i = 0; i < 10 * kBudget; ++i) acquire(std::to_string(i));
  EXPECT_EQ(status_of(table_.descriptor(inode)->get()).st_nlink, 0u);
}

TEST_F(InodeTableTest, FindsOnlyWhatTheKernelKnows) {
  Inode& inode = acquire("a");
  const store::FileKey key = inode.key();
  EXPECT_TRUE(table_.find(key));
  table_.forget(inode, 1);
  EXPECT_FALSE(table_.find(key));
}

TEST_F(InodeTableTest, ConcurrentLookupsAndForgetsBalance) {
  acquire("shared");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        Inode& shared = acquire_existing("shared");
        Inode& own = acquire(std::to_string(t) + "_" + std::to_string(i % 20));
        EXPECT_TRUE(S_ISREG(status_of(table_.descriptor(own)->get()).st_mode));
        table_.forget(own, 1);
        table_.forget(shared, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table_.size(), 1u);
}

}  // namespace
}  // namespace zstdfs::fuse
