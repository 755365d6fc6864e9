// fallocate, holes, SEEK_DATA and SEEK_HOLE, copy_file_range, statfs.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::random_bytes;
using test::text_bytes;

class Space : public PairTest {};

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

TEST_F(Space, FallocateModes) {
  const auto look = [](Side& side) {
    side.content("f");
    side.attributes("f");
  };
  same([&](Side& side) {
    write_file(side / "f", text_bytes(1000000, 1));
    const Fd fd = open_file(side / "f", O_RDWR);
    const auto call = [&](const char* what, int mode, off_t offset, off_t bytes) {
      side.did(what, ::fallocate(fd.get(), mode, offset, bytes));
      look(side);
    };
    call("punch inside a chunk", kPunch, 5000, 1000);
    call("punch over chunks", kPunch, 100000, 300001);
    call("punch over the end", kPunch, 900000, 200000);
    call("punch beyond the end", kPunch, 2000000, 100);
    call("zero", FALLOC_FL_ZERO_RANGE, 10, 70000);
    call("zero over the end", FALLOC_FL_ZERO_RANGE, 990000, 50000);
    call("zero, keeping the size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 1030000, 50000);
    call("allocate inside", 0, 1000, 200000);
    call("allocate over the end", 0, 1000000, 300000);
    call("allocate, keeping the size", FALLOC_FL_KEEP_SIZE, 1300000, 300000);
    call("nothing", 0, 0, 0);
    call("negative", 0, -1, 10);
    call("punch without keeping the size", FALLOC_FL_PUNCH_HOLE, 0, 10);
    pwrite_all(fd.get(), bytes_of("into the hole"), 200000);
    look(side);
    side.did("posix_fallocate", ::posix_fallocate(fd.get(), 1400000, 100));
    look(side);
    const Fd reader = open_file(side / "f", O_RDONLY);
    side.did("read only", ::fallocate(reader.get(), 0, 0, 100));
  });
  same_after_remount(look);
}

TEST_F(Space, PunchingFreesWhatCompressedDataTook) {
  write_file(store_.path("f"), random_bytes(4 << 20, 1));
  const long before = status_of(store_.path("f")).st_blocks;
  {
    const Fd fd = open_file(store_.path("f"), O_RDWR);
    ASSERT_EQ(::fallocate(fd.get(), kPunch, 1 << 20, 2 << 20), 0);
  }
  store_.remount();
  EXPECT_LT(status_of(store_.path("f")).st_blocks, before * 6 / 10);
  Bytes wanted = random_bytes(4 << 20, 1);
  std::fill(wanted.begin() + (1 << 20), wanted.begin() + (3 << 20), std::byte{0});
  EXPECT_EQ(difference(read_file(store_.path("f")), wanted), "");
}

/// Walks a file by SEEK_DATA and SEEK_HOLE and gives the ranges that are called data.
std::vector<ByteRange> data_ranges(int fd) {
  std::vector<ByteRange> ranges;
  off_t at = 0;
  for (;;) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0) return ranges;
    const off_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole <= data) throw std::runtime_error("SEEK_HOLE does not go forward");
    ranges.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data)});
    at = hole;
  }
}

// Where exactly a hole begins is up to the filesystem. Whatever is called a hole must be zeros, and
// a large hole must be found.
TEST_F(Space, SeekingDataAndHoles) {
  constexpr std::uint64_t kBytes = 6 << 20;
  {
    const Fd fd = open_file(store_.path("f"), O_CREAT | O_RDWR);
    pwrite_all(fd.get(), text_bytes(300000, 1), 0);
    pwrite_all(fd.get(), text_bytes(200000, 2), 3 << 20);
    ASSERT_EQ(::ftruncate(fd.get(), kBytes), 0);
  }
  for (int round = 0; round < 2; ++round) {
    const Fd fd = open_file(store_.path("f"), O_RDWR);
    const Bytes content = read_all(fd.get());
    ASSERT_EQ(content.size(), kBytes);
    Bytes called_data(kBytes, std::byte{0});
    std::uint64_t data_bytes = 0;
    for (const ByteRange& range : data_ranges(fd.get())) {
      const auto from = content.begin() + static_cast<std::ptrdiff_t>(range.offset);
      std::copy(from, from + static_cast<std::ptrdiff_t>(range.bytes),
                called_data.begin() + static_cast<std::ptrdiff_t>(range.offset));
      data_bytes += range.bytes;
    }
    EXPECT_EQ(difference(called_data, content), "") << "a hole that is not zeros";
    EXPECT_LE(data_bytes, 500000u + 4 * 131072u) << "holes of megabytes are not found";
    EXPECT_EQ(::lseek(fd.get(), 0, SEEK_DATA), 0);
    EXPECT_EQ(::lseek(fd.get(), kBytes, SEEK_DATA), -1);
    EXPECT_EQ(errno, ENXIO);
    EXPECT_EQ(::lseek(fd.get(), kBytes, SEEK_HOLE), -1);
    EXPECT_EQ(errno, ENXIO);
    EXPECT_EQ(::lseek(fd.get(), kBytes - 1, SEEK_HOLE), static_cast<off_t>(kBytes - 1));
    // Data that is not committed yet is data.
    pwrite_all(fd.get(), bytes_of("fresh"), 2 << 20);
    const off_t found = ::lseek(fd.get(), 1 << 20, SEEK_DATA);
    EXPECT_LE(found, 2 << 20);
    EXPECT_GE(::lseek(fd.get(), found, SEEK_HOLE), (2 << 20) + 5);
    ASSERT_EQ(::fallocate(fd.get(), kPunch, 2 << 20, 131072), 0);
    pwrite_all(fd.get(), Bytes(5), 2 << 20);
  }
  store_.remount();
  EXPECT_EQ(status_of(store_.path("f")).st_size, static_cast<off_t>(kBytes));
}

