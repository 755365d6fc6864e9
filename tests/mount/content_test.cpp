// Contents and sizes: of all lengths and kinds, after close, after a remount, with holes.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::random_bytes;
using test::text_bytes;

class Content : public PairTest {};

constexpr std::size_t kSizes[] = {0,      1,      15,     16,     17,     79,      80,
                                  81,     511,    4095,   4096,   4097,   8192,    12289,
                                  131071, 131072, 131073, 262144, 393217, 1048576, 3000001};

std::string name_of(const char* kind, std::size_t bytes) {
  return std::string(kind) + std::to_string(bytes);
}

// The size that a program sees is the logical one, in every reply that carries it.
TEST_F(Content, EverySizeAndKindIsKept) {
  const auto look = [](Side& side) {
    for (const std::size_t bytes : kSizes) {
      for (const char* kind : {"text", "noise", "zeros", "mixed"}) {
        side.attributes(name_of(kind, bytes));
        side.content(name_of(kind, bytes));
      }
    }
    const Ended listed = shell(
        "cd \"$1\"; find . -type f -printf '%p %s\\n' | sort | sha256sum; "
        "ls -l | awk '{ print $5 }' | sort -n | uniq -c; "
        "wc -c text* | tail -n 1",
        {side.root()});
    side.note("as programs see it", listed.output);
  };
  same([&](Side& side) {
    for (const std::size_t bytes : kSizes) {
      write_file(side / name_of("text", bytes), text_bytes(bytes, bytes));
      write_file(side / name_of("noise", bytes), random_bytes(bytes, bytes), 10000);
      write_file(side / name_of("zeros", bytes), Bytes(bytes));
      Bytes mixed = compressible_bytes(bytes, bytes);
      const Bytes noise = random_bytes(bytes / 2, bytes);
      std::copy(noise.begin(), noise.end(), mixed.begin() + static_cast<long>(bytes / 3));
      write_file(side / name_of("mixed", bytes), mixed, 77777);
    }
    look(side);
  });
  same_after_remount(look);
}

TEST_F(Content, StoredAsStandardZstd) {
  for (const std::size_t bytes : kSizes) {
    write_file(store_.path(name_of("text", bytes)), text_bytes(bytes, bytes));
    write_file(store_.path(name_of("noise", bytes)), random_bytes(bytes, bytes));
  }
  store_.remount();
  expect_containers_are_zstd(store_.backing(), store_.mountpoint());
  if (!is_zstdfs_under_test()) return;
  EXPECT_TRUE(is_stored_as_container(store_.backing(name_of("text", 3000001))));
  EXPECT_FALSE(is_stored_as_container(store_.backing(name_of("text", 4096))))
      << "a file of one block cannot get smaller";
  EXPECT_EQ(read_file(store_.backing(name_of("noise", 4095))), random_bytes(4095, 4095));
}

TEST_F(Content, BlocksTellWhatIsReallyUsed) {
  write_file(store_.path("text"), text_bytes(4000000, 1));
  write_file(store_.path("noise"), random_bytes(4000000, 1));
  for (int round = 0; round < 2; ++round) {
    const struct stat text = status_of(store_.path("text"));
    EXPECT_EQ(text.st_size, 4000000);
    EXPECT_LT(text.st_blocks * 512, 4000000 * 6 / 10);
    EXPECT_GT(text.st_blocks, 0);
    EXPECT_GE(status_of(store_.path("noise")).st_blocks * 512, 3900000);
    store_.remount();
  }
  EXPECT_EQ(status_of(store_.path("text")).st_blocks, status_of(store_.backing("text")).st_blocks);
}

