// A backing directory in which somebody planted things: nothing outside of it is touched, the
// daemon neither crashes nor hangs nor takes memory without bound, and what was not touched works
// on.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/mount/hostile_fixture.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

namespace fs = std::filesystem;
using test::bytes_of;

/// What can be planted in place of anything.
enum class Thing {
  kLinkToFile,
  kLinkToDirectory,
  kFifo,
  kSocket,
  kDevice,
  kDirectory,
  kEmpty,
  kHuge
};
constexpr Thing kThings[] = {
    Thing::kLinkToFile, Thing::kLinkToDirectory, Thing::kFifo,  Thing::kSocket,
    Thing::kDevice,     Thing::kDirectory,       Thing::kEmpty, Thing::kHuge};

const char* name_of(Thing thing) {
  static constexpr const char* kNames[] = {
      "a link to a file", "a link to a directory", "a FIFO",        "a socket",
      "a device",         "a directory",           "an empty file", "a huge file"};
  return kNames[static_cast<int>(thing)];
}

bool is_file(Thing thing) {
  return thing == Thing::kEmpty || thing == Thing::kHuge;
}

class HostileStore : public HostileTest {
 protected:
  void plant(Thing thing, const std::string& path) {
    fs::remove_all(path);
    const char* const name = path.c_str();
    switch (thing) {
      case Thing::kLinkToFile:
        return fs::create_symlink(outside_ / "file", path);
      case Thing::kLinkToDirectory:
        return fs::create_symlink(outside_ / "directory", path);
      case Thing::kFifo:
        check(::mkfifo(name, 0666), path);
        return;
      case Thing::kSocket:
        check(::mknod(name, S_IFSOCK | 0666, 0), path);
        return;
      case Thing::kDevice:
        check(::mknod(name, S_IFCHR | 0666, 0x105), path);  // /dev/zero
        return;
      case Thing::kDirectory:
        fs::create_directories(path + "/inner");
        return;
      case Thing::kEmpty:
        return write_file(path, {});
      case Thing::kHuge:
        write_file(path, {});
        check(::truncate(name, off_t{1} << 40), path);
        return;
    }
  }
};

TEST_F(HostileStore, ThingsInPlaceOfTheStoresOwn) {
  struct Own {
    const char* path;
    std::function<bool(Thing)> is_fine;  // what of it zstdfs can do with
  };
  const Own owns[] = {{".zstdfs", [](Thing thing) { return thing == Thing::kDirectory; }},
                      {".zstdfs/journal", [](Thing thing) { return thing == Thing::kDirectory; }},
                      {".zstdfs/lock", is_file},
                      {".zstdfs/store.json", [](Thing) { return false; }},
                      {".zstdfs/state", [](Thing thing) { return thing == Thing::kEmpty; }}};
  for (const Own& own : owns) {
    const std::string planted = store_.backing(own.path);
    const std::string kept = store_.backing("kept");
    fs::rename(planted, kept);
    for (const Thing thing : kThings) {
      SCOPED_TRACE(std::string(name_of(thing)) + " in place of " + own.path);
      plant(thing, planted);
      if (own.is_fine(thing)) {
        expect_served();
      } else {
        expect_refused(own.path);
      }
    }
    fs::remove_all(planted);
    fs::rename(kept, planted);
    expect_served();
  }
}

TEST_F(HostileStore, ThingsWithTheNamesOfJournals) {
  for (const Thing thing : kThings) {
    SCOPED_TRACE(name_of(thing));
    for (const char* name : {"1.log", "2.redo", "4.log", "18446744073709551615.log", "x.log"}) {
      plant(thing, store_.backing(std::string(".zstdfs/journal/") + name));
    }
    expect_served();
    fs::remove_all(store_.backing(".zstdfs/journal"));
    fs::create_directory(store_.backing(".zstdfs/journal"));
  }
}

TEST_F(HostileStore, StatesThatLie) {
  for (const std::string& text :
       {std::string("{\"clean\": \"yes\"}"), std::string("{\"clean\": false, \"since\": \"x\"}"),
        std::string("{\"clean\": false, \"since\": -9223372036854775808, \"boot\": 7}"),
        std::string("{\"clean\": false, \"since\": 9223372036854775807}"),
        std::string("{\"clean\": false, \"since\": 1e400}"), std::string("\n\x1b[2J"),
        std::string(60000, '[')}) {
    SCOPED_TRACE(text.substr(0, 100));
    write_file(store_.backing(".zstdfs/state"), bytes_of(text));
    expect_served();
  }
}

TEST_F(HostileStore, ThingsInPlaceOfFiles) {
  for (const Thing thing : kThings) plant(thing, store_.backing(name_of(thing)));
  expect_served([&] {
    // They are what they are: following a link is the business of the program that does it.
    for (const Thing thing : kThings) {
      const std::string name = name_of(thing);
      EXPECT_EQ(status_of(store_.path(name)).st_mode, status_of(store_.backing(name)).st_mode);
    }
    const Fd fd(::open(store_.path("a FIFO").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(fd.valid());
  });
}

// What a name is changes all the time, below a daemon that walks and opens.
TEST_F(HostileStore, ThingsExchangedWhileMounted) {
  const std::string kept = store_.backing("kept");
  fs::create_directory(kept);
  write_file(kept + "/f", read_file(store_.backing("f")));
  expect_served([&] {
    std::atomic<bool> done{false};
    std::thread exchanger([&] {
      for (std::size_t i = 0; !done; ++i) {
        plant(kThings[i % std::size(kThings)], store_.backing("s"));
        std::error_code ignored;
        fs::remove_all(store_.backing("s"), ignored);
        fs::copy_file(kept + "/f", store_.backing("s"), ignored);
        fs::remove_all(store_.backing("s"), ignored);
        fs::copy(kept, store_.backing("s"), fs::copy_options::recursive, ignored);
      }
    });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (std::chrono::steady_clock::now() < end) {
      for (const char* name : {"s", "s/f", "s/inner"}) {
        // Whatever comes of it: but not from outside, and it must come.
        const Fd fd(
            ::open(store_.path(name).c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
        char byte = 0;
        if (fd.valid() && S_ISREG(status_of(fd.get()).st_mode)) {
          static_cast<void>(::pread(fd.get(), &byte, 1, 0));
          static_cast<void>(::pwrite(fd.get(), &byte, 1, 0));
        }
      }
      std::ofstream("/proc/sys/vm/drop_caches") << 2;  // The kernel shall ask again.
    }
    done = true;
    exchanger.join();
  });
}

TEST_F(HostileStore, NamesThatLookLikeMessages) {
  const std::string name = "f\nmount.zstdfs: all is well\x1b[2J";
  Bytes damaged = read_file(store_.backing("f"));
  damaged[damaged.size() / 2] ^= std::byte{1};
  write_file(store_.backing(name), damaged);
  expect_served([&] { EXPECT_THROW(read_file(store_.path(name)), std::system_error); });
  EXPECT_NE(store_.log().find("f\\x0amount.zstdfs: all is well\\x1b[2J"), std::string::npos)
      << store_.log();
  EXPECT_EQ(store_.log().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace zstdfs::mounttest
