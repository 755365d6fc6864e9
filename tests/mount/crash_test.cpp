// The daemon is killed in the middle of work. What was closed or synced before is there after the
// next mount, which recovers by itself, and the store is clean.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::compressible_bytes;
using test::text_bytes;

class Killed : public MountTest {
 protected:
  /// Lets `work` run in a thread until `moment` holds, kills the daemon, and waits for the thread,
  /// which sees its calls fail.
  void kill_during(const std::function<void()>& work, const std::function<bool()>& moment) {
    std::thread worker([&] {
      try {
        work();
      } catch (const std::system_error&) {
        // The mount is gone: that is what this is about.
      }
    });
    EXPECT_TRUE(eventually(moment));
    store_.kill_daemon([&] { worker.join(); });
    // What was killed needs no help: fsck repairs nothing here, it only looks.
    store_.mount();
  }
};

TEST_F(Killed, InTheMiddleOfACopy) {
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> closed{0};
    const auto content = [&](int i) {
      const auto seed = static_cast<std::uint64_t>(round * 10000 + i);
      return i % 3 == 0 ? compressible_bytes(2000000, seed) : text_bytes(40000, seed);
    };
    const auto name = [&](int i) {
      return store_.path("r" + std::to_string(round) + "-" + std::to_string(i));
    };
    kill_during(
        [&] {
          for (int i = 0; i < 100000; ++i) {
            write_file(name(i), content(i), 65536);
            closed = i + 1;
          }
        },
        [&] { return closed >= 20 + 7 * round; });
    ASSERT_GE(closed, 20);
    for (int i = 0; i < closed; ++i) {
      ASSERT_EQ(difference(read_file(name(i)), content(i)), "") << name(i) << ", closed before";
    }
    // The one that was being written holds a beginning of its content, or is not there.
    if (exists(name(closed))) {
      const Bytes got = read_file(name(closed));
      const Bytes wanted = content(closed);
      ASSERT_LE(got.size(), wanted.size());
      EXPECT_EQ(difference(got, ByteSpan(wanted).first(got.size())), "");
    }
  }
}

// Every block of the file carries the number of the round that wrote it; rounds are complete when
// they were synced.
TEST_F(Killed, InAnOverwritingLoop) {
  constexpr std::size_t kBlock = 4096;
  constexpr std::size_t kBlocks = 500;
  const auto block = [](std::uint64_t round, std::uint64_t number) {
    Bytes out = compressible_bytes(kBlock, round * 1000003 + number);
    store_le<std::uint64_t>(out, 0, round);
    return out;
  };
  const std::string path = store_.path("f");
  std::uint64_t first = 1;
  for (int kill = 0; kill < 3; ++kill) {
    std::atomic<std::uint64_t> synced{first - 1};
    const std::uint64_t until = first + 3 + static_cast<std::uint64_t>(kill);
    kill_during(
        [&] {
          const Fd fd = open_file(path, O_RDWR | O_CREAT);
          for (std::uint64_t round = first;; ++round) {
            for (std::uint64_t i = 0; i < kBlocks; ++i) {
              // Not in order, so that commits take pieces from everywhere.
              const std::uint64_t number = i * 211 % kBlocks;
              pwrite_all(fd.get(), block(round, number), number * kBlock);
            }
            check(::fsync(fd.get()), "fsync");
            synced = round;
          }
        },
        [&] { return synced >= until; });
    const Bytes content = read_file(path);
    ASSERT_EQ(content.size(), kBlock * kBlocks);
    for (std::uint64_t number = 0; number < kBlocks; ++number) {
      const ByteSpan got = ByteSpan(content).subspan(number * kBlock, kBlock);
      const auto round = load_le<std::uint64_t>(got, 0);
      ASSERT_GE(round, synced) << "block " << number << " is older than what was synced";
      ASSERT_LE(round, synced + 1);
      ASSERT_EQ(difference(got, block(round, number)), "") << "block " << number;
    }
    first = synced + 2;
  }
}

