// Modes, owners, times and extended attributes; what a write clears, and what nothing may change.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::text_bytes;

class Attributes : public PairTest {};

TEST_F(Attributes, ModesAndOwners) {
  const auto look = [](Side& side) {
    for (const char* name : {"f", "d", "fifo"}) side.attributes(name);
  };
  same([&](Side& side) {
    write_file(side / "f", text_bytes(50000, 1));
    ::mkdir((side / "d").c_str(), 0755);
    ::mkfifo((side / "fifo").c_str(), 0644);
    for (const char* name : {"f", "d", "fifo"}) {
      for (const mode_t mode : {0u, 0777u, 04755u, 02755u, 01777u, 0640u}) {
        side.did("chmod", ::chmod((side / name).c_str(), mode));
        side.attributes(name);
      }
      side.did("chown", ::chown((side / name).c_str(), 1234, 5678));
      side.did("chgrp", ::chown((side / name).c_str(), static_cast<uid_t>(-1), 77));
      side.did("nothing",
               ::chown((side / name).c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(-1)));
    }
    const Fd fd = open_file(side / "f", O_RDONLY);
    side.did("fchmod", ::fchmod(fd.get(), 0600));
    side.did("fchown", ::fchown(fd.get(), 4, 5));
    look(side);
  });
  same_after_remount(look);
}

TEST_F(Attributes, SetTimes) {
  const auto look = [](Side& side) {
    for (const char* name : {"f", "d", "l"}) side.times(name);
  };
  same([&](Side& side) {
    write_file(side / "f", text_bytes(50000, 1));
    ::mkdir((side / "d").c_str(), 0755);
    ::symlink("f", (side / "l").c_str());
    const auto set = [&](const char* name, timespec access, timespec modification) {
      const timespec both[2] = {access, modification};
      side.did("utimensat",
               ::utimensat(AT_FDCWD, (side / name).c_str(), both, AT_SYMLINK_NOFOLLOW));
      side.times(name);
    };
    for (const char* name : {"f", "d", "l"}) {
      set(name, {1000000000, 123456789}, {1100000000, 987654321});
      set(name, {0, UTIME_OMIT}, {1200000000, 1});
      set(name, {1300000000, 999999999}, {0, UTIME_OMIT});
      set(name, {0, UTIME_OMIT}, {0, UTIME_OMIT});
      set(name, {-5, 5}, {4000000000, 0});
      set(name, {1, 1000000000}, {1, 1});
    }
    const Fd fd = open_file(side / "f", O_RDWR);
    write_all(fd.get(), bytes_of("written before the times are set"));
    const timespec both[2] = {{1500000000, 5}, {1600000000, 6}};
    side.did("futimens", ::futimens(fd.get(), both));
    look(side);
  });
  same_after_remount(look);
}

timespec modification_of(const std::string& path) {
  return status_of(path).st_mtim;
}

