// What the next mount does about files that an interruption may have left half stored.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "fs/os/posix.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kFileBytes = 100'000;

/// A file of text that is on the disk, with its name.
std::shared_ptr<store::StoredFile> make_file(StoreOnDisk& disk, const std::string& name = "file") {
  auto file = disk.open_file(name);
  file->write(0, text_bytes(kFileBytes, 1));
  file->sync(os::SyncKind::kDataAndTimes);
  disk.sync_names();
  return file;
}

/// A whole file whose second half nobody has synced, in frames; one of those is damaged, as if it
/// had not reached the disk. The store is not open then.
class LostFrame : public testing::Test {
 protected:
  void lose_a_frame() {
    Bytes stored = *disk_.disk.content("file");
    const auto lost = stored.begin() + static_cast<std::ptrdiff_t>(synced_bytes_) + 100;
    std::fill_n(lost, 100, std::byte{0});
    disk_.disk.put("file", stored);
  }
  void append_frames() {
    synced_bytes_ = disk_.disk.content("file")->size();
    const auto file = disk_.open_file("file");
    file->write(file->logical_bytes(), random_bytes(kFileBytes, 3));
    file->flush();
  }
  std::uint64_t logical_bytes() { return disk_.open_file("file")->logical_bytes(); }

  StoreOnDisk disk_;
  std::size_t synced_bytes_ = 0;
};

TEST_F(LostFrame, ByTheLowerFilesystemAloneIsCutOff) {
  make_file(disk_);
  append_frames();
  disk_.lose_mount(Survival::everything());
  lose_a_frame();
  disk_.open();
  EXPECT_TRUE(StoreOnDisk::read_all(*disk_.open_file("file")) == text_bytes(kFileBytes, 1));
}

// What was synced into the log lies where those frames are, whose batch reached the disk.
TEST_F(LostFrame, ByTheLowerFilesystemAloneTakesNothingThatWasSynced) {
  const Bytes promised = random_bytes(100, 2);
  {
    const auto file = make_file(disk_);
    file->write(kFileBytes, promised);
    file->sync(os::SyncKind::kData);
  }
  append_frames();
  disk_.lose_mount(Survival::everything());
  lose_a_frame();
  const Bytes seen = overwritten(text_bytes(kFileBytes, 1), kFileBytes, promised);
  for (int mounts = 0; mounts < 2; ++mounts) {
    disk_.open();
    EXPECT_TRUE(StoreOnDisk::read_all(*disk_.open_file("file")) == seen) << mounts;
    disk_.store->shut_down();
    disk_.store.reset();
  }
}

// What the daemon has written is there; nothing is decompressed.
TEST_F(LostFrame, IsNotLookedForAfterAKill) {
  make_file(disk_);
  append_frames();
  disk_.end(Survival::everything());
  lose_a_frame();
  disk_.open();
  EXPECT_EQ(logical_bytes(), 2 * kFileBytes);
}

TEST_F(LostFrame, IsNotLookedForAfterAnUnmount) {
  make_file(disk_);
  append_frames();
  EXPECT_TRUE(disk_.store->shut_down());
  disk_.lose_mount(Survival::everything());
  lose_a_frame();
  disk_.open();
  EXPECT_EQ(logical_bytes(), 2 * kFileBytes);
}

// As versions before wrote it, or where the kernel cannot tell.
TEST_F(LostFrame, IsLookedForWhereTheStateNamesNoMount) {
  for (const std::string mount : {"", ", \"mount\": \"\"", ", \"mount\": 7"}) {
    SCOPED_TRACE(mount);
    make_file(disk_);
    append_frames();
    disk_.end(Survival::everything());
    lose_a_frame();
    disk_.disk.put(".zstdfs/state", bytes_of("{\"clean\": false, \"since\": 0, \"boot\": \"" +
                                             disk_.disk.volume()->boot_id() + "\"" + mount + "}"));
    disk_.open();
    EXPECT_EQ(logical_bytes(), kFileBytes);
  }
}

TEST_F(LostFrame, IsLookedForWhereAServersClockIsBehind) {
  disk_.disk.set_stamps_behind(3600);
  ASSERT_TRUE(disk_.reopen());
  make_file(disk_);
  append_frames();
  disk_.lose_mount(Survival::everything());
  lose_a_frame();
  disk_.open();
  EXPECT_EQ(logical_bytes(), kFileBytes);
}

// In the background, so after a while.
TEST_F(LostFrame, IsLookedForWhereTheClockWasSetBack) {
  const auto state = [this] { return *disk_.disk.content(".zstdfs/state"); };
  make_file(disk_);
  EXPECT_TRUE(disk_.store->shut_down());
  disk_.store.reset();
  store::StoreOptions options = StoreOnDisk::small_chunks();
  options.settle_after_ms = 1'000'000;
  disk_.store = store::Store::open(disk_.disk.volume(), options);
  const Bytes before = state();
  disk_.disk.move_clock(-3600);
  append_frames();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (state() == before && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  disk_.lose_mount(Survival::everything());
  lose_a_frame();
  disk_.open();
  EXPECT_EQ(logical_bytes(), kFileBytes);
}

/// Lowers the number of files that this process may have open, for a while.
class OpenFileLimit {
 public:
  explicit OpenFileLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower = {.rlim_cur = limit, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~OpenFileLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  OpenFileLimit(const OpenFileLimit&) = delete;
  OpenFileLimit& operator=(const OpenFileLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(Logs, AreTakenUpWhereThereAreMoreThanDescriptors) {
  constexpr int kFiles = 40;
  const TempDirectory temp;
  const auto volume = os::open_posix_volume(temp.path());
  store::StoreOptions options = StoreOnDisk::small_chunks();
  options.settle_in_background = false;
  const auto open_store = [&] {
    return store::Store::open(os::open_posix_volume(temp.path()), options);
  };
  const auto open_file = [&volume](store::Store& store, int number) {
    const std::string name = std::to_string(number);
    auto backing = volume->open(name, os::OpenMode::kReadWrite);
    if (!backing) backing = volume->create(name, 0644);
    const struct stat status = backing->stat();
    return store.open_file({status.st_dev, status.st_ino}, store::ForWriting::kYes,
                           [&backing] { return std::move(backing); });
  };
  const Bytes changed = overwritten(text_bytes(20'000, 1), 100, bytes_of("changed"));
  // One more or less decides where they run out.
  for (const rlim_t most : {64u, 65u, 66u, 67u}) {
    SCOPED_TRACE(most);
    {
      const auto killed = open_store();
      for (int i = 0; i < kFiles; ++i) {
        const auto file = open_file(*killed, i);
        file->truncate(0);
        file->write(0, text_bytes(20'000, 1));
        file->flush();
        file->write(100, bytes_of("changed"));
        file->flush();
        killed->close_file(file);
      }
    }
    const OpenFileLimit limit(most);
    const auto store = open_store();
    for (int i = 0; i < kFiles; ++i) {
      const auto file = open_file(*store, i);
      EXPECT_TRUE(StoreOnDisk::read_all(*file) == changed) << i;
      store->close_file(file);
    }
  }
}

}  // namespace
}  // namespace zstdfs::test
