// Files that are fetched from the disk before anybody asks for them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

constexpr std::size_t kFileBytes = 40'000;
constexpr int kFiles = 80;

bool is_in_memory(const std::string& path) {
  const std::size_t bytes = std::filesystem::file_size(path);
  const Fd fd = open_file(path, O_RDWR);  // mincore(2) tells it only to whoever may write
  void* const memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  std::vector<unsigned char> pages((bytes + 4095) / 4096);
  const int result = ::mincore(memory, bytes, pages.data());
  ::munmap(memory, bytes);
  check(result, "mincore");
  return std::ranges::all_of(pages, [](unsigned char page) { return (page & 1) != 0; });
}

/// Within a few seconds.
bool comes_to_memory(const std::string& path) {
  for (int i = 0; i < 500; ++i) {
    if (is_in_memory(path)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class FilesAhead : public testing::Test {
 protected:
  FilesAhead() {
    for (const char* directory : {"one", "two"}) {
      std::filesystem::create_directory(store_.path(directory));
      for (int i = 0; i < kFiles; ++i) {
        const std::string name = std::string(directory) + "/" + std::to_string(i);
        write_file(store_.path(name), test::random_bytes(kFileBytes, static_cast<unsigned>(i)));
      }
    }
    store_.unmount();
    disk_.drop_caches();
    store_.mount();
  }

  /// Names, in the directory's order.
  std::vector<std::string> list(const std::string& directory) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(store_.path(directory))) {
      names.push_back(directory + "/" + entry.path().filename().string());
    }
    return names;
  }
  void read(const std::string& name) const {
    EXPECT_EQ(read_file(store_.path(name)).size(), kFileBytes);
  }

  SmallDisk disk_{"64"};
  MountedStore store_{"", make_directory(disk_ / "store")};

 private:
  static std::string make_directory(const std::string& path) {
    std::filesystem::create_directory(path);
    return path;
  }
};

TEST_F(FilesAhead, ThoseThatFollowInTheDirectory) {
  const std::vector<std::string> names = list("one");
  ASSERT_EQ(names.size(), std::size_t{kFiles});
  for (const std::string& name : names) ASSERT_FALSE(is_in_memory(store_.backing(name))) << name;
  // Whoever reads faster than the thread is scheduled is followed later.
  bool is_followed = false;
  std::size_t next = 0;
  while (!is_followed && next < 32) {
    for (const std::size_t end = next + 8; next < end; ++next) read(names[next]);
    is_followed = true;
    for (std::size_t i = next; i < next + 4; ++i) {
      is_followed = is_followed && comes_to_memory(store_.backing(names[i]));
    }
  }
  EXPECT_TRUE(is_followed);
  EXPECT_FALSE(is_in_memory(store_.backing(names.back())));
}

TEST_F(FilesAhead, ThoseOfTheNextDirectory) {
  for (const std::string& name : list("one")) read(name);
  const std::vector<std::string> names = list("two");
  EXPECT_FALSE(is_in_memory(store_.backing(names[1])));
  read(names[0]);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_TRUE(comes_to_memory(store_.backing(names[i]))) << "number " << i;
  }
}

TEST_F(FilesAhead, OnAnyProcessorAndWithoutTracesInTheDirectory) {
  const std::vector<std::string> names = list("one");
  const std::string directory = store_.backing("one");
  const timespec times[2] = {{1'000'000, 0}, {1'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, directory.c_str(), times, 0), 0);
  for (std::size_t i = 0; i < 8; ++i) read(names[i]);
  EXPECT_TRUE(comes_to_memory(store_.backing(names[8])));
  EXPECT_EQ(status_of(directory).st_atim.tv_sec, 1'000'000);

  const std::string tasks = "/proc/" + std::to_string(store_.daemon()) + "/task";
  int found = 0;
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream name_file(task.path() / "comm");
    std::string name;
    std::getline(name_file, name);
    if (name != "zstdfs-ahead") continue;
    ++found;
    cpu_set_t ours;
    cpu_set_t its;
    ASSERT_EQ(::sched_getaffinity(0, sizeof ours, &ours), 0);
    ASSERT_EQ(::sched_getaffinity(std::stoi(task.path().filename()), sizeof its, &its), 0);
    EXPECT_TRUE(CPU_EQUAL(&ours, &its));
  }
  EXPECT_EQ(found, 1);
}

TEST_F(FilesAhead, NoneWhereFilesAreReadHereAndThere) {
  const std::vector<std::string> names = list("one");
  for (const std::size_t i : {5u, 70u, 30u, 50u, 15u, 60u, 40u}) read(names[i]);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  // What comes behind one may have been fetched, as a try.
  const auto fetched = std::ranges::count_if(
      names, [&](const std::string& name) { return is_in_memory(store_.backing(name)); });
  EXPECT_LE(fetched, 14);
}

}  // namespace
}  // namespace zstdfs::mounttest