bool operator_less(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

void expect_same_time(const timespec& got, const timespec& wanted, const char* what) {
  EXPECT_EQ(got.tv_sec, wanted.tv_sec) << what;
  EXPECT_EQ(got.tv_nsec, wanted.tv_nsec) << what;
}

TEST_F(Attributes, NowIsNow) {
  write_file(store_.path("f"), text_bytes(50000, 1));
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ASSERT_EQ(::utimensat(AT_FDCWD, store_.path("f").c_str(), old, 0), 0);
  const std::time_t before = std::time(nullptr);
  ASSERT_EQ(::utimensat(AT_FDCWD, store_.path("f").c_str(), now, 0), 0);
  EXPECT_GE(status_of(store_.path("f")).st_atim.tv_sec, before - 1);
  EXPECT_EQ(status_of(store_.path("f")).st_mtim.tv_sec, 1000);
  ASSERT_EQ(::utimensat(AT_FDCWD, store_.path("f").c_str(), nullptr, 0), 0);
  EXPECT_GE(status_of(store_.path("f")).st_mtim.tv_sec, before - 1);
}

// The modification time is that of the last write: neither the close, nor what the store does
// afterwards, nor a remount moves it.
TEST_F(Attributes, TimesStayThroughCloseAndBackgroundWork) {
  Fd fd = open_file(store_.path("f"), O_CREAT | O_RDWR);
  write_all(fd.get(), compressible_bytes(3000000, 1));
  ASSERT_EQ(::fsync(fd.get()), 0);
  const timespec written = modification_of(store_.path("f"));
  ASSERT_EQ(fd.close(), 0);
  expect_same_time(modification_of(store_.path("f")), written, "after the close");
  const struct stat closed = status_of(store_.path("f"));
  store_.wait_until_settled();
  expect_same_time(modification_of(store_.path("f")), written, "after the background work");
  expect_same_time(status_of(store_.path("f")).st_ctim, closed.st_ctim, "the change time");
  store_.remount();
  expect_same_time(modification_of(store_.path("f")), written, "after a remount");
  expect_same_time(modification_of(store_.backing("f")), written, "in the backing directory");
  // Reading and opening for writing change nothing either; writing does.
  EXPECT_EQ(read_file(store_.path("f")).size(), 3000000u);
  fd = open_file(store_.path("f"), O_RDWR);
  fd.close();
  expect_same_time(modification_of(store_.path("f")), written, "after opening it");
  fd = open_file(store_.path("f"), O_RDWR);
  pwrite_all(fd.get(), bytes_of("later"), 1000);
  fd.close();
  EXPECT_TRUE(operator_less(written, modification_of(store_.path("f"))));
}

TEST_F(Attributes, TimesSetAfterTheLastWriteStay) {
  // What cp -a, tar and rsync do: write, set the times, close; or close and then set them.
  const timespec times[2] = {{1400000000, 111}, {1300000000, 222}};
  Fd fd = open_file(store_.path("inside"), O_CREAT | O_RDWR);
  write_all(fd.get(), text_bytes(500000, 1));
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  fd.close();
  write_file(store_.path("after"), text_bytes(500000, 1));
  ASSERT_EQ(::utimensat(AT_FDCWD, store_.path("after").c_str(), times, 0), 0);
  store_.wait_until_settled();
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"inside", "after"}) {
      expect_same_time(modification_of(store_.path(name)), times[1], name);
    }
    store_.remount();
  }
}

// The store's background work keeps the times that it finds. It may not put back an older one over
// one that is set meanwhile.
TEST_F(Attributes, TimesSetDuringBackgroundWorkStay) {
  constexpr int kFiles = 150;
  const auto path = [&](int i) { return store_.path("f" + std::to_string(i)); };
  for (int i = 0; i < kFiles; ++i) {
    write_file(path(i), text_bytes(30000, static_cast<std::uint64_t>(i)));
    for (int piece = 0; piece < 3; ++piece) append_file(path(i), text_bytes(3000, 1));
  }
  // Over all of the time in which files are settled.
  timespec set[2] = {{1000000000, 0}, {1000000000, 0}};
  for (int round = 0; round < 40; ++round) {
    set[1].tv_sec += 1;
    for (int i = 0; i < kFiles; ++i) {
      ASSERT_EQ(::utimensat(AT_FDCWD, path(i).c_str(), set, 0), 0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kFiles; ++i) {
      expect_same_time(modification_of(path(i)), set[1], path(i).c_str());
    }
    store_.remount();
  }
}

TEST_F(Attributes, TruncationAndHolesMoveTheTime) {
  write_file(store_.path("f"), text_bytes(500000, 1));
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  const auto age = [&] {
    ASSERT_EQ(::utimensat(AT_FDCWD, store_.path("f").c_str(), old, 0), 0);
    ASSERT_EQ(modification_of(store_.path("f")).tv_sec, 1000);
  };
  age();
  ASSERT_EQ(::truncate(store_.path("f").c_str(), 400000), 0);
  EXPECT_GT(modification_of(store_.path("f")).tv_sec, 1000);
  age();
  ASSERT_EQ(::truncate(store_.path("f").c_str(), 450000), 0);
  EXPECT_GT(modification_of(store_.path("f")).tv_sec, 1000);
  age();
  Fd fd = open_file(store_.path("f"), O_RDWR);
  ASSERT_EQ(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 1000), 0);
  EXPECT_GT(modification_of(store_.path("f")).tv_sec, 1000);
  fd.close();
  age();
  fd = open_file(store_.path("f"), O_RDWR | O_TRUNC);
  EXPECT_GT(modification_of(store_.path("f")).tv_sec, 1000);
  fd.close();
  store_.remount();
  EXPECT_GT(modification_of(store_.path("f")).tv_sec, 1000);
}

