#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "fs/store/store_directory.hpp"
#include "fs/store/store_errors.hpp"
#include "tests/unit/store_fixture.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::test {
namespace {

using store::Store;
using store::StoredFile;
using store::StoreOptions;
using testing::HasSubstr;

constexpr auto kModificationTime = StoredFile::Attributes::kModificationTime;

StoreOptions quiet() {
  StoreOptions options;
  options.settle_in_background = false;
  return options;
}

std::string why_not(FaultyDisk& disk) {
  try {
    Store::open(disk.volume(), quiet());
  } catch (const std::exception& error) {
    return error.what();
  }
  return "it opened";
}

/// Leaves a container "f" with a write log; returns its content.
Bytes leave_a_log(StoreOnDisk& store) {
  const auto file = store.open_file("f");
  file->write(0, text_bytes(50'000, 1));
  file->flush();
  file->write(100, bytes_of("changed"));
  file->flush();
  EXPECT_TRUE(store.disk.content(".zstdfs/journal/1.log"));
  return StoreOnDisk::read_all(*file);
}

TEST(Opening, OneOwnerAtATime) {
  FaultyDisk disk;
  const auto store = Store::open(disk.volume(), quiet());
  EXPECT_THROW(Store::open(disk.volume(), quiet()), store::StoreBusyError);
}

// On a lower filesystem that copies on write, changing a byte takes room.
TEST(Opening, WithoutRoomForTheMarkAnInterruptedStoreOpensAndACleanOneSaysWhatToDo) {
  StoreOnDisk store;
  const Bytes content = leave_a_log(store);
  const auto no_room = [&] {
    store.disk.fail_calls(
        {.kind = CallKind::kWrite, .path_prefix = ".zstdfs/state", .error = EDQUOT, .times = 1000});
  };
  store.end(Survival::everything());
  no_room();
  store.open();
  auto file = store.open_file("f");
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  store.store->close_file(file);
  file.reset();  // before its store
  store.disk.clear_faults();
  EXPECT_TRUE(store.store->shut_down());
  store.store.reset();
  no_room();
  EXPECT_THAT(why_not(store.disk), HasSubstr("Disk quota exceeded; make room on the disk, or"));
  store.disk.clear_faults();
  store.open();
}

TEST(Opening, AStateThatTellsOfNoInterruptionMeansNoRecovery) {
  FaultyDisk disk;
  const auto volume = disk.volume();
  {
    store::StoreDirectory fresh(*volume, store::StoreDirectory::Locking::kRequired);
    EXPECT_FALSE(fresh.interruption());
    fresh.mark_at_work({1234, 0});
  }
  {
    store::StoreDirectory interrupted(*volume, store::StoreDirectory::Locking::kRequired);
    ASSERT_TRUE(interrupted.interruption());
    EXPECT_EQ(interrupted.interruption()->since.tv_sec, 1234);
    EXPECT_FALSE(interrupted.interruption()->system_went_down);
    interrupted.mark_clean(std::nullopt);
  }
  EXPECT_FALSE(
      store::StoreDirectory(*volume, store::StoreDirectory::Locking::kRequired).interruption());
}

TEST(Opening, ANewerFormatIsRefusedAndNothingChanged) {
  FaultyDisk disk;
  Store::open(disk.volume(), quiet())->shut_down();
  disk.put(".zstdfs/store.json", bytes_of("{\"format\": 2}"));
  disk.restart(Survival::everything());
  const auto files = disk.list();
  EXPECT_THROW(Store::open(disk.volume(), quiet()), NewerFormatError);
  EXPECT_EQ(disk.list(), files);
  EXPECT_EQ(*disk.content(".zstdfs/store.json"), bytes_of("{\"format\": 2}"));
}

TEST(Opening, ADamagedDescriptionIsRefused) {
  FaultyDisk disk;
  Store::open(disk.volume(), quiet())->shut_down();
  disk.put(".zstdfs/store.json", bytes_of("{\"form"));
  disk.restart(Survival::everything());
  EXPECT_THAT(why_not(disk), HasSubstr("store.json is damaged"));
}

TEST(Opening, AFullDiskCanBeOpened) {
  FaultyDisk disk;
  Store::open(disk.volume(), quiet())->shut_down();
  disk.restart(Survival::everything());
  disk.set_free_bytes(0);
  EXPECT_EQ(why_not(disk), "it opened");
}

TEST(Opening, ALogOfAnotherFileIsDropped) {
  StoreOnDisk store;
  leave_a_log(store);
  // The log stays, the file is replaced by another of the same name.
  store.disk.put("other", text_bytes(60'000, 2));
  store.disk.volume()->rename("other", "f");
  store.crash(Survival::everything());
  EXPECT_EQ(StoreOnDisk::read_all(*store.open_file("f")), text_bytes(60'000, 2));
  ASSERT_TRUE(store.reopen());
  EXPECT_FALSE(store.disk.content(".zstdfs/journal/1.log"));
}

TEST(Opening, ALogOfAFileWithADamagedHeaderIsTakenUp) {
  constexpr std::uint64_t kInTheHeader = 50;
  StoreOnDisk store;
  const Bytes content = leave_a_log(store);
  store.store.reset();
  const auto backing = store.disk.volume()->open("f", os::OpenMode::kReadWrite);
  std::array<std::byte, 1> byte{};
  backing->read_at(kInTheHeader, byte);
  byte[0] ^= std::byte{1};
  backing->write_at(kInTheHeader, byte);
  store.open();
  EXPECT_EQ(StoreOnDisk::read_all(*store.open_file("f")), content);
}

// A repair lays it over what is intact.
TEST(Opening, ALogOfAFileThatLostItsEndIsKept) {
  StoreOnDisk store;
  auto file = store.open_file("f");
  file->write(0, text_bytes(50'000, 1));
  file->sync(os::SyncKind::kData);
  file->write(50'000, text_bytes(50'000, 2));  // with which the header vouches for the first half
  file->flush();
  file->write(100, bytes_of("changed"));
  file->flush();
  file.reset();
  store.store.reset();
  const auto backing = store.disk.volume()->open("f", os::OpenMode::kReadWrite);
  backing->truncate(backing->size() / 4);
  store.open();
  ASSERT_TRUE(store.reopen());
  EXPECT_TRUE(store.disk.content(".zstdfs/journal/1.log"));
}

TEST(Opening, AFileThatWasRenamedKeepsItsLog) {
  StoreOnDisk store;
  const Bytes content = leave_a_log(store);
  store.disk.volume()->rename("f", "g");
  store.crash(Survival::everything());
  EXPECT_EQ(StoreOnDisk::read_all(*store.open_file("g")), content);
}

// The removal of a name is not durable yet when the power goes: the file is back, and must be what
// it was.
TEST(Opening, AnUnlinkedFileThatComesBackHasItsLog) {
  StoreOnDisk store;
  Bytes content = leave_a_log(store);
  {
    const auto file = store.open_file("f");
    file->sync(os::SyncKind::kDataAndTimes);
    store.sync_names();
    store.disk.volume()->remove("f");
    store.store->close_file(file);
    store.store->close_file(file);
  }
  EXPECT_TRUE(store.store->settle_now());
  store.crash(Survival::nothing_unsynced());
  EXPECT_EQ(StoreOnDisk::read_all(*store.open_file("f")), content);
}

// Where a size survives without its data: what is left must not be taken for content.
TEST(Opening, AContainerThatLostItsFirstBlockIsNotReadAsRaw) {
  StoreOnDisk store;
  const auto lose = [&store](std::size_t bytes) {
    const auto file = store.open_file("f");
    file->truncate(0);
    file->write(0, text_bytes(50'000, 1));
    file->sync(os::SyncKind::kDataAndTimes);
    store.sync_names();
    store.store->close_file(file);
    Bytes stored = *store.disk.content("f");
    std::fill_n(stored.begin(), bytes, std::byte{0});
    store.disk.put("f", stored);
  };
  lose(512);
  store.crash(Survival::nothing_unsynced());
  ASSERT_TRUE(store.disk.content("f"));
  EXPECT_EQ(store.open_file("f")->logical_bytes(), 0u);
  lose(kContainerHeaderBytes);
  store.crash(Survival::nothing_unsynced());
  EXPECT_EQ(StoreOnDisk::read_all(*store.open_file("f")), text_bytes(50'000, 1));
  lose(512);
  store.lose_mount(Survival::nothing_unsynced());
  store.open();
  EXPECT_EQ(store.open_file("f")->logical_bytes(), 0u);
}

TEST(Opening, ReadOnlyShowsTheLogAndChangesNothing) {
  StoreOnDisk store;
  const Bytes content = leave_a_log(store);
  store.end(Survival::everything());
  const auto before = store.disk.list();
  const Bytes stored = *store.disk.content("f");
  StoreOptions options = quiet();
  options.read_only = true;
  const auto read_only = Store::open(store.disk.volume(), options);
  const auto volume = store.disk.volume();
  auto backing = volume->open("f", os::OpenMode::kRead);
  const struct stat status = backing->stat();
  for (int i = 0; i < 2; ++i) {
    backing = volume->open("f", os::OpenMode::kRead);
    const auto shown = read_only->open_file({status.st_dev, status.st_ino}, store::ForWriting::kNo,
                                            [&backing] { return std::move(backing); });
    EXPECT_EQ(StoreOnDisk::read_all(*shown), content);
    EXPECT_THROW(shown->write(0, bytes_of("x")), std::system_error);
    read_only->close_file(shown);
  }
  EXPECT_TRUE(read_only->shut_down());
  EXPECT_EQ(store.disk.list(), before);
  EXPECT_EQ(*store.disk.content("f"), stored);
}

TEST(Times, ClosingAndSettlingMoveNeitherModificationNorChangeTime) {
  StoreOnDisk store;
  const auto volume = store.disk.volume();
  const auto presented = [&](const std::string& path) {
    struct stat status = volume->stat(path);
    store.store->present(
        status, [&](struct stat& again) { again = volume->stat(path); },
        [&] { return volume->open(path, os::OpenMode::kRead); });
    return status;
  };
  const auto file = store.open_file("f");
  file->write(0, text_bytes(50'000, 1));
  file->flush();
  file->write(100, bytes_of("changed"));
  const struct stat written = presented("f");
  file->flush();
  const struct stat flushed = presented("f");
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  const struct stat settled = presented("f");
  for (const struct stat& after : {flushed, settled}) {
    EXPECT_EQ(after.st_mtim.tv_nsec, written.st_mtim.tv_nsec);
    EXPECT_EQ(after.st_mtim.tv_sec, written.st_mtim.tv_sec);
    EXPECT_EQ(after.st_ctim.tv_nsec, written.st_ctim.tv_nsec);
    EXPECT_EQ(after.st_size, 50'000);
  }
}

// cp -a and tar set the time of a file that they have not closed yet.
TEST(Times, AModificationTimeThatWasSetBeforeTheFlushStays) {
  StoreOnDisk store;
  const auto volume = store.disk.volume();
  const auto file = store.open_file("f");
  file->write(0, text_bytes(50'000, 1));
  file->change_attributes(kModificationTime, [&] {
    volume->open("f", os::OpenMode::kReadWrite)->set_modification_time({1234, 5678});
  });
  file->flush();
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_EQ(volume->stat("f").st_mtim.tv_sec, 1234);
  EXPECT_EQ(volume->stat("f").st_mtim.tv_nsec, 5678);
}

// The daemon stores open files from time to time, whatever their users are doing.
TEST(Times, AModificationTimeThatIsSetDuringAFlushStays) {
  constexpr int kRounds = 3000;
  StoreOnDisk store;
  const auto volume = store.disk.volume();
  const auto file = store.open_file("f");
  const auto backing = volume->open("f", os::OpenMode::kReadWrite);
  std::atomic<bool> done{false};
  std::thread flusher([&] {
    while (!done) file->flush();
  });
  int kept = 0;
  for (int i = 1; i <= kRounds; ++i) {
    file->write(static_cast<std::uint64_t>(i) % 7, text_bytes(5000, 1));
    file->change_attributes(kModificationTime, [&] { backing->set_modification_time({i, 0}); });
    file->flush();
    if (backing->stat().st_mtim.tv_sec == i) ++kept;
  }
  done = true;
  flusher.join();
  EXPECT_EQ(kept, kRounds);
}

TEST(Times, AChangeOfAttributesDuringAFlushIsSeen) {
  StoreOnDisk store;
  const auto file = store.open_file("f");
  const auto backing = store.disk.volume()->open("f", os::OpenMode::kReadWrite);
  for (int i = 1; i <= 10; ++i) {
    // Enough that storing it takes some milliseconds.
    file->write(0, text_bytes(1'000'000, static_cast<std::uint64_t>(i)));
    std::thread flusher([&] { file->flush(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    timespec changed{};
    file->change_attributes(StoredFile::Attributes::kOthers, [&] {
      backing->set_modification_time({i, 0});  // stands for any change of attributes
      changed = backing->stat().st_ctim;
    });
    flusher.join();
    EXPECT_FALSE(store::is_before(file->present().st_ctim, changed)) << i;
  }
}

// Nobody waits for a flush in order to take a name away.
TEST(Times, ANameThatIsTakenAwayDuringAFlushIsSeen) {
  StoreOnDisk store;
  const auto file = store.open_file("f");
  const auto backing = store.disk.volume()->open("f", os::OpenMode::kReadWrite);
  for (int i = 1; i <= 10; ++i) {
    file->write(0, text_bytes(1'000'000, static_cast<std::uint64_t>(i)));
    std::thread flusher([&] { file->flush(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    backing->set_modification_time({i, 0});  // stands for what moves the change time
    const timespec changed = backing->stat().st_ctim;
    store.store->name_changed(file->key());
    flusher.join();
    EXPECT_FALSE(store::is_before(file->present().st_ctim, changed)) << i;
  }
}

// A flush and a rewrite move the backing file's time, and put it back. Who looked meanwhile, and
// asks what applications may see when they have ended, is not told what was looked at.
TEST(Times, AStatusFromTheMiddleOfAChangeIsNotShown) {
  StoreOnDisk store;
  const auto volume = store.disk.volume();
  const auto file = store.open_file("f");
  file->write(0, text_bytes(50'000, 1));
  file->flush();
  const struct stat before = volume->stat("f");
  const auto expect_present_time = [&] {
    struct stat status = before;
    status.st_mtim.tv_sec += 1000;
    const auto read_again = [&](struct stat& again) { again = volume->stat("f"); };
    store.store->present(status, read_again,
                         [&] { return volume->open("f", os::OpenMode::kRead); });
    EXPECT_EQ(status.st_mtim.tv_sec, before.st_mtim.tv_sec);
    EXPECT_EQ(status.st_size, 50'000);
  };
  expect_present_time();
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  expect_present_time();
}

// Its time is that of before, and would come back when it is applied.
TEST(Times, AModificationTimeIsSetAfterARewriteThatWasBegun) {
  StoreOnDisk store;
  const auto file = store.open_file("f");
  const auto backing = store.disk.volume()->open("f", os::OpenMode::kReadWrite);
  file->write(0, text_bytes(50'000, 1));
  file->sync(os::SyncKind::kData);
  file->write(7, random_bytes(100, 2));
  file->flush();
  store.disk.fail_calls(
      {.kind = CallKind::kRead, .path_prefix = ".zstdfs/journal", .error = EIO, .skip = 0});
  EXPECT_THROW(file->settle(), std::system_error);
  store.disk.clear_faults();
  file->change_attributes(kModificationTime, [&] { backing->set_modification_time({1234, 5678}); });
  file->settle();
  EXPECT_FALSE(file->needs_settling());
  EXPECT_EQ(backing->stat().st_mtim.tv_sec, 1234);
}

TEST(Sizes, AreThoseOfTheContentWhateverTheForm) {
  StoreOnDisk store;
  const auto volume = store.disk.volume();
  for (const std::size_t bytes : {0u, 63u, 64u, 79u, 80u, 4096u, 4097u, 100'000u}) {
    for (const Bytes& content : {text_bytes(bytes, 1), random_bytes(bytes, 2)}) {
      const auto file = store.open_file("f");
      file->truncate(0);
      file->write(0, content);
      file->flush();
      store.store->close_file(file);
      struct stat status = volume->stat("f");
      store.store->present(
          status, [&](struct stat& again) { again = volume->stat("f"); },
          [&] { return volume->open("f", os::OpenMode::kRead); });
      EXPECT_EQ(static_cast<std::size_t>(status.st_size), bytes);
    }
  }
}

// A scan reads all of the file. Who lists a directory again and again must not wait for it each
// time.
TEST(Sizes, OfADamagedFileAreFoundOutOnce) {
  StoreOnDisk store;
  const auto file = store.open_file("f");
  file->write(0, text_bytes(200'000, 1));
  file->flush();
  store.store->close_file(file);
  Bytes damaged = *store.disk.content("f");
  damaged[30] ^= std::byte{1};
  const auto volume = store.disk.volume();
  const auto shown_size = [&] {
    struct stat status = volume->stat("f");
    store.store->present(
        status, [&](struct stat& again) { again = volume->stat("f"); },
        [&] { return volume->open("f", os::OpenMode::kRead); });
    return status.st_size;
  };
  store.disk.put("f", damaged);
  EXPECT_EQ(shown_size(), 200'000);
  // The header may be read, and nothing else.
  store.disk.fail_calls(
      {.kind = CallKind::kRead, .path_prefix = "f", .error = EIO, .skip = 1, .times = 1000});
  EXPECT_EQ(shown_size(), 200'000);
  store.disk.clear_faults();
  // What has changed since is looked at anew.
  damaged.resize(damaged.size() / 2);
  store.disk.put("f", damaged);
  EXPECT_LT(shown_size(), 200'000);
}

}  // namespace
}  // namespace zstdfs::test
