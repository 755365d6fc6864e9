// What is known of sizes: when it is believed, and what of it the next mount finds.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "fs/store/known_sizes.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::test {
namespace {

using store::KnownSize;
using store::KnownSizes;
using store::SizesFile;

class KnownSizesTest : public testing::Test {
 protected:
  KnownSizesTest() {
    volume_->make_directory(".zstdfs", 0700);
    sizes_ = std::make_unique<KnownSizes>(*volume_);
  }

  /// The status of a backing file.
  struct stat file(std::uint64_t inode, std::int64_t changed_ns = 1) const {
    struct stat status = volume_->stat("");
    status.st_ino = inode;
    status.st_size = 5000;
    status.st_ctim = {.tv_sec = 1000, .tv_nsec = changed_ns};
    return status;
  }

  void put(const struct stat& lower, std::uint64_t bytes) { sizes_->put(lower, {bytes}); }
  std::optional<std::uint64_t> size(const struct stat& lower) const {
    const auto known = sizes_->find(lower);
    return known ? std::optional(known->logical_bytes) : std::nullopt;
  }

  /// As an unmount and a mount.
  void next_mount(const KnownSizes::Limits& limits = {}) {
    const auto id = sizes_->write_out();
    sizes_ = std::make_unique<KnownSizes>(*volume_, limits);
    if (id) sizes_->load(*id);
  }

