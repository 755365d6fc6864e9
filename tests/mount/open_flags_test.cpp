// open(2) with all its usual flags, and what reads and writes through such descriptors do.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::random_bytes;
using test::text_bytes;

class OpenFlags : public PairTest {};

TEST_F(OpenFlags, AccessModes) {
  same([](Side& side) {
    write_file(side / "f", text_bytes(200000, 1));
    char buffer[1000] = {};
    Fd fd = side.opened("read only", ::open((side / "f").c_str(), O_RDONLY));
    side.did("read", ::read(fd.get(), buffer, sizeof buffer));
    side.did("write", ::write(fd.get(), buffer, sizeof buffer));
    side.did("truncate", ::ftruncate(fd.get(), 10));
    fd = side.opened("write only", ::open((side / "f").c_str(), O_WRONLY));
    side.did("read", ::read(fd.get(), buffer, sizeof buffer));
    side.did("write in the middle", ::pwrite(fd.get(), buffer, 10, 131070));
    fd = side.opened("path only", ::open((side / "f").c_str(), O_PATH));
    side.did("read", ::read(fd.get(), buffer, sizeof buffer));
    side.note("size", status_of(fd.get()).st_size);
    fd = side.opened("both", ::open((side / "f").c_str(), O_RDWR));
    side.did("read at the end", ::pread(fd.get(), buffer, sizeof buffer, 199990));
    side.did("read beyond the end", ::pread(fd.get(), buffer, sizeof buffer, 300000));
    side.did("read nothing", ::read(fd.get(), buffer, 0));
    side.did("write nothing", ::pwrite(fd.get(), buffer, 0, 500000));
    side.content("f");
  });
}

TEST_F(OpenFlags, Truncating) {
  same([](Side& side) {
    for (const long bytes : {0L, 100L, 4096L, 131072L, 700000L}) {
      write_file(side / "f", compressible_bytes(static_cast<std::size_t>(bytes), 1));
      const Fd reader = open_file(side / "f", O_RDONLY);
      const Fd fd = side.opened("truncate", ::open((side / "f").c_str(), O_RDWR | O_TRUNC));
      side.attributes("f");
      side.content("as another reader sees it", reader.get());
      pwrite_all(fd.get(), bytes_of("new"), 5);
      side.content("f", fd.get());
    }
    side.opened("create and truncate", ::open((side / "g").c_str(), O_CREAT | O_TRUNC, 0600));
    side.attributes("g");
  });
  same_after_remount([](Side& side) { side.content("f"); });
}

TEST_F(OpenFlags, AppendingThroughTwoDescriptors) {
  same([](Side& side) {
    const Fd one = open_file(side / "f", O_CREAT | O_RDWR | O_APPEND);
    const Fd two = open_file(side / "f", O_WRONLY | O_APPEND);
    for (std::uint64_t i = 0; i < 300; ++i) {
      write_all(i % 3 == 0 ? one.get() : two.get(), text_bytes(997, i));
      if (i % 50 == 0) side.note("size", status_of(two.get()).st_size);
    }
    side.did("position counts for nothing", ::pwrite(one.get(), "tail", 4, 0));
    side.did("where it stands", ::lseek(one.get(), 0, SEEK_CUR));
    side.did("set append later", ::fcntl(one.get(), F_SETFL, O_APPEND));
    side.content("f", one.get());
  });
  same_after_remount([](Side& side) { side.content("f"); });
}

TEST_F(OpenFlags, TwoProcessesAppend) {
  constexpr int kLines = 2000;
  constexpr std::size_t kLineBytes = 80;
  const std::string path = store_.path("log");
  const std::string script =
      "for who in a b; do (for ((i = 0; i < $2; i++)); do printf '%s %077d\\n' $who $i; done "
      ">> \"$1\") & done; wait";
  const Ended ended = shell(script, {path, std::to_string(kLines)});
  ASSERT_TRUE(ended.ok()) << ended.output;
  store_.remount();
  const Bytes content = read_file(path);
  ASSERT_EQ(content.size(), 2 * kLines * kLineBytes);
  // Each line is whole, and each writer's lines are in their order.
  int next[2] = {0, 0};
  for (std::size_t at = 0; at < content.size(); at += kLineBytes) {
    const std::string line(reinterpret_cast<const char*>(content.data() + at), kLineBytes);
    ASSERT_TRUE(line[0] == 'a' || line[0] == 'b') << line;
    ASSERT_EQ(line.back(), '\n') << line;
    ASSERT_EQ(std::stoi(line.substr(2)), next[line[0] - 'a']++) << line;
  }
}

TEST_F(OpenFlags, Direct) {
  same([](Side& side) {
    constexpr std::size_t kBlock = 4096;
    const std::unique_ptr<void, decltype(&std::free)> aligned(
        std::aligned_alloc(kBlock, 16 * kBlock), &std::free);
    auto* buffer = static_cast<std::byte*>(aligned.get());
    const Bytes text = text_bytes(16 * kBlock, 7);
    std::copy(text.begin(), text.end(), buffer);
    const Fd fd = side.opened("create direct",
                              ::open((side / "f").c_str(), O_CREAT | O_RDWR | O_DIRECT, 0644));
    for (int i = 0; i < 40; ++i) side.did("write", ::write(fd.get(), buffer, 16 * kBlock));
    side.did("overwrite", ::pwrite(fd.get(), buffer, 3 * kBlock, 100 * kBlock));
    // What one wrote directly, another sees through the cache, and the other way round.
    side.content("f");
    const Fd cached = open_file(side / "f", O_RDWR);
    pwrite_all(cached.get(), bytes_of("through the cache"), 5 * kBlock + 17);
    side.did("read", ::pread(fd.get(), buffer, 16 * kBlock, 0));
    side.note("what was read", digest(ByteSpan(buffer, 16 * kBlock)));
    side.did("read at the end", ::pread(fd.get(), buffer, 16 * kBlock, 630 * kBlock));
    side.attributes("f");
  });
  same_after_remount([](Side& side) { side.content("f"); });
}

