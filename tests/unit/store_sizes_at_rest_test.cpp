// The sizes of files that nobody has open: right after every change, and known without a look at
// the files wherever that may be.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

using store::Store;
using store::StoredFile;

struct Shown {
  std::uint64_t bytes = 0;
  bool known = false;  ///< the backing file was not opened for it
};

class SizesAtRest : public testing::Test {
 protected:
  struct stat status(const std::string& path) {
    return store_.disk.volume()->stat(path);
  }

  Shown show(const std::string& path) {
    Shown shown{0, true};
    struct stat seen = status(path);
    store_.store->present(
        seen, [&](struct stat& again) { again = status(path); },
        [&] {
          shown.known = false;
          return store_.disk.volume()->open(path, os::OpenMode::kRead);
        });
    shown.bytes = static_cast<std::uint64_t>(seen.st_size);
    return shown;
  }

  void with_file(const std::string& path, const std::function<void(StoredFile&)>& work) {
    auto file = store_.open_file(path);
    work(*file);
    file->flush();
    store_.store->close_file(file);
  }
  void write(const std::string& path, const Bytes& content) {
    with_file(path, [&](StoredFile& file) { file.write(0, content); });
  }
  /// Changes something below the mount that makes the change time another.
  void touch(const std::string& path) {
    store_.disk.volume()
        ->open(path, os::OpenMode::kReadWrite)
        ->set_modification_time({.tv_sec = 5, .tv_nsec = 5});
  }

  void expect_known(const std::string& path, std::uint64_t bytes) {
    const Shown shown = show(path);
    EXPECT_EQ(shown.bytes, bytes);
    EXPECT_TRUE(shown.known);
  }
  void expect_read_from_header(const std::string& path, std::uint64_t bytes) {
    const Shown shown = show(path);
    EXPECT_EQ(shown.bytes, bytes);
    EXPECT_FALSE(shown.known);
  }

  StoreOnDisk store_;
};

