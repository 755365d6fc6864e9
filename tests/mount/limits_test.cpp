// What the disk below cannot or must not give: the program is told as it would be on the disk
// itself, and everything else goes on.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "tests/mount/process.hpp"
#include "tests/mount/side.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;
using test::text_bytes;

const Caller kAlice{.uid = 1000, .gid = 1000, .groups = {}};

class FileSize : public PairTest {};

TEST_F(FileSize, BeyondAllLimits) {
  same([](Side& side) {
    write_file(side / "f", text_bytes(300000, 1));
    for (const off_t size : {off_t{1} << 53, off_t{1} << 62, std::numeric_limits<off_t>::max()}) {
      const Fd fd = open_file(side / "f", O_RDWR);
      side.did("write", ::pwrite(fd.get(), "x", 1, size));
      side.did("truncate", ::ftruncate(fd.get(), size));
      side.did("allocate", ::fallocate(fd.get(), 0, size - 10, 10));
      side.did("truncate by name", ::truncate((side / "f").c_str(), size));
      side.did("close", ::close(::dup(fd.get())));
    }
    side.content("f");
    side.attributes("f");
  });
}

// The figure is in mount.zstdfs(8): 2^26 chunks.
TEST_F(FileSize, TheLargestFile) {
  constexpr off_t kMost = off_t{131072} << 26;
  for (const bool is_new : {true, false}) {
    SCOPED_TRACE(is_new);
    const std::string path = store_.path(is_new ? "new" : "old");
    if (!is_new) {
      write_file(path, text_bytes(300000, 1));
      store_.remount();
    }
    const Fd fd = open_file(path, O_RDWR | O_CREAT);
    EXPECT_EQ(::pwrite(fd.get(), "x", 1, kMost), -1);
    EXPECT_EQ(errno, EFBIG);
    EXPECT_EQ(::ftruncate(fd.get(), kMost + 1), -1);
    EXPECT_EQ(errno, EFBIG);
    EXPECT_EQ(::fallocate(fd.get(), 0, kMost - 10, 11), -1);
    EXPECT_EQ(errno, EFBIG);
    if (!is_new) continue;  // It would take its time, and hundreds of megabytes for 8 TiB of zeros.
    EXPECT_EQ(::ftruncate(fd.get(), kMost), 0);
    EXPECT_EQ(::pwrite(fd.get(), "x", 1, kMost - 1), 1);
    EXPECT_EQ(::fsync(fd.get()), 0);
    char byte = 0;
    EXPECT_EQ(::pread(fd.get(), &byte, 1, kMost - 1), 1);
    EXPECT_EQ(byte, 'x');
    EXPECT_EQ(status_of(fd.get()).st_size, kMost);
  }
}

/// Two alike small disks, with a store on the one and a native directory on the other.
class SmallDisks {
 public:
  explicit SmallDisks(const std::string& format)
      : native_("24", format), lower_("24", format), store_({}, lower_.path()) {}

  void same(const std::function<void(Side&)>& body) {
    Side native(native_.path(), /*is_mount=*/false);
    Side mount(store_.mountpoint(), /*is_mount=*/true);
    body(native);
    body(mount);
    EXPECT_EQ(mount.record(), native.record());
  }

  SmallDisk native_;
  SmallDisk lower_;
  MountedStore store_;
};