TEST_F(OpenFlags, SynchronousWriting) {
  same([](Side& side) {
    for (const int flag : {O_SYNC, O_DSYNC}) {
      const Fd fd = open_file(side / "f", O_CREAT | O_WRONLY | flag);
      for (std::uint64_t i = 0; i < 20; ++i) write_all(fd.get(), text_bytes(5000, i));
      side.did("fdatasync", ::fdatasync(fd.get()));
      side.did("fsync", ::fsync(fd.get()));
      side.content("f");
    }
    const Fd directory = open_file(side.root(), O_RDONLY | O_DIRECTORY);
    side.did("fsync of a directory", ::fsync(directory.get()));
    side.did("syncfs", ::syncfs(directory.get()));
  });
}

TEST_F(OpenFlags, UnlinkedFilesGoOn) {
  same([](Side& side) {
    write_file(side / "f", compressible_bytes(600000, 1));
    const Fd fd = open_file(side / "f", O_RDWR);
    const Fd fresh = open_file(side / "fresh", O_RDWR | O_CREAT);
    write_all(fresh.get(), text_bytes(400000, 2));
    side.did("unlink", ::unlink((side / "f").c_str()));
    side.did("unlink", ::unlink((side / "fresh").c_str()));
    side.content("still there", fd.get());
    side.content("still there", fresh.get());
    pwrite_all(fd.get(), text_bytes(50000, 3), 580000);
    pwrite_all(fresh.get(), text_bytes(50000, 3), 7);
    side.did("fsync", ::fsync(fd.get()));
    side.did("truncate", ::ftruncate(fresh.get(), 200000));
    side.did("chmod", ::fchmod(fd.get(), 0600));
    side.content("changed", fd.get());
    side.content("changed", fresh.get());
    const struct stat status = status_of(fd.get());
    side.note("mode", status.st_mode);
    side.note("size", status.st_size);
    side.note("links", static_cast<long>(status.st_nlink));
    // A new file of the old name is another file.
    write_file(side / "f", bytes_of("the next one"));
    side.content("f");
    side.content("the old one", fd.get());
  });
}

TEST_F(OpenFlags, VectoredAndOddSizes) {
  same([](Side& side) {
    const Fd fd = open_file(side / "f", O_CREAT | O_RDWR);
    Bytes first = text_bytes(70001, 1);
    Bytes second = random_bytes(131073, 2);
    iovec parts[] = {{first.data(), first.size()}, {second.data(), second.size()}};
    for (int i = 0; i < 4; ++i) side.did("writev", ::writev(fd.get(), parts, 2));
    side.did("pwritev", ::pwritev(fd.get(), parts, 2, 99999));
    Bytes in(300000);
    iovec into[] = {{in.data(), 1}, {in.data() + 1, 299999}};
    side.did("preadv", ::preadv(fd.get(), into, 2, 131071));
    side.note("read", digest(in));
    side.content("f");
  });
  same_after_remount([](Side& side) { side.content("f"); });
}

TEST_F(OpenFlags, Locks) {
  same([](Side& side) {
    write_file(side / "f", bytes_of("locked"));
    const Fd one = open_file(side / "f", O_RDWR);
    const Fd two = open_file(side / "f", O_RDWR);
    side.did("flock exclusive", ::flock(one.get(), LOCK_EX | LOCK_NB));
    side.did("flock of another", ::flock(two.get(), LOCK_SH | LOCK_NB));
    side.did("flock released", ::flock(one.get(), LOCK_UN));
    side.did("flock of another", ::flock(two.get(), LOCK_SH | LOCK_NB));
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_start = 2;
    range.l_len = 2;
    side.did("fcntl lock", ::fcntl(one.get(), F_SETLK, &range));
    const std::string name = side / "f";
    side.note("another process", in_child([&] {
                const Fd three = open_file(name, O_RDWR);
                struct flock wanted {};
                wanted.l_type = F_WRLCK;
                wanted.l_len = 2;
                std::string said = std::to_string(::fcntl(three.get(), F_SETLK, &wanted));
                wanted.l_len = 10;
                said += ::fcntl(three.get(), F_SETLK, &wanted) < 0 ? " refused" : " taken";
                said += ::fcntl(three.get(), F_GETLK, &wanted) == 0 && wanted.l_start == 2
                            ? " by 2"
                            : " by nobody";
                return said;
              }));
    struct flock open_file_lock {};
    open_file_lock.l_type = F_WRLCK;
    open_file_lock.l_start = 4;
    open_file_lock.l_len = 2;
    side.did("OFD lock", ::fcntl(one.get(), F_OFD_SETLK, &open_file_lock));
    side.did("OFD lock of another", ::fcntl(two.get(), F_OFD_SETLK, &open_file_lock));
  });
}

}  // namespace
}  // namespace zstdfs::mounttest