// Set-user-id bits vanish when somebody without privilege changes the content, and stay when the
// store only stores it in another form.
TEST_F(Attributes, SetIdBitsAreClearedByWriting) {
  const auto change = [](Side& side, const char* what,
                         const std::function<void(Side&, const std::string&)>& how) {
    const std::string path = side / "f";
    ::chmod(path.c_str(), 06777);
    side.attributes("f");
    side.as({.uid = 1000, .gid = 1000, .groups = {}}, [&](Side& inner) { how(inner, path); });
    side.note("after", what);
    side.attributes("f");
  };
  same([&](Side& side) {
    write_file(side / "f", compressible_bytes(300000, 1));
    change(side, "write", [](Side& s, const std::string& path) {
      const Fd fd = s.opened("open", ::open(path.c_str(), O_WRONLY));
      s.did("write", ::pwrite(fd.get(), "x", 1, 1000));
    });
    change(side, "append", [](Side& s, const std::string& path) {
      const Fd fd = s.opened("open", ::open(path.c_str(), O_WRONLY | O_APPEND));
      s.did("write", ::write(fd.get(), "x", 1));
    });
    change(side, "truncate", [](Side& s, const std::string& path) {
      s.did("truncate", ::truncate(path.c_str(), 200000));
    });
    change(side, "open with truncation", [](Side& s, const std::string& path) {
      s.opened("open", ::open(path.c_str(), O_WRONLY | O_TRUNC));
    });
    change(side, "only reading", [](Side& s, const std::string& path) {
      const Fd fd = s.opened("open", ::open(path.c_str(), O_RDWR));
      char byte = 0;
      s.did("read", ::read(fd.get(), &byte, 1));
    });
    ::chmod((side / "f").c_str(), 06777);
    side.did("chown", ::chown((side / "f").c_str(), 3, 3));
    side.attributes("f");
    ::chmod((side / "f").c_str(), 06777);
    append_file(side / "f", bytes_of("by root"));
    side.attributes("f");
  });
}

TEST_F(Attributes, SetIdBitsSurviveTheStoresOwnWork) {
  Fd fd = open_file(store_.path("f"), O_CREAT | O_RDWR);
  write_all(fd.get(), compressible_bytes(900000, 1));
  ASSERT_EQ(::fchmod(fd.get(), 06755), 0);
  fd.close();
  store_.remount();
  EXPECT_EQ(status_of(store_.path("f")).st_mode & 07777, 06755u);
  EXPECT_EQ(status_of(store_.backing("f")).st_mode & 07777, 06755u);
}

TEST_F(Attributes, ExtendedAttributes) {
  const auto look = [](Side& side) {
    for (const char* name : {"f", "d"}) {
      const Ended shown = shell("cd \"$1\"; getfattr -d -m 'user.(test|large|empty)' -e hex " +
                                    std::string(name) + " | sed 's/0x\\(.\\{80\\}\\).*/\\1/'",
                                {side.root()});
      side.note("attributes", shown.output);
    }
  };
  same([&](Side& side) {
    write_file(side / "f", text_bytes(50000, 1));
    ::mkdir((side / "d").c_str(), 0755);
    const std::string large(3000, 'v');
    char buffer[5000];
    for (const char* name : {"f", "d"}) {
      const std::string path = side / name;
      side.did("get none", ::getxattr(path.c_str(), "user.test", buffer, sizeof buffer));
      side.did("set", ::setxattr(path.c_str(), "user.test", "value", 5, 0));
      side.did("create again", ::setxattr(path.c_str(), "user.test", "v", 1, XATTR_CREATE));
      side.did("replace", ::setxattr(path.c_str(), "user.test", "new", 3, XATTR_REPLACE));
      side.did("replace none", ::setxattr(path.c_str(), "user.none", "v", 1, XATTR_REPLACE));
      side.did("large", ::setxattr(path.c_str(), "user.large", large.data(), large.size(), 0));
      side.did("empty", ::setxattr(path.c_str(), "user.empty", "", 0, 0));
      side.did("no such kind", ::setxattr(path.c_str(), "nonsense.a", "v", 1, 0));
      side.did("trusted", ::setxattr(path.c_str(), "trusted.a", "v", 1, 0));
      side.did("get trusted", ::getxattr(path.c_str(), "trusted.a", buffer, sizeof buffer));
      side.did("length", ::getxattr(path.c_str(), "user.test", nullptr, 0));
      side.did("too short", ::getxattr(path.c_str(), "user.large", buffer, 10));
      side.did("get", ::getxattr(path.c_str(), "user.large", buffer, sizeof buffer));
      side.did("list too short", ::listxattr(path.c_str(), buffer, 3));
      side.did("remove", ::removexattr(path.c_str(), "user.empty"));
      side.did("remove again", ::removexattr(path.c_str(), "user.empty"));
    }
    // Writing and truncating leave attributes alone.
    write_file(side / "f", text_bytes(400000, 2));
    look(side);
  });
  same_after_remount(look);
}

}  // namespace
}  // namespace zstdfs::mounttest