TEST(Limits, NoInodes) {
  SmallDisks disks("-m 0 -N 64");
  const Bytes content = text_bytes(300000, 1);
  disks.same([&](Side& side) {
    write_file(side / "old", content);
    int made = 0;
    while (made < 100) {
      const std::string name = "f" + std::to_string(made);
      const Fd fd(::open((side / name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
      if (!fd.valid()) break;
      ++made;
    }
    side.opened("create", ::open((side / "x").c_str(), O_CREAT | O_WRONLY, 0644));
    side.did("mkdir", ::mkdir((side / "x").c_str(), 0755));
    side.did("mknod", ::mknod((side / "x").c_str(), S_IFIFO | 0644, 0));
    side.did("symlink", ::symlink("to", (side / "x").c_str()));
    side.did("link", ::link((side / "old").c_str(), (side / "linked").c_str()));
    side.content("old");
    append_file(side / "old", text_bytes(200000, 2));
    write_file(side / "f0", content);
    side.content("old");
    side.content("f0");
  });
  // Overwriting takes a journal file: as long as there is no inode for it, that is refused.
  {
    const Fd fd = open_file(disks.store_.path("old"), O_RDWR);
    EXPECT_EQ(::pwrite(fd.get(), "x", 1, 1000), 1);
    EXPECT_EQ(::fsync(fd.get()), -1);
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_EQ(::unlink(disks.store_.path("f1").c_str()), 0);
    EXPECT_EQ(::unlink(disks.store_.path("f2").c_str()), 0);
    // Their inodes are free when the kernel has told that it forgets them, which it does
    // afterwards.
    EXPECT_TRUE(eventually([&] { return ::fsync(fd.get()) == 0; }));
  }
  disks.store_.remount();
  Bytes wanted = content;
  const Bytes more = text_bytes(200000, 2);
  wanted.insert(wanted.end(), more.begin(), more.end());
  wanted[1000] = std::byte{'x'};
  EXPECT_EQ(difference(read_file(disks.store_.path("old")), wanted), "");
  disks.store_.unmount();
  expect_fsck_clean(disks.lower_.path());
}

// What the filesystem keeps for root, an ordinary user does not get through root's daemon either:
// not by new files, and not by overwriting.
TEST(Limits, BlocksReservedForRoot) {
  SmallDisks disks("-m 25 -N 1024");
  const std::uint64_t reserved = 24u << 18;
  const auto free_bytes = [](const Side& side) {
    struct statvfs status {};
    check(::statvfs(side.root().c_str(), &status), "statvfs");
    return std::uint64_t{status.f_bfree} * status.f_frsize;
  };
  disks.same([&](Side& side) {
    ::mkdir((side / "d").c_str(), 0755);
    ::chmod((side / "d").c_str(), 0777);
    side.as(kAlice, [](Side& inner) {
      write_file(inner / "d/text", text_bytes(3000000, 1));
      int told = 0;
      for (std::uint64_t i = 0; i < 30 && told == 0; ++i) {
        try {
          write_file(inner / ("d/f" + std::to_string(i)), random_bytes(1000000, i));
        } catch (const std::system_error& error) {
          told = error.code().value();
        }
      }
      inner.note("told", told);
      // Compressed text is replaced by what takes as much as it is.
      const Fd fd = open_file(inner / "d/text", O_RDWR);
      for (off_t at = 0; at + 500000 <= 3000000 && inner.is_mount(); at += 500000) {
        const Bytes piece = random_bytes(500000, static_cast<std::uint64_t>(at));
        static_cast<void>(::pwrite(fd.get(), piece.data(), piece.size(), at));
        static_cast<void>(::fsync(fd.get()));
      }
    });
    EXPECT_GT(free_bytes(side), reserved * 8 / 10) << (side.is_mount() ? "mount" : "native");
    write_file(side / "of root", random_bytes(1000000, 100));
    side.content("of root");
  });
}

// The journal holds what its file's owner wrote: it counts as theirs.
TEST(Limits, AWriteLogBelongsToTheOwnerOfItsFile) {
  MountedStore store;
  write_file(store.path("f"), text_bytes(300000, 1));
  ASSERT_EQ(::chown(store.path("f").c_str(), 1000, 1001), 0);
  store.remount();
  const Fd fd = open_file(store.path("f"), O_RDWR);
  pwrite_all(fd.get(), random_bytes(5000, 1), 1000);
  ASSERT_EQ(::fsync(fd.get()), 0);
  const std::vector<std::string> logs = names_in(store.backing(".zstdfs/journal"));
  ASSERT_EQ(logs.size(), 1u);
  const struct stat status = status_of(store.backing(".zstdfs/journal/" + logs[0]));
  EXPECT_EQ(status.st_uid, 1000u);
  EXPECT_EQ(status.st_gid, 1001u);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Limits, AReadOnlyDisk) {
  const Bytes content = text_bytes(300000, 1);
  SmallDisks disks("-m 0");
  for (const std::string& root : {disks.native_.path(), disks.store_.mountpoint()}) {
    write_file(root + "/f", content);
  }
  disks.store_.unmount();
  for (const SmallDisk* disk : {&disks.native_, &disks.lower_}) {
    ASSERT_TRUE(run({"mount", "-o", "remount,ro", disk->path()}).ok());
  }
  try {
    disks.store_.mount();
    ADD_FAILURE() << "it was mounted for writing";
    disks.store_.unmount();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("read-only"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("-o ro"), std::string::npos) << error.what();
  }
  disks.store_.mount("ro");
  disks.same([](Side& side) {
    side.content("f");
    side.opened("write", ::open((side / "f").c_str(), O_WRONLY));
    side.opened("create", ::open((side / "x").c_str(), O_CREAT | O_WRONLY, 0644));
    side.did("truncate", ::truncate((side / "f").c_str(), 0));
    side.did("chmod", ::chmod((side / "f").c_str(), 0600));
    side.did("unlink", ::unlink((side / "f").c_str()));
    side.did("mkdir", ::mkdir((side / "x").c_str(), 0755));
  });
  disks.store_.unmount();
}

// A filesystem without extended attributes, access lists, file handles and fallocate.
TEST(Limits, AFilesystemThatCanDoLittle) {
  TempDir scratch;
  ASSERT_TRUE(run({"mount", "-t", "ramfs", "none", scratch.path()}).ok());
  {
    std::filesystem::create_directory(scratch / "backing");
    std::filesystem::create_directory(scratch / "native");
    MountedStore store({}, scratch / "backing");
    const auto look = [](Side& side) {
      for (const char* name : {"text", "random", "link"}) side.content(name);
      side.attributes("text");
      side.listing("");
    };
    const auto same = [&](const std::function<void(Side&)>& body) {
      Side native(scratch / "native", /*is_mount=*/false);
      Side mount(store.mountpoint(), /*is_mount=*/true);
      body(native);
      body(mount);
      EXPECT_EQ(mount.record(), native.record());
    };
    same([&](Side& side) {
      const std::string file = side / "text";
      write_file(file, text_bytes(3000000, 1));
      write_file(side / "random", random_bytes(3000000, 1));
      side.did("setxattr", ::setxattr(file.c_str(), "user.a", "1", 1, 0));
      side.did("trusted", ::setxattr(file.c_str(), "trusted.a", "1", 1, 0));
      side.did("listxattr", ::listxattr(file.c_str(), nullptr, 0));
      side.note("setfacl", shell("setfacl -m u:1000:rw \"$1\"", {file}).status);
      side.did("chmod", ::chmod(file.c_str(), 0640));
      side.did("link", ::link(file.c_str(), (side / "link").c_str()));
      const Fd fd = open_file(file, O_RDWR);
      pwrite_all(fd.get(), random_bytes(500000, 2), 400001);
      side.did("fsync", ::fsync(fd.get()));
      side.did("truncate", ::ftruncate(fd.get(), 2000000));
      look(side);
    });
    store.remount();
    same(look);
    store.kill_daemon();
    store.mount();
    same(look);
    store.unmount();
    expect_fsck_clean(scratch / "backing");
  }
  EXPECT_TRUE(unmount(scratch.path()));
}

// The kernel goes on believing that there is nothing of that name.
TEST(Descriptors, WhatCannotBeLookedAtIsNotMade) {
  MountedStore store;
  const std::string descriptors = "/proc/" + std::to_string(store.daemon()) + "/fd";
  rlimit before{};
  check(::prlimit(store.daemon(), RLIMIT_NOFILE, nullptr, &before), "prlimit");
  int failed = 0;
  for (rlim_t left = 0; left < 6; ++left) {
    const std::string name = "d" + std::to_string(left);
    rlimit few = before;
    few.rlim_cur = names_in(descriptors).size() + left;
    check(::prlimit(store.daemon(), RLIMIT_NOFILE, &few, nullptr), "prlimit");
    const int made = ::mkdir(store.path(name).c_str(), 0755);
    const Fd file(::open(store.path("f" + name).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644));
    check(::prlimit(store.daemon(), RLIMIT_NOFILE, &before, nullptr), "prlimit");
    EXPECT_EQ(std::filesystem::exists(store.backing(name)), made == 0) << left;
    EXPECT_EQ(std::filesystem::exists(store.backing("f" + name)), file.valid()) << left;
    failed += made != 0 || !file.valid() ? 1 : 0;
  }
  EXPECT_GT(failed, 0);
  store.unmount();
}

}  // namespace
}  // namespace zstdfs::mounttest
