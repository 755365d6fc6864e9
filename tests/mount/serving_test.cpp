#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <stdexcept>
#include <vector>

#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

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

/// What the kernel offers a new mount, until this ends.
class IoUringOffer {
 public:
  static bool is_known() { return ::access(kSwitch, F_OK) == 0; }
  explicit IoUringOffer(char value) : before_(text_of(kSwitch)) { set(std::string(1, value)); }
  IoUringOffer(const IoUringOffer&) = delete;
  IoUringOffer& operator=(const IoUringOffer&) = delete;
  ~IoUringOffer() { set(before_); }

 private:
  static constexpr const char* kSwitch = "/sys/module/fuse/parameters/enable_uring";
  static std::string text_of(const char* path) {
    std::string text;
    std::ifstream(path) >> text;
    return text;
  }
  static void set(const std::string& text) { std::ofstream(kSwitch) << text; }

  const std::string before_;
};

void expect_refusal() {
  try {
    const MountedStore store("io_uring");
    ADD_FAILURE() << "mounted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("io_uring"));
  }
}

/// Asks for names that nobody has asked for, so that the kernel does not know the answer. Returns
/// how many are absent.
int count_absent(const MountedStore& store, const std::string& prefix, int names) {
  int absent = 0;
  for (int i = 0; i < names; ++i) {
    absent += ::access(store.path(prefix + std::to_string(i)).c_str(), F_OK) == -1 ? 1 : 0;
  }
  return absent;
}

/// Requests that wait for the disk stop no other.
void expect_others_are_served(const std::string& options) {
  const SmallDisk disk("16");
  const MountedStore store(options, disk.path());
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
    asking =
        std::async(std::launch::async, [&store] { return count_absent(store, "absent", 200); });
    EXPECT_EQ(asking.wait_for(kSoon), std::future_status::ready);
    for (const auto& each : waiting) {
      EXPECT_EQ(each.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    }
  }
  EXPECT_EQ(asking.get(), 200);
  for (auto& each : waiting) EXPECT_EQ(each.get(), 0);
}

/// A file whose content was written into a mapping, and is in memory only until this ends.
class ChangedMapping {
 public:
  ChangedMapping(const std::string& path, const Bytes& content)
      : fd_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)), bytes_(content.size()) {
    check(::ftruncate(fd_.get(), static_cast<off_t>(bytes_)), "ftruncate");
    at_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at_ == MAP_FAILED) check(-1, "mmap");
    std::copy(content.begin(), content.end(), static_cast<std::byte*>(at_));
  }
  ChangedMapping(const ChangedMapping&) = delete;
  ChangedMapping& operator=(const ChangedMapping&) = delete;
  ~ChangedMapping() { ::munmap(at_, bytes_); }

 private:
  const Fd fd_;
  const std::size_t bytes_;
  void* at_ = nullptr;
};

void expect_content_is_kept(const std::string& options) {
  MountedStore store(options);
  const Bytes content = test::compressible_bytes(5u << 20, 1);
  write_file(store.path("f"), content);
  EXPECT_EQ(read_file(store.path("f")), content);
  const Bytes mapped = test::compressible_bytes(64u << 20, 2);
  {
    // Whoever ends the daemon does not have to close everything first.
    const Fd open(::open(store.path("g").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    ASSERT_TRUE(open.valid());
    ASSERT_EQ(::write(open.get(), "g", 1), 1);
    ASSERT_EQ(::fsync(open.get()), 0);
    const ChangedMapping mapping(store.path("m"), mapped);
    ASSERT_EQ(::kill(store.daemon(), SIGTERM), 0);
    EXPECT_TRUE(eventually([&] { return !is_mounted(store.mountpoint()); }));
  }
  store.remount();
  EXPECT_EQ(read_file(store.path("f")), content);
  EXPECT_EQ(read_file(store.path("g")).size(), 1u);
  EXPECT_TRUE(read_file(store.path("m")) == mapped);  // too much to be printed
  store.unmount();
}

void expect_set_id_bits_go(const std::string& options) {
  const MountedStore store(options);
  const std::string path = store.path("f");
  write_file(path, test::text_bytes(30000, 1));
  for (const int open_flags : {O_APPEND, O_TRUNC, 0}) {
    ASSERT_EQ(::chmod(path.c_str(), 06777), 0);
    in_child([&] {
      check(::setuid(1000), "setuid");
      const Fd file = open_file(path, O_WRONLY | open_flags);
      write_all(file.get(), test::bytes_of("changed"));
      return std::string();
    });
    EXPECT_EQ(status_of(path).st_mode & 07777, 0777u);
  }
}

TEST(Serving, RequestsThatWaitForTheDiskStopNoOther) {
  expect_others_are_served("");
}

// No other thread is called for it, as that program waits as well.
TEST(Serving, ASyncOfTheProgramThatDoesAllTheAskingStopsNoOther) {
  const SmallDisk disk("16");
  const MountedStore store("", disk.path());
  const Fd file(::open(store.path("f").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  const Bytes content = test::compressible_bytes(20000, 1);
  ASSERT_EQ(::write(file.get(), content.data(), content.size()), 20000);
  std::promise<void> has_asked;
  std::promise<void> is_frozen;
  auto syncing = std::async(std::launch::async, [&] {
    count_absent(store, "asked", 2000);
    has_asked.set_value();
    is_frozen.get_future().wait();
    return count_absent(store, "asked again", 1) == 1 ? ::fsync(file.get()) : -1;
  });
  has_asked.get_future().wait();
  std::future<int> asking;
  {
    const Frozen frozen(disk.path());
    is_frozen.set_value();
    EXPECT_EQ(syncing.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
    asking = std::async(std::launch::async, [&] { return count_absent(store, "absent", 200); });
    EXPECT_EQ(asking.wait_for(kSoon), std::future_status::ready);
  }
  EXPECT_EQ(asking.get(), 200);
  EXPECT_EQ(syncing.get(), 0);
}

TEST(Serving, ASignalLosesNothing) {
  expect_content_is_kept("");
  expect_content_is_kept("threads=1");
}

TEST(Serving, WhatIsMountedInItsPlaceStays) {
  MountedStore store;
  const Fd open(::open(store.path("f").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  const char* const place = store.mountpoint().c_str();
  ASSERT_EQ(::umount2(place, MNT_DETACH), 0);  // The daemon lives on, as the file is open.
  ASSERT_EQ(::mount("tmpfs", place, "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(::kill(store.daemon(), SIGTERM), 0);
  EXPECT_TRUE(eventually([&] {
    siginfo_t ended{};
    const auto daemon = static_cast<id_t>(store.daemon());
    return ::waitid(P_PID, daemon, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
  }));
  EXPECT_TRUE(is_mounted(store.mountpoint()));
  store.unmount();
  expect_fsck_clean(store.backing());
}

// One test, because what the kernel offers is the same for all mounts.
TEST(Serving, OverIoUringWhereTheKernelOffersIt) {
  if (!IoUringOffer::is_known()) return expect_refusal();
  {
    const IoUringOffer none('N');
    expect_refusal();
  }
  const IoUringOffer offer('Y');
  expect_others_are_served("io_uring");
  expect_content_is_kept("io_uring");
  expect_set_id_bits_go("io_uring");
  expect_content_is_kept("io_uring,threads=1");
}

}  // namespace
}  // namespace zstdfs::mounttest
