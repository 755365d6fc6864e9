// Which call moves which time, and in what order times come.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::random_bytes;
using test::text_bytes;

class Times : public PairTest {};

long nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// "m", "c", "mc" or "-": which times `call` moved, and whether it succeeded.
void moves(Side& side, const std::string& what, const std::string& name,
           const std::function<long()>& call) {
  const struct stat before = status_of(side / name);
  // Longer than a tick of the clock that files are stamped with.
  std::this_thread::sleep_for(std::chrono::milliseconds(11));
  const bool done = call() >= 0;
  const struct stat after = status_of(side / name);
  std::string moved = done ? "done " : "refused ";
  if (nanoseconds(after.st_mtim) > nanoseconds(before.st_mtim)) moved += "m";
  if (nanoseconds(after.st_ctim) > nanoseconds(before.st_ctim)) moved += "c";
  if (nanoseconds(after.st_mtim) < nanoseconds(before.st_mtim)) moved += " m backwards";
  if (nanoseconds(after.st_ctim) < nanoseconds(before.st_ctim)) moved += " c backwards";
  side.note(name + ": " + what, moved);
}

void moves_of_content(Side& side, const std::string& name) {
  const Fd fd = open_file(side / name, O_RDWR);
  const auto call = [&](const char* what, const std::function<long()>& body) {
    moves(side, what, name, body);
  };
  const auto allocate = [&](int mode, off_t offset, off_t bytes) {
    return [&fd, mode, offset, bytes] { return ::fallocate(fd.get(), mode, offset, bytes); };
  };
  call("write", [&] { return ::pwrite(fd.get(), "x", 1, 10); });
  call("write of nothing", [&] { return ::pwrite(fd.get(), "", 0, 10); });
  call("truncate to the same", [&] { return ::ftruncate(fd.get(), status_of(fd.get()).st_size); });
  call("truncate", [&] { return ::ftruncate(fd.get(), status_of(fd.get()).st_size / 2); });
  call("allocate", allocate(0, 0, 100));
  call("allocate, keeping the size", allocate(FALLOC_FL_KEEP_SIZE, 0, 100));
  call("allocate beyond the end", allocate(FALLOC_FL_KEEP_SIZE, 1 << 20, 100));
  call("punch", allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100));
  call("punch beyond the end", allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 100));
  call("zero", allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 100));
  call("fsync", [&] { return ::fsync(fd.get()); });
  call("map and write", [&] {
    void* const map = ::mmap(nullptr, 100, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (map == MAP_FAILED) return -1;
    static_cast<char*>(map)[5] = 'y';
    return ::msync(map, 100, MS_SYNC) + ::munmap(map, 100);
  });
  call("close of a duplicate", [&] { return ::close(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); });
  call("open with truncation",
       [&] { return ::close(::open((side / name).c_str(), O_RDWR | O_TRUNC | O_CLOEXEC)); });
}

void moves_of_attributes(Side& side, const std::string& name) {
  const std::string path = side / name;
  const auto call = [&](const char* what, const std::function<long()>& body) {
    moves(side, what, name, body);
  };
  call("chmod", [&] { return ::chmod(path.c_str(), 0600); });
  call("chown", [&] { return ::chown(path.c_str(), 3, 4); });
  call("set an attribute", [&] { return ::setxattr(path.c_str(), "user.a", "v", 1, 0); });
  call("remove it", [&] { return ::removexattr(path.c_str(), "user.a"); });
  call("link", [&] { return ::link(path.c_str(), (path + "-link").c_str()); });
  call("unlink the link", [&] { return ::unlink((path + "-link").c_str()); });
  call("rename", [&] {
    return ::rename(path.c_str(), (path + "-moved").c_str()) +
           ::rename((path + "-moved").c_str(), path.c_str());
  });
}

TEST_F(Times, EachCallMovesWhatItMovesOnADisk) {
  same([](Side& side) {
    for (const char* name : {"empty", "small", "text", "random"}) {
      write_file(side / name, name[0] == 'e'   ? Bytes{}
                              : name[0] == 's' ? bytes_of("small")
                              : name[0] == 't' ? text_bytes(200000, 1)
                                               : random_bytes(200000, 1));
      moves_of_content(side, name);
      moves_of_attributes(side, name);
    }
  });
}

/// Whether `call` moved the access time, and no other.
void moves_access(Side& side, const std::string& what, const std::string& name,
                  const std::function<void(const std::string& path)>& call) {
  const struct stat before = status_of(side / name);
  std::this_thread::sleep_for(std::chrono::milliseconds(11));
  call(side / name);
  const struct stat after = status_of(side / name);
  side.note(name + ": " + what, nanoseconds(after.st_atim) > nanoseconds(before.st_atim));
  side.note("others", nanoseconds(after.st_mtim) != nanoseconds(before.st_mtim) ||
                          nanoseconds(after.st_ctim) != nanoseconds(before.st_ctim));
}

void read_with(const std::string& path, int flags) {
  const Fd fd = open_file(path, flags);
  char byte = 0;
  check(::pread(fd.get(), &byte, 1, 0), "pread");
}