// tar -S takes a file without blocks for one hole.
TEST_F(Content, WhatIsNotStoredYetHasBlocks) {
  for (const std::size_t bytes : {1u, 100'000u}) {
    const std::string path = store_.path("new");
    const Fd fd = open_file(path, O_CREAT | O_TRUNC | O_WRONLY);
    const Bytes content = text_bytes(bytes, 1);
    ASSERT_EQ(::write(fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    EXPECT_GT(status_of(path).st_blocks, 0);
    EXPECT_LE(status_of(path).st_blocks, 200);
    const Ended archived =
        shell("tar -C \"$1\" -cS new | tar -xO | cmp - \"$1/new\"", {store_.mountpoint()});
    EXPECT_TRUE(archived.ok()) << archived.output;
  }
}

// A user's own zst file, or a copy of a container, is content like any other.
TEST_F(Content, ContainersAsContent) {
  write_file(store_.path("f"), text_bytes(500000, 1));
  store_.remount();
  const Bytes container = read_file(store_.backing("f"));
  same([&](Side& side) {
    write_file(side / "copy.zst", container);
    write_file(side / "start", ByteSpan(container).first(16));
    write_file(side / "header", ByteSpan(container).first(80));
    write_file(side / "cut", ByteSpan(container).first(container.size() / 2));
    const Fd fd = open_file(side / "late", O_CREAT | O_WRONLY);
    write_all(fd.get(), Bytes(16));
    pwrite_all(fd.get(), container, 0);
    side.content("late", fd.get());
  });
  same_after_remount([](Side& side) {
    for (const char* name : {"copy.zst", "start", "header", "cut", "late"}) {
      side.content(name);
      side.attributes(name);
    }
  });
  store_.remount();
  expect_containers_are_zstd(store_.backing(), store_.mountpoint());
}

TEST_F(Content, TruncateUpAndDown) {
  constexpr long kSteps[] = {100000, 5000,    1000000, 999999, 131072, 131071, 262145,
                             0,      4000000, 3999999, 1,      700000, 4096,   4097};
  for (const char* kind : {"text", "noise"}) {
    same([&](Side& side) {
      const bool text = kind[0] == 't';
      write_file(side / kind, text ? text_bytes(2000000, 1) : random_bytes(2000000, 1));
      for (const long bytes : kSteps) {
        side.did("truncate", ::truncate((side / kind).c_str(), bytes));
        side.attributes(kind);
        side.content(kind);
      }
      const Fd fd = open_file(side / kind, O_RDWR);
      for (const long bytes : kSteps) {
        side.did("ftruncate", ::ftruncate(fd.get(), bytes));
        pwrite_all(fd.get(), bytes_of("after the truncation"), static_cast<std::uint64_t>(bytes));
        side.content(kind, fd.get());
      }
      side.did("negative", ::ftruncate(fd.get(), -1));
    });
    same_after_remount([&](Side& side) {
      side.content(kind);
      side.attributes(kind);
    });
  }
  same([](Side& side) {
    ::mkdir((side / "d").c_str(), 0755);
    side.did("of a directory", ::truncate((side / "d").c_str(), 0));
    side.did("of nothing", ::truncate((side / "none").c_str(), 0));
  });
}

TEST_F(Content, WritesBeyondTheEndLeaveZeros) {
  const auto look = [](Side& side) {
    side.attributes("f");
    side.content("f");
  };
  same([&](Side& side) {
    const Fd fd = open_file(side / "f", O_CREAT | O_RDWR);
    pwrite_all(fd.get(), bytes_of("far out"), 5000000);
    pwrite_all(fd.get(), text_bytes(200000, 1), 1000001);
    pwrite_all(fd.get(), bytes_of("near"), 3);
    pwrite_all(fd.get(), text_bytes(9, 1), 6000000);
    look(side);
  });
  same_after_remount(look);
  EXPECT_LT(status_of(store_.backing("f")).st_blocks * 512, 400000);
}

TEST_F(Content, HugeAndSparse) {
  // 40 GiB of nothing: neither time nor space nor memory may follow the logical size.
  constexpr std::uint64_t kFar = std::uint64_t{40} << 30;
  {
    const Fd fd = open_file(store_.path("f"), O_CREAT | O_RDWR);
    pwrite_all(fd.get(), bytes_of("end"), kFar);
    ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(kFar + 100)), 0);
  }
  store_.remount();
  EXPECT_EQ(status_of(store_.path("f")).st_size, static_cast<off_t>(kFar + 100));
  EXPECT_LT(status_of(store_.backing("f")).st_blocks * 512, 1 << 20);
  const Fd fd = open_file(store_.path("f"), O_RDWR);
  Bytes tail(200);
  ASSERT_EQ(::pread(fd.get(), tail.data(), tail.size(), static_cast<off_t>(kFar - 50)), 150);
  Bytes wanted(200);
  const Bytes end = bytes_of("end");
  std::copy(end.begin(), end.end(), wanted.begin() + 50);
  EXPECT_EQ(tail, wanted);
  // The middle can be written as well.
  pwrite_all(fd.get(), text_bytes(300000, 1), kFar / 2);
  Bytes middle(300000);
  ASSERT_EQ(::pread(fd.get(), middle.data(), middle.size(), static_cast<off_t>(kFar / 2)), 300000);
  EXPECT_EQ(middle, text_bytes(300000, 1));
}

// A log that is opened, grown by a line, and closed, over and over.
TEST_F(Content, ManySmallAppends) {
  constexpr int kLines = 3000;
  Bytes wanted;
  for (std::uint64_t i = 0; i < kLines; ++i) {
    const Bytes line = text_bytes(60 + i % 40, i);
    append_file(store_.path("log"), line);
    wanted.insert(wanted.end(), line.begin(), line.end());
    if (i % 500 == 0) {
      ASSERT_EQ(difference(read_file(store_.path("log")), wanted), "");
    }
  }
  store_.remount();
  EXPECT_EQ(difference(read_file(store_.path("log")), wanted), "");
  EXPECT_LE(status_of(store_.backing("log")).st_blocks * 512,
            static_cast<long>(wanted.size()) + 8192)
      << "small appends may not make the file grow without bound";
}

TEST_F(Content, PlainFilesThatWereThereBefore) {
  store_.unmount();
  const Bytes before = text_bytes(700000, 1);
  write_file(store_.backing("old"), before);
  write_file(store_.backing("old.zst"), random_bytes(9000, 1));
  store_.mount();
  EXPECT_EQ(read_file(store_.path("old")), before);
  EXPECT_EQ(status_of(store_.path("old")).st_size, 700000);
  append_file(store_.path("old"), bytes_of("grown"));
  const Fd fd = open_file(store_.path("old"), O_RDWR);
  pwrite_all(fd.get(), bytes_of("changed"), 1000);
  Bytes wanted = test::overwritten(before, 1000, bytes_of("changed"));
  wanted = test::overwritten(wanted, 700000, bytes_of("grown"));
  EXPECT_EQ(read_all(fd.get()), wanted);
  EXPECT_EQ(read_file(store_.path("old.zst")), random_bytes(9000, 1));
}

}  // namespace
}  // namespace zstdfs::mounttest