TEST_F(SizesAtRest, AreKnownAfterEachChangeAndAfterAMount) {
  const Bytes text = text_bytes(100'000, 1);
  const auto changed = [this](const char* what, std::uint64_t bytes,
                              const std::function<void(StoredFile&)>& change) {
    SCOPED_TRACE(what);
    with_file("f", change);
    ASSERT_TRUE(store_.store->settle_now());
    expect_known("f", bytes);
    store_.reopen();
    expect_known("f", bytes);
  };
  changed("a container", 100'000, [&](StoredFile& file) { file.write(0, text); });
  ASSERT_LT(status("f").st_size, 100'000);
  changed("an overwrite", 100'000, [](StoredFile& file) { file.write(70'000, bytes_of("new")); });
  changed("an addition", 100'003, [](StoredFile& file) { file.write(100'000, bytes_of("end")); });
  changed("frames more", 300'003,
          [&](StoredFile& file) { file.write(100'003, text_bytes(200'000, 2)); });
  changed("a truncation", 50'001, [](StoredFile& file) { file.truncate(50'001); });
  changed("a growth", 70'000, [](StoredFile& file) { file.truncate(70'000); });
  changed("a hole", 70'000, [](StoredFile& file) { file.punch_hole({1000, 20'000}); });
  changed("another level", 70'000, [](StoredFile& file) {
    store::SettingsChoice choice;
    choice.level = 19;
    file.recompress(choice);
  });
  changed("a mode", 70'000, [this](StoredFile& file) {
    file.change_attributes(StoredFile::Attributes::kOthers, [this] { touch("f"); });
  });
  changed("a name", 70'000, [this](StoredFile& file) {
    touch("f");
    file.name_changed();
  });
  changed("raw", 60'000, [](StoredFile& file) {
    file.truncate(0);
    file.write(0, random_bytes(60'000, 3));
  });
  changed("raw, written on", 60'100,
          [](StoredFile& file) { file.write(60'000, random_bytes(100, 4)); });
}

TEST_F(SizesAtRest, OfAFileThatIsReadOnlyStayKnown) {
  write("f", text_bytes(50'000, 1));
  store_.reopen();
  with_file("f", [](StoredFile& file) { StoreOnDisk::read_all(file); });
  expect_known("f", 50'000);
  const auto sizes = store_.disk.content(".zstdfs/sizes");
  store_.reopen();
  EXPECT_EQ(store_.disk.content(".zstdfs/sizes"), sizes) << "there was nothing to add";
}

TEST_F(SizesAtRest, AreKnownWhenTheHeaderWasReadOnce) {
  write("f", text_bytes(50'000, 1));
  store_.crash(Survival::everything());
  expect_read_from_header("f", 50'000);
  expect_known("f", 50'000);
  store_.reopen();
  expect_known("f", 50'000);
}

TEST_F(SizesAtRest, OutliveChangesOfAttributesAndNames) {
  write("f", text_bytes(50'000, 1));
  const store::SizeAtRest before = store_.store->size_at_rest(status("f"));
  touch("f");
  store_.store->keep_size(before, status("f"));
  expect_known("f", 50'000);
  store_.reopen();
  expect_known("f", 50'000);
  touch("f");
  expect_read_from_header("f", 50'000);
}

TEST_F(SizesAtRest, AreNotKeptOverAChangeOfTheContent) {
  write("f", text_bytes(50'000, 1));
  const store::SizeAtRest before = store_.store->size_at_rest(status("f"));
  ASSERT_TRUE(before.known);
  write("f", text_bytes(50'010, 2));
  struct stat after = status("f");
  after.st_size = before.stored_bytes;  // as it may be by chance
  store_.store->keep_size(before, after);
  expect_known("f", 50'010);
  EXPECT_FALSE(store_.store->size_at_rest(after).known);
}

// Change time and stored size are then the same for another content.
TEST_F(SizesAtRest, AreRightAfterTwoChangesWithinATickOfTheClock) {
  write("f", text_bytes(50'000, 1));
  store_.disk.hold_clock();
  with_file("f", [](StoredFile& file) { file.write(100, bytes_of("changed")); });
  ASSERT_TRUE(store_.store->settle_now());
  ASSERT_TRUE(show("f").known);
  const struct stat before = status("f");
  const auto make_raw = [&](StoredFile& file) {
    file.truncate(0);
    file.write(0, random_bytes(static_cast<std::size_t>(before.st_size), 2));
  };
  with_file("f", make_raw);
  ASSERT_TRUE(store_.store->settle_now());
  ASSERT_EQ(status("f").st_size, before.st_size);
  ASSERT_EQ(status("f").st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  ASSERT_EQ(status("f").st_ctim.tv_sec, before.st_ctim.tv_sec);
  expect_known("f", static_cast<std::uint64_t>(before.st_size));
  store_.disk.release_clock();
  store_.reopen();
  expect_known("f", static_cast<std::uint64_t>(before.st_size));
}

// Whoever changes the file after the unmount, by hand, may do so within the tick.
TEST_F(SizesAtRest, AreNotKeptWhenTheClockHasNotMovedOn) {
  store_.disk.hold_clock();
  write("f", text_bytes(50'000, 1));
  store_.store->shut_down();
  store_.store.reset();
  const auto stored_bytes = static_cast<std::size_t>(status("f").st_size);
  store_.disk.volume()
      ->open("f", os::OpenMode::kReadWrite)
      ->write_at(0, random_bytes(stored_bytes, 2));
  store_.disk.release_clock();
  store_.open();
  expect_read_from_header("f", stored_bytes);
}

TEST_F(SizesAtRest, OfWhatWasRestoredByHandAreReadAgain) {
  write("f", text_bytes(50'000, 1));
  const Bytes old = *store_.disk.content("f");
  write("f", text_bytes(60'000, 2));
  ASSERT_TRUE(store_.store->settle_now());
  store_.store->shut_down();
  store_.store.reset();
  const auto volume = store_.disk.volume();
  const auto file = volume->open("f", os::OpenMode::kReadWrite);
  file->truncate(0);
  file->write_at(0, old);
  store_.open();
  expect_read_from_header("f", 50'000);
}

TEST_F(SizesAtRest, AreNotBelievedAfterACrash) {
  for (const Survival& survival : {Survival::everything(), Survival::nothing_unsynced()}) {
    SCOPED_TRACE(survival.describe());
    write("f", text_bytes(50'000, 1));
    store_.sync_names();
    store_.reopen();
    ASSERT_TRUE(store_.disk.content(".zstdfs/sizes"));
    store_.crash(survival);
    EXPECT_FALSE(store_.disk.content(".zstdfs/sizes"));
    expect_read_from_header("f", 50'000);
  }
}

TEST_F(SizesAtRest, ArriveWithTheMarkThatTheStoreIsClean) {
  write("f", text_bytes(50'000, 1));
  store_.sync_names();
  ASSERT_TRUE(store_.store->shut_down());
  store_.store.reset();
  store_.disk.restart(Survival::nothing_unsynced());
  store_.open();
  expect_known("f", 50'000);
}

TEST_F(SizesAtRest, AFullDiskCostsOnlyTheKnowledge) {
  write("f", text_bytes(50'000, 1));
  store_.reopen();
  write("g", text_bytes(70'000, 2));
  store_.disk.set_free_bytes(0);
  EXPECT_TRUE(store_.reopen());
  store_.disk.set_unlimited();
  EXPECT_FALSE(store_.disk.content(".zstdfs/sizes"));
  EXPECT_FALSE(store_.disk.content(".zstdfs/sizes.new"));
  expect_read_from_header("f", 50'000);
  expect_read_from_header("g", 70'000);
}

TEST_F(SizesAtRest, AReadOnlyMountUsesThemAndWritesNothing) {
  write("f", text_bytes(50'000, 1));
  store_.store->shut_down();
  store_.store.reset();
  const auto sizes = store_.disk.content(".zstdfs/sizes");
  store::StoreOptions options = StoreOnDisk::small_chunks();
  options.read_only = true;
  store_.store = Store::open(store_.disk.volume(), options);
  expect_known("f", 50'000);
  touch("f");
  expect_read_from_header("f", 50'000);
  store_.store->shut_down();
  EXPECT_EQ(store_.disk.content(".zstdfs/sizes"), sizes);
}

TEST_F(SizesAtRest, AReadOnlyMountDoesNotBelieveThemAfterACrash) {
  write("f", text_bytes(50'000, 1));
  store_.reopen();
  store_.store.reset();
  store_.disk.restart(Survival::everything());
  store::StoreOptions options = StoreOnDisk::small_chunks();
  options.read_only = true;
  store_.store = Store::open(store_.disk.volume(), options);
  expect_read_from_header("f", 50'000);
}

TEST_F(SizesAtRest, OfAFileThatIsOpenAtTheEndAreRight) {
  write("f", text_bytes(50'000, 1));
  auto file = store_.open_file("f");
  file->write(50'000, text_bytes(30'000, 2));
  EXPECT_TRUE(store_.store->shut_down());
  file.reset();  // before its store
  store_.store.reset();
  store_.open();
  EXPECT_EQ(show("f").bytes, 80'000u);
}

TEST_F(SizesAtRest, OfADamagedFileAreScannedOnceInEachMount) {
  write("f", text_bytes(100'000, 1));
  store_.store->shut_down();
  store_.store.reset();
  const auto volume = store_.disk.volume();
  volume->open("f", os::OpenMode::kReadWrite)->write_at(40, bytes_of("damage"));
  store_.open();
  const Shown scanned = show("f");
  EXPECT_FALSE(scanned.known);
  expect_known("f", scanned.bytes);
  store_.reopen();
  expect_read_from_header("f", scanned.bytes);
}

TEST_F(SizesAtRest, SmallFilesAreNotAskedFor) {
  write("f", random_bytes(40, 1));
  expect_known("f", 40);
  store_.reopen();
  EXPECT_FALSE(store_.disk.content(".zstdfs/sizes"));
}

}  // namespace
}  // namespace zstdfs::test