// The first time after a change, and once a day: also what the kernel has in its cache.
TEST_F(Times, AccessTimesMoveAsWithRelatime) {
  same([](Side& side) {
    for (const char* name : {"empty", "small", "text"}) {
      write_file(side / name, name[0] == 'e'   ? Bytes{}
                              : name[0] == 's' ? bytes_of("small")
                                               : text_bytes(200000, 1));
      const auto call = [&](const char* what, const std::function<void(const std::string&)>& body) {
        moves_access(side, what, name, body);
      };
      const auto read = [](const std::string& path) { read_with(path, O_RDONLY); };
      call("not asked for", [](const std::string& path) { read_with(path, O_RDONLY | O_NOATIME); });
      call("opening for writing", [](const std::string& path) { open_file(path, O_WRONLY); });
      call("reading", read);
      call("reading again", read);
      append_file(side / name, bytes_of("more"));
      call("reading after a change", read);
      const std::time_t now = std::time(nullptr);
      const timespec yesterday[2] = {{now - 25 * 3600, 0}, {now - 50 * 3600, 0}};
      ::utimensat(AT_FDCWD, (side / name).c_str(), yesterday, 0);
      call("reading after a day", read);
      call("reading again", read);
    }
  });
}

TEST_F(Times, AccessTimesStayWithNoatime) {
  write_file(store_.path("f"), text_bytes(100000, 1));
  for (const char* options : {"noatime", "ro"}) {
    store_.unmount();
    store_.mount(options);
    const struct stat before = status_of(store_.path("f"));
    read_with(store_.path("f"), O_RDONLY);
    EXPECT_EQ(nanoseconds(status_of(store_.path("f")).st_atim), nanoseconds(before.st_atim));
    EXPECT_EQ(nanoseconds(status_of(store_.backing("f")).st_atim), nanoseconds(before.st_atim));
  }
  store_.remount();
  const struct stat before = status_of(store_.path("f"));
  read_with(store_.path("f"), O_RDONLY);
  EXPECT_GT(nanoseconds(status_of(store_.path("f")).st_atim), nanoseconds(before.st_atim));
}

// Where the lower filesystem tells times within one step of its clock apart once they were seen.
TEST_F(Times, ATimeThatNobodyHasSeenIsNotOlderThanOneThatSomebodyHas) {
  int older = 0;
  for (unsigned i = 0; i < 100; ++i) {
    const Fd raw = open_file(store_.path("raw"), O_CREAT | O_RDWR | O_TRUNC);
    const Fd container = open_file(store_.path("container"), O_CREAT | O_RDWR | O_TRUNC);
    write_all(raw.get(), random_bytes(100000, i));
    ASSERT_EQ(::fdatasync(raw.get()), 0);
    write_all(container.get(), compressible_bytes(10000, i));
    (void)status_of(raw.get());
    pwrite_all(raw.get(), bytes_of("x"), 0);
    const long before = nanoseconds(status_of(raw.get()).st_mtim);
    pwrite_all(container.get(), bytes_of("x"), 0);
    if (nanoseconds(status_of(container.get()).st_mtim) < before) ++older;
  }
  EXPECT_EQ(older, 0) << "of 100";
}

// What make and git rely on: of two files the one that was written later is not the older one,
// however the two are stored.
TEST_F(Times, LaterWritesAreNotOlder) {
  Fd fds[] = {open_file(store_.path("raw"), O_CREAT | O_RDWR),
              open_file(store_.path("container"), O_CREAT | O_RDWR)};
  write_all(fds[0].get(), random_bytes(100000, 1));
  write_all(fds[1].get(), compressible_bytes(100000, 1));
  for (const Fd& fd : fds) ASSERT_EQ(::fsync(fd.get()), 0);
  long latest = 0;
  int older = 0;
  for (unsigned i = 0; i < 600; ++i) {
    const Fd& fd = fds[i % 2];
    pwrite_all(fd.get(), bytes_of("x"), i);
    const long time = nanoseconds(status_of(fd.get()).st_mtim);
    if (time < latest) ++older;
    latest = std::max(time, latest);
  }
  EXPECT_EQ(older, 0) << "of 600";
}

// While content is stored, in the foreground or in the background, the backing file's times move.
TEST_F(Times, NoneOfThatIsSeenWhileContentIsStored) {
  Fd fd = open_file(store_.path("f"), O_CREAT | O_RDWR);
  write_all(fd.get(), compressible_bytes(6 << 20, 1));
  fd.close();
  fd = open_file(store_.path("f"), O_RDWR);
  for (std::uint64_t at = 0; at < (6 << 20); at += 100000)
    pwrite_all(fd.get(), bytes_of("changed"), at);
  const auto look = [&] {
    struct statx seen {};
    EXPECT_EQ(
        ::statx(AT_FDCWD, store_.path("f").c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &seen),
        0);
    return std::pair(nanoseconds({seen.stx_mtime.tv_sec, seen.stx_mtime.tv_nsec}),
                     nanoseconds({seen.stx_ctime.tv_sec, seen.stx_ctime.tv_nsec}));
  };
  std::atomic<bool> done{false};
  std::set<std::pair<long, long>> seen;
  std::thread looking([&] {
    while (!done) seen.insert(look());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(::fsync(fd.get()), 0);
  fd.close();
  store_.wait_until_settled();
  done = true;
  looking.join();
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(*seen.rbegin(), look());
}

}  // namespace
}  // namespace zstdfs::mounttest