TEST_F(Killed, SyncedAppendsAreThere) {
  std::atomic<std::size_t> synced{0};
  const Bytes all = text_bytes(8000000, 1);
  kill_during(
      [&] {
        const Fd fd = open_file(store_.path("log"), O_WRONLY | O_CREAT | O_APPEND);
        for (std::size_t at = 0; at < all.size(); at += 777) {
          write_all(fd.get(),
                    ByteSpan(all).subspan(at, std::min<std::size_t>(777, all.size() - at)));
          if (at % 10 != 0) continue;
          check(::fdatasync(fd.get()), "fdatasync");
          synced = at + std::min<std::size_t>(777, all.size() - at);
        }
      },
      [&] { return synced > 500000; });
  const Bytes got = read_file(store_.path("log"));
  EXPECT_GE(got.size(), synced);
  EXPECT_EQ(difference(got, ByteSpan(all).first(got.size())), "");
}

TEST_F(Killed, TruncationsAndRenamesThatWereClosed) {
  const Bytes content = compressible_bytes(1500000, 1);
  for (int i = 0; i < 10; ++i) write_file(store_.path("f" + std::to_string(i)), content);
  for (int i = 0; i < 10; ++i) {
    const std::string path = store_.path("f" + std::to_string(i));
    if (i % 2 == 0) {
      ASSERT_EQ(::truncate(path.c_str(), 100000 * i + 1), 0);
    } else {
      write_file(path + ".new", text_bytes(30000, static_cast<std::uint64_t>(i)));
      ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
    }
  }
  store_.kill_daemon();
  store_.mount();
  for (int i = 0; i < 10; ++i) {
    const Bytes wanted = i % 2 == 0 ? Bytes(content.begin(), content.begin() + 100000 * i + 1)
                                    : text_bytes(30000, static_cast<std::uint64_t>(i));
    EXPECT_EQ(difference(read_file(store_.path("f" + std::to_string(i))), wanted), "") << i;
  }
}

// Deeper than a path can be long: the journal finds its file there, too.
TEST_F(Killed, FarBelow) {
  const Bytes content = compressible_bytes(500000, 1);
  const Bytes change = text_bytes(5000, 2);
  const std::string name(200, 'd');
  const auto descend = [&name, this](bool make) {
    Fd directory = open_file(store_.mountpoint(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 25; ++i) {
      if (make) check(::mkdirat(directory.get(), name.c_str(), 0755), "mkdirat");
      directory = Fd(::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      check(directory.get(), "openat");
    }
    return directory;
  };
  {
    const Fd directory = descend(/*make=*/true);
    const Fd fd(::openat(directory.get(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    write_all(fd.get(), content);
    check(::fsync(fd.get()), "fsync");
    pwrite_all(fd.get(), change, 1000);
    check(::fsync(fd.get()), "fsync");
    store_.kill_daemon();
  }
  store_.mount();
  const Fd directory = descend(/*make=*/false);
  const Fd fd(::openat(directory.get(), "f", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(difference(read_all(fd.get()), test::overwritten(content, 1000, change)), "");
}

// Unlinked and overwritten files leave no garbage behind, however the daemon ends.
TEST_F(Killed, SpaceOfUnlinkedFilesComesBack) {
  {
    Fd fd = open_file(store_.path("f"), O_RDWR | O_CREAT);
    write_all(fd.get(), test::random_bytes(3000000, 1));
    ASSERT_EQ(::unlink(store_.path("f").c_str()), 0);
    store_.kill_daemon();
  }
  store_.mount();
  store_.unmount();
  std::uint64_t left = 0;
  for (const std::string& path : regular_files(store_.backing())) left += path.size();
  EXPECT_EQ(left, 0u);
  const Ended used = shell("du -s --block-size=1 \"$1\" | cut -f 1", {store_.backing()});
  EXPECT_LT(std::stoul(used.output), 200000u);
}

}  // namespace
}  // namespace zstdfs::mounttest