TEST_F(Space, SparseCopiesStaySparse) {
  const Ended copied = shell(
      "truncate -s 50M \"$1/f\"; printf data | dd of=\"$1/f\" bs=1 seek=20000000 conv=notrunc "
      "status=none; cp --sparse=always \"$1/f\" \"$1/g\"; cmp \"$1/f\" \"$1/g\"; "
      "cp --sparse=auto \"$1/f\" \"$1/h\"; cmp \"$1/f\" \"$1/h\"; stat -c %s \"$1\"/[fgh]",
      {store_.mountpoint()});
  EXPECT_EQ(copied.output, "52428800\n52428800\n52428800\n");
  store_.remount();
  for (const char* name : {"f", "g", "h"}) {
    EXPECT_LT(status_of(store_.path(name)).st_blocks * 512, 2 << 20) << name;
  }
}

TEST_F(Space, CopyFileRange) {
  same([](Side& side) {
    write_file(side / "from", compressible_bytes(1000000, 1));
    write_file(side / "to", text_bytes(300000, 2));
    const Fd from = open_file(side / "from", O_RDWR);
    const Fd to = open_file(side / "to", O_RDWR);
    const auto copy = [&](off_t in, off_t out, std::size_t bytes) {
      // A copy may be short, as a write may: what counts is that going on completes it.
      std::size_t left = bytes;
      long got = 1;
      while (left > 0 && got > 0) {
        got = ::copy_file_range(from.get(), &in, to.get(), &out, left, 0);
        if (got < 0) side.did("copy_file_range", got);
        if (got > 0) left -= static_cast<std::size_t>(got);
      }
      side.note("not copied", static_cast<long>(left));
      side.content("to");
    };
    pwrite_all(from.get(), bytes_of("not yet committed"), 200000);
    copy(0, 0, 100);
    copy(100000, 50001, 400000);
    copy(0, 2000000, 131072);
    copy(999990, 10, 100);
    copy(5000000, 10, 100);
    Fd appending = open_file(side / "to", O_WRONLY | O_APPEND);
    side.did("into an appending one",
             ::copy_file_range(from.get(), nullptr, appending.get(), nullptr, 10, 0));
    off_t in = 0;
    off_t out = 500000;
    side.did("onto itself", ::copy_file_range(from.get(), &in, from.get(), &out, 1000, 0));
    in = 0;
    out = 500;
    side.did("overlapping", ::copy_file_range(from.get(), &in, from.get(), &out, 1000, 0));
    side.content("from");
    side.did("sendfile", ::sendfile(to.get(), from.get(), nullptr, 30000));
    side.content("to");
  });
  same_after_remount([](Side& side) {
    side.content("from");
    side.content("to");
  });
}

TEST_F(Space, StatfsIsTheBackingFilesystems) {
  struct statvfs mount {};
  struct statvfs backing {};
  ASSERT_EQ(::statvfs(store_.mountpoint().c_str(), &mount), 0);
  ASSERT_EQ(::statvfs(store_.backing().c_str(), &backing), 0);
  EXPECT_EQ(mount.f_blocks * mount.f_frsize, backing.f_blocks * backing.f_frsize);
  EXPECT_EQ(mount.f_files, backing.f_files);
  EXPECT_EQ(mount.f_namemax, 255u);
  const double free = static_cast<double>(mount.f_bavail) * static_cast<double>(mount.f_frsize);
  const double below =
      static_cast<double>(backing.f_bavail) * static_cast<double>(backing.f_frsize);
  EXPECT_NEAR(free / below, 1.0, 0.2);
}

}  // namespace
}  // namespace zstdfs::mounttest