  FaultyDisk disk_;
  std::unique_ptr<os::Volume> volume_ = disk_.volume();
  std::unique_ptr<KnownSizes> sizes_;
};

TEST_F(KnownSizesTest, AreBelievedOnlyWhileNothingOfTheFileChanged) {
  const auto believed_only_unchanged = [this] {
    EXPECT_EQ(size(file(7, 50)), 123u);
    EXPECT_FALSE(size(file(8, 50)));
    EXPECT_FALSE(size(file(7, 51)));
    struct stat other = file(7, 50);
    other.st_ctim.tv_sec += 1;
    EXPECT_FALSE(size(other));
    other = file(7, 50);
    other.st_size += 1;
    EXPECT_FALSE(size(other));
    other = file(7, 50);
    other.st_dev += 1;
    EXPECT_FALSE(size(other));
  };
  put(file(7, 50), 123);
  believed_only_unchanged();
  next_mount();
  believed_only_unchanged();
}

TEST_F(KnownSizesTest, FilesOnAnotherDeviceAreNotKnown) {
  struct stat other = file(7);
  other.st_dev += 1;
  put(other, 123);
  EXPECT_FALSE(size(other));
  EXPECT_FALSE(size(file(7)));
}

TEST_F(KnownSizesTest, WhatIsSaidLastCounts) {
  for (int mount = 0; mount < 2; ++mount) {
    put(file(7), 1);
    put(file(7), 2);
    EXPECT_EQ(size(file(7)), 2u);
    next_mount();
    EXPECT_EQ(size(file(7)), 2u);
  }
  sizes_->forget(file(7));
  EXPECT_FALSE(size(file(7))) << "the file still has it";
  next_mount();
  EXPECT_FALSE(size(file(7)));
}

TEST_F(KnownSizesTest, WhatAScanFoundIsForThisMount) {
  put(file(7), 1);
  next_mount();
  sizes_->put(file(7), {.logical_bytes = 2, .lasts = KnownSize::Lasts::kThisMount});
  EXPECT_EQ(size(file(7)), 2u);
  EXPECT_EQ(sizes_->find(file(7))->lasts, KnownSize::Lasts::kThisMount);
  next_mount();
  EXPECT_FALSE(size(file(7)));
}

// As ext4 with inodes of 128 bytes stamps all of them.
TEST_F(KnownSizesTest, OfFilesThatChangedAtAWholeSecondAreForThisMount) {
  put(file(7, 0), 1);
  EXPECT_EQ(size(file(7, 0)), 1u);
  next_mount();
  EXPECT_FALSE(size(file(7, 0)));
}

TEST_F(KnownSizesTest, OutliveManyMounts) {
  std::map<std::uint64_t, std::uint64_t> wanted;
  Random random(1);
  for (int mount = 0; mount < 8; ++mount) {
    for (int n = 0; n < 400; ++n) {
      const std::uint64_t inode = random.below(2000);
      if (random.chance(20)) {
        sizes_->forget(file(inode));
        wanted.erase(inode);
      } else {
        wanted[inode] = random.next() >> 8;
        put(file(inode), wanted[inode]);
      }
    }
    if (mount % 3 == 2) (void)sizes_->write_out();  // also in between
    next_mount();
    for (std::uint64_t inode = 0; inode < 2000; ++inode) {
      const auto found = wanted.find(inode);
      const auto expected = found == wanted.end() ? std::nullopt : std::optional(found->second);
      ASSERT_EQ(size(file(inode)), expected) << "mount " << mount << ", inode " << inode;
    }
  }
}

TEST_F(KnownSizesTest, NothingIsWrittenWhereNothingWasLearned) {
  EXPECT_FALSE(sizes_->write_out());
  EXPECT_FALSE(disk_.content(".zstdfs/sizes"));
  put(file(7), 1);
  next_mount();
  const std::uint64_t calls = disk_.counted_calls();
  next_mount();
  EXPECT_EQ(disk_.counted_calls(), calls);
  EXPECT_EQ(size(file(7)), 1u);
}

TEST_F(KnownSizesTest, AnEmptyFileIsNotKept) {
  put(file(7), 1);
  next_mount();
  sizes_->forget(file(7));
  EXPECT_FALSE(sizes_->write_out());
  EXPECT_TRUE(disk_.list().empty());
  put(file(8), 2);
  next_mount();
  EXPECT_EQ(size(file(8)), 2u);
}

TEST_F(KnownSizesTest, MemoryIsBounded) {
  next_mount({.learned = 100});
  for (std::uint64_t inode = 0; inode < 100; ++inode) {
    EXPECT_FALSE(sizes_->is_much());
    put(file(inode), inode);
  }
  EXPECT_TRUE(sizes_->is_much());
  (void)sizes_->write_out();
  EXPECT_FALSE(sizes_->is_much());
  EXPECT_EQ(size(file(3)), 3u);
  // When nobody writes it out: what is forgotten must not come back from the file.
  for (std::uint64_t n = 0; n < 200; ++n) put(file(3), 1000 + n);
  for (std::uint64_t inode = 1000; inode < 1200; ++inode) put(file(inode), inode);
  EXPECT_FALSE(size(file(3)));
  EXPECT_FALSE(size(file(4)));
  EXPECT_EQ(size(file(1199)), 1199u);
}

TEST_F(KnownSizesTest, TheFileIsBounded) {
  next_mount({.in_file = 300});
  for (std::uint64_t inode = 0; inode < 200; ++inode) put(file(inode), inode);
  next_mount({.in_file = 300});
  for (std::uint64_t inode = 150; inode < 250; ++inode) put(file(inode), inode + 1);
  next_mount({.in_file = 300});
  EXPECT_EQ(size(file(10)), 10u);
  EXPECT_EQ(size(file(160)), 161u);
  for (std::uint64_t inode = 500; inode < 600; ++inode) put(file(inode), inode);
  next_mount({.in_file = 300});
  EXPECT_FALSE(size(file(10)));
  EXPECT_EQ(size(file(550)), 550u);
}

TEST_F(KnownSizesTest, OnAFullDiskNothingIsKept) {
  put(file(7), 1);
  (void)sizes_->write_out();
  put(file(8), 2);
  disk_.fail_calls({.kind = CallKind::kWrite, .path_prefix = ".zstdfs/sizes", .error = ENOSPC});
  EXPECT_FALSE(sizes_->write_out());
  EXPECT_FALSE(size(file(7)));
  EXPECT_FALSE(size(file(8)));
  EXPECT_TRUE(disk_.list().empty()) << disk_.list().front();
}

TEST_F(KnownSizesTest, AFileThatCannotBeReadTellsNothing) {
  put(file(7), 1);
  next_mount();
  disk_.fail_calls({.kind = CallKind::kRead, .path_prefix = ".zstdfs/sizes", .error = EIO});
  EXPECT_FALSE(size(file(7)));
  EXPECT_FALSE(size(file(7)));
}

TEST_F(KnownSizesTest, ADamagedFileTellsNothingWrong) {
  for (std::uint64_t inode = 0; inode < 500; ++inode) put(file(inode), inode + 1);
  const std::uint64_t id = *sizes_->write_out();
  const Bytes whole = *disk_.content(".zstdfs/sizes");
  const auto known_with = [&](const Bytes& content, std::uint64_t asked_for) {
    disk_.put(".zstdfs/sizes", content);
    sizes_ = std::make_unique<KnownSizes>(*volume_);
    sizes_->load(asked_for);
    std::size_t known = 0;
    for (std::uint64_t inode = 0; inode < 500; ++inode) {
      const auto found = size(file(inode));
      if (!found) continue;
      EXPECT_EQ(*found, inode + 1);
      ++known;
    }
    return known;
  };
  EXPECT_EQ(known_with(whole, id), 500u);
  EXPECT_EQ(known_with(whole, id + 1), 0u) << "it is another mount's";
  // A bit of the header and of the index costs all, one in a block that block's files.
  constexpr std::size_t kHeaderBytes = 40;
  for (std::size_t at = 0; at < whole.size(); at += at < kHeaderBytes ? 1 : 997) {
    if (at >= kHeaderBytes && at < 4096) continue;  // not used
    SCOPED_TRACE(at);
    Bytes damaged = whole;
    damaged[at] ^= std::byte{0x10};
    EXPECT_LT(known_with(damaged, id), 500u);
  }
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 1009) {
    SCOPED_TRACE(bytes);
    EXPECT_EQ(known_with(Bytes(whole.begin(), whole.begin() + static_cast<long>(bytes)), id), 0u);
  }
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_EQ(known_with(longer, id), 0u);
  // Blocks in each other's places.
  Bytes exchanged = whole;
  std::swap_ranges(exchanged.begin() + 4096, exchanged.begin() + 8192, exchanged.begin() + 8192);
  EXPECT_LT(known_with(exchanged, id), 500u);
}

TEST_F(KnownSizesTest, AMadeUpFileCannotSayWhatNoSizeIs) {
  put(file(7), std::uint64_t{1} << 63);
  put(file(8), (std::uint64_t{1} << 63) - 1);
  next_mount();
  EXPECT_FALSE(size(file(7)));
  EXPECT_TRUE(size(file(8)));
}

TEST_F(KnownSizesTest, KnowWhenTheClockHasMovedOn) {
  EXPECT_TRUE(sizes_->is_older_than({0, 1}));
  put(file(7, 50), 1);
  put(file(8, 40), 1);
  EXPECT_FALSE(sizes_->is_older_than({1000, 50}));
  EXPECT_TRUE(sizes_->is_older_than({1000, 51}));
}

}  // namespace
}  // namespace zstdfs::test
