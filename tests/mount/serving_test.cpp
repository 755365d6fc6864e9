#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <vector>

#include "tests/mount/small_disk.hpp"

// Who is served while others wait.

namespace zstdfs::mounttest {
namespace {

constexpr auto kSoon = std::chrono::seconds(10);

/// A filesystem on which every change waits until this ends.
class Frozen {
 public:
  explicit Frozen(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_.valid() || ::ioctl(fd_.get(), FIFREEZE, 0) != 0) {
      throw std::runtime_error(path + " cannot be frozen");
    }
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { ::ioctl(fd_.get(), FITHAW, 0); }

 private:
  const Fd fd_;
};

TEST(Serving, RequestsThatWaitForTheDiskStopNoOther) {
  const SmallDisk disk("16");
  const MountedStore store("", disk.path());
  std::vector<std::string> directories;
  for (int i = 0; i < 4; ++i) directories.push_back(store.path("d" + std::to_string(i)));
  for (const std::string& directory : directories) {
    ASSERT_EQ(::mkdir(directory.c_str(), 0755), 0);
  }
  std::vector<std::future<int>> waiting;
  std::future<int> asking;
  {
    const Frozen frozen(disk.path());
    for (const std::string& directory : directories) {
      waiting.push_back(std::async(std::launch::async, [directory] {
        return ::mkdir((directory + "/made").c_str(), 0755);
      }));
    }
    // Names that nobody has asked for, so that the kernel does not know the answer.
    asking = std::async(std::launch::async, [&store] {
      int absent = 0;
      for (int i = 0; i < 200; ++i) {
        absent += ::access(store.path("absent" + std::to_string(i)).c_str(), F_OK) == -1 ? 1 : 0;
      }
      return absent;
    });
    EXPECT_EQ(asking.wait_for(kSoon), std::future_status::ready);
    for (const auto& each : waiting) {
      EXPECT_EQ(each.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    }
  }
  EXPECT_EQ(asking.get(), 200);
  for (auto& each : waiting) EXPECT_EQ(each.get(), 0);
}

}  // namespace
}  // namespace zstdfs::mounttest
