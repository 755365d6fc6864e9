// Directories: many entries, positions, and reading while entries come and go.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

constexpr int kEntries = 3000;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

class Readdir : public PairTest {
 protected:
  void SetUp() override {
    PairTest::SetUp();
    path_ = store_.path("many");
    ASSERT_EQ(::mkdir(path_.c_str(), 0755), 0);
    const Bytes large = test::text_bytes(20000, 1);
    for (int i = 0; i < kEntries; ++i) {
      const std::string name = path_ + "/" + name_of(i);
      // Every tenth is a directory, the others are files; some of them compressed ones.
      if (i % 10 == 0) {
        ASSERT_EQ(::mkdir(name.c_str(), 0755), 0);
      } else {
        write_file(name, i % 100 == 1 ? large : test::bytes_of(name));
      }
    }
  }

  static std::string name_of(int i) { return "entry-" + std::to_string(i); }

  Directory open_directory() const {
    Directory directory(::opendir(path_.c_str()));
    if (directory == nullptr) check(-1, path_);
    return directory;
  }

  /// The rest of the directory, with the type that readdir told; . and .. included.
  static std::map<std::string, int> rest_of(DIR* directory) {
    std::map<std::string, int> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      EXPECT_TRUE(entries.emplace(entry->d_name, entry->d_type).second)
          << entry->d_name << " comes twice";
    }
    EXPECT_EQ(errno, 0);
    return entries;
  }

  std::string path_;
};

TEST_F(Readdir, ListsEveryEntryOnce) {
  for (int round = 0; round < 2; ++round) {
    if (round == 1) store_.remount();
    const Directory directory = open_directory();
    const auto entries = rest_of(directory.get());
    EXPECT_EQ(entries.size(), kEntries + 2u);
    EXPECT_EQ(entries.count("."), 1u);
    EXPECT_EQ(entries.count(".."), 1u);
    for (int i = 0; i < kEntries; ++i) {
      const auto found = entries.find(name_of(i));
      ASSERT_NE(found, entries.end()) << name_of(i);
      const int wanted = i % 10 == 0 ? DT_DIR : DT_REG;
      EXPECT_TRUE(found->second == wanted || found->second == DT_UNKNOWN);
    }
    ::rewinddir(directory.get());
    EXPECT_EQ(rest_of(directory.get()).size(), kEntries + 2u);
  }
}

TEST_F(Readdir, SizesBesideTheNamesAreLogical) {
  store_.remount();
  // find and ls read attributes that came along with the names.
  const Ended sizes = shell(
      "find \"$1\" -type f -size +15000c -printf '%s\\n' | sort | uniq -c | "
      "sed 's/^ *//'",
      {path_});
  EXPECT_EQ(sizes.output, "30 20000\n");
}

TEST_F(Readdir, PositionsStayValid) {
  const Directory directory = open_directory();
  std::vector<std::pair<long, std::string>> order;
  for (;;) {
    const long position = ::telldir(directory.get());
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    order.emplace_back(position, entry->d_name);
  }
  ASSERT_EQ(order.size(), kEntries + 2u);
  for (std::size_t i = 0; i < order.size(); i += 97) {
    const std::size_t at = (i * 61) % order.size();
    ::seekdir(directory.get(), order[at].first);
    const dirent* entry = ::readdir(directory.get());
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->d_name, order[at].second);
  }
}

TEST_F(Readdir, DeletingWhileReading) {
  const Directory directory = open_directory();
  std::set<std::string> seen;
  std::size_t removed = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    EXPECT_TRUE(seen.insert(name).second) << name << " comes twice";
    const std::string path = path_ + "/" + name;
    // Each one that is read goes, and a new one comes, as in a spool.
    const int gone = entry->d_type == DT_DIR ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
    ASSERT_EQ(gone, 0) << path;
    ++removed;
    if (removed % 100 == 0) {
      const long position = ::telldir(directory.get());
      ::seekdir(directory.get(), position);
    }
  }
  for (int i = 0; i < kEntries; ++i) EXPECT_EQ(seen.count(name_of(i)), 1u) << name_of(i);
  EXPECT_TRUE(names_in(path_).empty());
  EXPECT_EQ(::rmdir(path_.c_str()), 0);
}

TEST_F(Readdir, RewindSeesNewEntries) {
  const Directory directory = open_directory();
  rest_of(directory.get());
  write_file(path_ + "/new", test::bytes_of("x"));
  ASSERT_EQ(::unlink((path_ + "/entry-1").c_str()), 0);
  ::rewinddir(directory.get());
  const auto entries = rest_of(directory.get());
  EXPECT_EQ(entries.count("new"), 1u);
  EXPECT_EQ(entries.count("entry-1"), 0u);
}

// Whoever reads the first names only leaves the place where he was to others.
TEST_F(Readdir, WhatWasListedInPartHidesNoChange) {
  path_ = store_.path("some");
  ASSERT_EQ(::mkdir(path_.c_str(), 0755), 0);
  for (int i = 0; i < 600; ++i) write_file(path_ + "/" + name_of(i), test::bytes_of("x"));
  store_.remount();
  const auto begin_to_list = [this] { EXPECT_NE(::readdir(open_directory().get()), nullptr); };
  const auto list = [this] { return rest_of(open_directory().get()); };
  begin_to_list();
  std::string last;
  {
    const Directory directory = open_directory();
    while (const dirent* entry = ::readdir(directory.get())) last = entry->d_name;
  }
  const std::string path = path_ + "/" + last;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    begin_to_list();
    ASSERT_EQ(::unlink(path.c_str()), 0);
    EXPECT_EQ(list().count(last), 0u);
    begin_to_list();
    write_file(path_ + "/other", test::bytes_of("x"));
    EXPECT_EQ(list().count("other"), 1u);
    begin_to_list();
    ASSERT_EQ(::rename((path_ + "/other").c_str(), path.c_str()), 0);
    EXPECT_EQ(list().count(last), 1u);
    EXPECT_EQ(list().count("other"), 0u);
  }
}

TEST_F(Readdir, ARemovedDirectoryIsEmpty) {
  const std::string gone = store_.path("gone");
  ASSERT_EQ(::mkdir(gone.c_str(), 0755), 0);
  const Directory directory(::opendir(gone.c_str()));
  ASSERT_NE(directory, nullptr);
  ASSERT_EQ(::rmdir(gone.c_str()), 0);
  const int fd = ::dirfd(directory.get());
  EXPECT_EQ(::openat(fd, "f", O_CREAT | O_RDWR, 0644), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_LE(rest_of(directory.get()).size(), 2u);
}

// The handle may be gone as soon as the kernel has its answer. (A sanitizer sees it at once.)
TEST_F(Readdir, SyncsAndIsClosedAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 150; ++i) {
        Fd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY));
        EXPECT_TRUE(directory.valid());
        EXPECT_EQ(::fsync(directory.get()), 0);
        EXPECT_EQ(directory.close(), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace zstdfs::mounttest
