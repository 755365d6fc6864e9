#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <map>

#include "fs/os/posix.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/write_log.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"

// `zstdfs fsck --repair`, on stores that are made and damaged by hand.

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

constexpr std::uint32_t kChunk = 4096;
constexpr int kClean = 0;
constexpr int kCorrected = 1;
constexpr int kErrors = 4;
constexpr int kOperational = 8;
constexpr int kUsage = 16;

const Bytes kContent = text_bytes(6 * kChunk, 1);

ContainerBuilder some_container() {
  return container_of(kContent, kChunk);
}

void turn_bit(Bytes& bytes, std::size_t at) {
  bytes[at] ^= std::byte{0x10};
}

/// Everything in a tree: names, types, attributes, times and content.
std::map<std::string, std::string> picture_of(const std::string& root) {
  std::map<std::string, std::string> picture;
  const auto add = [&](const fs::path& path) {
    struct stat s {};
    ASSERT_EQ(::lstat(path.c_str(), &s), 0);
    std::string text = std::to_string(s.st_ino) + " " + std::to_string(s.st_mode) + " " +
                       std::to_string(s.st_nlink) + " " + std::to_string(s.st_size);
    for (const timespec& time : {s.st_atim, s.st_mtim, s.st_ctim}) {
      text += " " + std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
    }
    picture[path.string()] = text;
  };
  std::vector<fs::path> paths = {root};
  for (const auto& entry : fs::recursive_directory_iterator(root)) paths.push_back(entry.path());
  for (const fs::path& path : paths) add(path);
  return picture;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  if (!fs::exists(directory)) return names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class FsckRepair : public testing::Test {
 protected:
  CommandResult repair(int expected_code) {
    CommandResult result = run_zstdfs({"fsck", "--repair", "--json", store_.path()});
    EXPECT_EQ(result.exit_code, expected_code) << result.out << result.error;
    return result;
  }

  /// Nothing is wrong any more, and a second repair finds nothing to do.
  void expect_repaired() {
    const CommandResult check = run_zstdfs({"fsck", store_.path()});
    EXPECT_EQ(check.exit_code, kClean) << check.out << check.error;
    const auto before = picture_of(store_.path());
    const auto again = repair(kClean).json();
    EXPECT_TRUE(again.at("repairs").empty()) << again;
    auto after = picture_of(store_.path());
    after[store_.path(".zstdfs/lock")] = before.at(store_.path(".zstdfs/lock"));
    EXPECT_EQ(after, before);
  }

  /// With a bit turned at any of these offsets, a container is made again without loss.
  void expect_rebuilt(const Bytes& intact, const std::vector<std::size_t>& offsets) {
    for (const std::size_t at : offsets) {
      SCOPED_TRACE(at);
      Bytes damaged = intact;
      turn_bit(damaged, at);
      store_.write("f", damaged);
      const auto json = repair(kCorrected).json();
      EXPECT_EQ(json.at("repairs").at(0).at("action"), "rebuilt");
      EXPECT_EQ(content("f"), content_of(intact));
      expect_repaired();
    }
    EXPECT_TRUE(lost_and_found().empty());
  }

  std::vector<std::string> lost_and_found() { return names_in(store_.path("lost+found")); }

  /// What a mount shows of the one copy that is kept.
  Bytes kept_copy() {
    for (const std::string& name : lost_and_found()) {
      if (name.ends_with(".damaged"))
        return content_of(read_file(store_.path("lost+found/" + name)));
    }
    return {};
  }

  Bytes content(std::string_view below) { return content_of(read_file(store_.path(below))); }

  const TempStore store_;
};

TEST_F(FsckRepair, ACleanStoreIsLeftAlone) {
  store_.write("f", some_container().sealed());
  store_.write("raw", "text");
  expect_repaired();
  EXPECT_TRUE(lost_and_found().empty());
}

TEST_F(FsckRepair, ADamagedHeaderOrTableIsMadeAgainWithoutLoss) {
  const Bytes intact = some_container().sealed();
  expect_rebuilt(intact, {3, 50, intact.size() - 3, intact.size() - 20, intact.size() - 85});
}

TEST_F(FsckRepair, ADamagedShortHeaderIsMadeAgainWithoutLoss) {
  const Bytes intact = short_container_of(text_bytes(3000, 1));
  store_.write("f", intact);
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kClean);
  expect_rebuilt(intact, {3, 5, 10, 20, 33, 43, 55});
}

TEST_F(FsckRepair, OfAShortContainerWithADamagedFrameNothingIsLeft) {
  Bytes damaged = short_container_of(text_bytes(3000, 1));
  turn_bit(damaged, damaged.size() - 1);
  store_.write("f", damaged);
  store_.write("g", some_container().sealed());
  const auto action = repair(kCorrected).json().at("repairs").at(0);
  EXPECT_EQ(action.at("path"), "f");
  EXPECT_FALSE(fs::exists(store_.path("f")));
  EXPECT_FALSE(lost_and_found().empty());
  EXPECT_EQ(content("g"), kContent);
  expect_repaired();
}

TEST_F(FsckRepair, DamagedPaddingIsMadeAgain) {
  ContainerBuilder builder(kChunk);
  builder.chunk(text_bytes(kChunk, 1)).padding(300).chunk(text_bytes(kChunk, 2));
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[0].stored_end() + 1);
  store_.write("f", damaged);
  repair(kCorrected);
  EXPECT_EQ(content("f"), content_of(builder.sealed()));
  expect_repaired();
}

TEST_F(FsckRepair, WhatIsLostIsNamedAndTheRestStaysWhereItWas) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[1].stored_offset + 60);
  turn_bit(damaged, builder.index()[4].stored_end() - 1);
  store_.write("dir/f", damaged);
  const auto action = repair(kCorrected).json().at("repairs").at(0);
  EXPECT_EQ(action.at("path"), "dir/f");
  EXPECT_EQ(action.at("action"), "salvaged");
  const auto range = [](unsigned offset) {
    return nlohmann::json{{"offset", offset}, {"bytes", kChunk}};
  };
  EXPECT_EQ(action.at("lost"), nlohmann::json({range(kChunk), range(4 * kChunk)}));
  EXPECT_EQ(content("dir/f"),
            with_hole(with_hole(kContent, kChunk, 2 * kChunk), 4 * kChunk, 5 * kChunk));
  // The copy shows the damaged file, byte for byte.
  EXPECT_EQ(kept_copy(), damaged);
  ASSERT_EQ(lost_and_found().size(), 2);
  EXPECT_EQ(action.at("kept_as"), "lost+found/" + lost_and_found().at(0));
  EXPECT_EQ(lost_and_found().at(1), lost_and_found().at(0) + ".report");
  const Bytes report = read_file(store_.path("lost+found/" + lost_and_found().at(1)));
  EXPECT_THAT(std::string(reinterpret_cast<const char*>(report.data()), report.size()),
              AllOf(HasSubstr("dir/f"), HasSubstr("bytes 4096 to 8191"),
                    HasSubstr("bytes 16384 to 20479")));
  struct stat status {};
  ASSERT_EQ(::stat(store_.path("lost+found").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
  expect_repaired();
}

TEST_F(FsckRepair, TheFileKeepsItsInodeLinksAttributesAndTimes) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[1].stored_offset + 60);
  store_.write("f", damaged);
  const std::string path = store_.path("f");
  ASSERT_EQ(::link(path.c_str(), store_.path("g").c_str()), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(::setxattr(path.c_str(), "user.x", "y", 1, 0), 0);
  const timespec times[2] = {{1000, 5}, {2000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  repair(kCorrected);
  struct stat after {};
  ASSERT_EQ(::stat(store_.path("g").c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_nlink, 2u);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtim.tv_nsec, 7);
  EXPECT_EQ(after.st_atim.tv_nsec, 5);
  char value = 0;
  EXPECT_EQ(::getxattr(path.c_str(), "user.x", &value, 1), 1);
  expect_repaired();
}

TEST_F(FsckRepair, BytesCutOutOrPutInDoNotCostTheFramesBehindThem) {
  const ContainerBuilder builder = some_container();
  const Bytes intact = builder.sealed();
  const auto middle =
      intact.begin() + static_cast<std::ptrdiff_t>(builder.index()[2].stored_offset + 50);
  Bytes longer = intact;
  const Bytes garbage = random_bytes(1000, 5);
  longer.insert(longer.begin() + (middle - intact.begin()), garbage.begin(), garbage.end());
  Bytes shorter(intact.begin(), middle);
  shorter.insert(shorter.end(), middle + 30, intact.end());
  for (const Bytes& damaged : {longer, shorter}) {
    SCOPED_TRACE(damaged.size());
    store_.write("f", damaged);
    repair(kCorrected);
    EXPECT_EQ(content("f"), with_hole(kContent, 2 * kChunk, 3 * kChunk));
    fs::remove_all(store_.path("lost+found"));
    expect_repaired();
  }
}

TEST_F(FsckRepair, AFileWhoseEndIsCutOffKeepsItsSize) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  damaged.resize(builder.index()[3].stored_end() - 1);
  store_.write("f", damaged);
  repair(kCorrected);
  EXPECT_EQ(content("f"), with_hole(kContent, 3 * kChunk, kContent.size()));
  EXPECT_EQ(kept_copy(), damaged);
  expect_repaired();
}

TEST_F(FsckRepair, WithoutATableSizesThatAddUpTellWhatBelongsWhere) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  damaged[damaged.size() - 30] ^= std::byte{0xFF};               // the table
  turn_bit(damaged, builder.index()[1].stored_offset + 60);      // content
  damaged[builder.index()[4].stored_offset] ^= std::byte{0xFF};  // a magic number
  store_.write("f", damaged);
  const auto action = repair(kCorrected).json().at("repairs").at(0);
  // From the second frame on nothing tells where the two between the damaged ones belong.
  EXPECT_EQ(action.at("lost").size(), 1);
  EXPECT_EQ(content("f"), with_hole(kContent, kChunk, 5 * kChunk));
  EXPECT_EQ(kept_copy(), damaged);
  expect_repaired();
}

TEST_F(FsckRepair, AFileOfWhichNothingIsIntactIsMovedWithAllItsNames) {
  ContainerBuilder builder(kChunk);
  builder.chunk(text_bytes(kChunk, 1));
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[0].stored_offset + 60);
  store_.write("a/f", damaged);
  ASSERT_EQ(::mkdir(store_.path("b").c_str(), 0755), 0);
  ASSERT_EQ(::link(store_.path("a/f").c_str(), store_.path("b/g").c_str()), 0);
  ASSERT_EQ(::chmod(store_.path("a/f").c_str(), 0640), 0);
  const auto repairs = repair(kCorrected).json().at("repairs");
  ASSERT_EQ(repairs.size(), 2) << repairs;
  EXPECT_EQ(repairs.at(0).at("action"), "moved");
  EXPECT_FALSE(fs::exists(store_.path("a/f")));
  EXPECT_FALSE(fs::exists(store_.path("b/g")));
  EXPECT_EQ(kept_copy(), damaged);
  struct stat status {};
  const std::string kept = repairs.at(0).at("kept_as");
  ASSERT_EQ(::stat(store_.path(kept).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
  EXPECT_EQ(status.st_nlink, 2u);
  expect_repaired();
}

TEST_F(FsckRepair, ADryRunSaysTheSameAndChangesNothing) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[1].stored_offset + 60);
  store_.write("frame", damaged);
  damaged = builder.sealed();
  turn_bit(damaged, 50);
  store_.write("header", damaged);
  store_.write("cut", ByteSpan(damaged).first(100));
  damaged = builder.sealed();
  damaged.resize(damaged.size() + 100);
  store_.write("longer", damaged);
  store_.write(".zstdfs/foreign", "?");
  store_.write(".zstdfs/journal/7.log", "nonsense that is no log");
  const auto before = picture_of(store_.path());
  const CommandResult dry = run_zstdfs({"fsck", "--repair", "--dry-run", "--json", store_.path()});
  EXPECT_EQ(picture_of(store_.path()), before);
  EXPECT_EQ(dry.exit_code, kErrors) << dry.out << dry.error;
  const CommandResult text = run_zstdfs({"fsck", "--repair", "--dry-run", store_.path()});
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("header: would be rebuilt"), HasSubstr("frame: would be salvaged")));
  EXPECT_EQ(dry.json().at("repairs"), repair(kCorrected).json().at("repairs"));
  expect_repaired();
}

TEST_F(FsckRepair, WhatDoesNotBelongIsMovedAndNoLinkIsFollowed) {
  const TempStore elsewhere;
  elsewhere.write("secret", "text");
  ASSERT_EQ(::symlink(elsewhere.path("secret").c_str(), store_.path(".zstdfs/link").c_str()), 0);
  ASSERT_EQ(
      ::symlink(elsewhere.path("secret").c_str(), store_.path(".zstdfs/journal/1.log").c_str()), 0);
  ASSERT_EQ(::mkfifo(store_.path(".zstdfs/journal/2.redo").c_str(), 0600), 0);
  fs::remove(store_.path(".zstdfs/state"));
  ASSERT_EQ(::symlink(elsewhere.path("secret").c_str(), store_.path(".zstdfs/state").c_str()), 0);
  fs::create_directory(store_.path(".zstdfs/directory"));
  const auto before = picture_of(elsewhere.path());
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kErrors);
  repair(kCorrected);
  EXPECT_EQ(picture_of(elsewhere.path()), before);
  EXPECT_EQ(names_in(store_.path(".zstdfs")),
            (std::vector<std::string>{"journal", "lock", "state", "store.json"}));
  EXPECT_TRUE(names_in(store_.path(".zstdfs/journal")).empty());
  EXPECT_EQ(lost_and_found().size(), 2 * 5);  // each with a report
  expect_repaired();
}

TEST_F(FsckRepair, LostAndFoundMustBeADirectoryOfOurs) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  turn_bit(damaged, builder.index()[1].stored_offset + 60);
  store_.write("f", damaged);
  const TempStore elsewhere;
  const auto expect_refused = [&] {
    const CommandResult result = run_zstdfs({"fsck", "--repair", store_.path()});
    EXPECT_EQ(result.exit_code, kErrors) << result.out;
    EXPECT_THAT(result.out, HasSubstr("f: not repaired: lost+found in the store's root"));
    EXPECT_EQ(read_file(store_.path("f")), damaged);
  };
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), store_.path("lost+found").c_str()), 0);
  expect_refused();
  EXPECT_EQ(names_in(elsewhere.path()).size(), 1);
  fs::remove(store_.path("lost+found"));
  store_.write("lost+found", "text");
  expect_refused();
  fs::remove(store_.path("lost+found"));
  fs::create_directory(store_.path("lost+found"));
  ASSERT_EQ(::chmod(store_.path("lost+found").c_str(), 0777), 0);
  expect_refused();
}

TEST_F(FsckRepair, WhatWasDoneIsSaidAlsoWhereItCannotGoOn) {
  fs::remove(store_.path(".zstdfs/journal"));
  store_.write(".zstdfs/journal", "is to be a directory");
  store_.write(".zstdfs/policy.json.new", "left");
  store_.write("lost+found", "nothing can be moved there");
  const CommandResult result = repair(kCorrected | kErrors | kOperational);
  EXPECT_THAT(result.error, HasSubstr("zstdfs fsck: " + store_.path() + ": "));
  const auto json = result.json();
  EXPECT_EQ(json.at("clean"), false);
  EXPECT_EQ(json.at("not_checked"), 1);
  EXPECT_EQ(json.at("repairs").at(1).at("path"), ".zstdfs/policy.json.new");
  EXPECT_EQ(json.at("repairs").at(1).at("action"), "removed");
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, kOperational);
}

TEST_F(FsckRepair, ADamagedOwnFileIsMadeAgain) {
  store_.write("f", some_container().sealed());
  store_.write(".zstdfs/store.json", "{");
  store_.write(".zstdfs/state", std::string(100'000, 'x'));
  const auto json = repair(kCorrected).json();
  EXPECT_EQ(json.at("repairs").size(), 4) << json;
  EXPECT_EQ(content("f"), kContent);
  expect_repaired();
}

// A state that was damaged tells nothing about a power cut. So nothing is cut off for one.
TEST_F(FsckRepair, ADamagedStateCostsNoFrames) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed(/*durable_bytes=*/0);
  turn_bit(damaged, builder.index()[1].stored_offset + 60);
  store_.write("f", damaged);
  store_.write(".zstdfs/state", "?");
  repair(kCorrected);
  EXPECT_EQ(content("f"), with_hole(kContent, kChunk, 2 * kChunk));
  expect_repaired();
}

TEST_F(FsckRepair, WhatTheMountRecoversIsRecoveredByTheSameCode) {
  const ContainerBuilder builder = some_container();
  Bytes stored = builder.unsealed(builder.index()[2].stored_end());
  stored.resize(stored.size() - 3);
  store_.write("f", stored);
  store_.write(".zstdfs/state", R"({"clean": false})");
  const CommandResult result = repair(kClean);
  EXPECT_FALSE(result.json().at("recovery").empty());
  EXPECT_EQ(content("f"), Bytes(kContent.begin(), kContent.begin() + 5 * kChunk));
  EXPECT_TRUE(lost_and_found().empty());
  expect_repaired();
}

TEST_F(FsckRepair, ALostStoreFileDoesNotHideAnInterruption) {
  const ContainerBuilder builder = some_container();
  Bytes stored = builder.unsealed(builder.index()[2].stored_end());
  stored.resize(stored.size() - 3);
  store_.write("f", stored);
  store_.write(".zstdfs/state", R"({"clean": false})");
  fs::remove(store_.path(".zstdfs/store.json"));
  repair(kCorrected);
  EXPECT_EQ(content("f"), Bytes(kContent.begin(), kContent.begin() + 5 * kChunk));
  expect_repaired();
}

TEST_F(FsckRepair, ADryRunWithoutALockFileMakesNone) {
  store_.write("f", some_container().sealed());
  fs::remove(store_.path(".zstdfs/lock"));
  const auto before = picture_of(store_.path());
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", "--dry-run", store_.path()}).exit_code, kClean);
  EXPECT_EQ(picture_of(store_.path()), before);
}

// What one turned bit makes of a frame may still decompress: its content is not lost.
TEST_F(FsckRepair, AFrameThatOnlyLooksWrongIsCompressedAgain) {
  ContainerBuilder builder(kChunk);
  builder.chunk(text_bytes(kChunk, 1)).zeros(3 * kChunk).chunk(text_bytes(kChunk, 2));
  Bytes damaged = builder.sealed();
  damaged[builder.index()[1].stored_offset + 5] = std::byte{0};  // a window smaller than the blocks
  store_.write("f", damaged);
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kErrors);
  const auto action = repair(kCorrected).json().at("repairs").at(0);
  EXPECT_EQ(action.at("action"), "rebuilt") << action;
  Bytes expected = text_bytes(kChunk, 1);
  expected.resize(4 * kChunk);
  const Bytes last = text_bytes(kChunk, 2);
  expected.insert(expected.end(), last.begin(), last.end());
  EXPECT_EQ(content("f"), expected);
  expect_repaired();
}

class FsckRepairJournal : public FsckRepair {
 protected:
  FsckRepairJournal() : volume_(os::open_posix_volume(store_.path())), journal_(*volume_) {}

  store::JournalTarget target(const std::string& path) {
    return {volume_->open(path, os::OpenMode::kRead)->identity(), path};
  }

  std::unique_ptr<os::Volume> volume_;
  store::Journal journal_;
};

Bytes overwritten() {
  Bytes bytes = kContent;
  std::fill_n(bytes.begin() + 100, 50, std::byte{'x'});
  return bytes;
}

/// A log of two batches, of which the second is the one that counts.
void write_log(store::Journal& journal, const store::JournalTarget& target) {
  store::WriteLog log(journal, target, 0);
  const store::LogSizes sizes{kContent.size(), kContent.size(), kContent.size()};
  store::Overlay first;
  first.write(100, Bytes(50, std::byte{'x'}));
  log.append(sizes, first);
  store::Overlay second;
  second.write(3 * kChunk + 10, Bytes(50, std::byte{'y'}));
  log.append(sizes, second);
}

TEST_F(FsckRepairJournal, ALogIsTakenUpAlsoWhenItsFileHadToBeSalvagedFirst) {
  const ContainerBuilder builder = some_container();
  Bytes damaged = builder.sealed();
  turn_bit(damaged, 50);                                     // the header
  turn_bit(damaged, builder.index()[1].stored_offset + 60);  // a frame
  store_.write("f", damaged);
  write_log(journal_, target("f"));
  const auto found = run_zstdfs({"fsck", "--json", store_.path()}).json().at("store_findings");
  ASSERT_EQ(found.size(), 1) << found;
  EXPECT_EQ(found.at(0).at("target"), "f");
  repair(kCorrected);
  Bytes expected = with_hole(overwritten(), kChunk, 2 * kChunk);
  std::fill_n(expected.begin() + 3 * kChunk + 10, 50, std::byte{'y'});
  EXPECT_EQ(content("f"), expected);
  expect_repaired();
}

TEST_F(FsckRepairJournal, AWholeRedoFileIsNoDamageAndIsApplied) {
  const Bytes old = some_container().sealed();
  Bytes half = old;
  std::fill_n(half.begin() + 80, 3000, std::byte{0});
  store_.write("f", half);
  {
    store::RedoWriter redo(journal_, target("f"));
    redo.add(0, old);
    const auto file = volume_->open("f", os::OpenMode::kReadWrite);
    redo.finish(*file, old.size(), file->stat().st_mtim);
  }
  const CommandResult check = run_zstdfs({"fsck", store_.path()});
  EXPECT_EQ(check.exit_code, kClean) << check.out;
  EXPECT_THAT(check.out,
              HasSubstr("1.redo: an interrupted rewrite; the next mount finishes it (f)"));
  repair(kClean);
  EXPECT_EQ(content("f"), kContent);
}

TEST_F(FsckRepairJournal, JournalsThatNoFileFitsAreKept) {
  store_.write("f", some_container().sealed());
  store_.write("g", some_container().sealed());
  write_log(journal_, target("f"));
  {
    store::RedoWriter redo(journal_, target("f"));
    const Bytes stored = some_container().sealed();
    redo.add(0, stored);
    const auto file = volume_->open("f", os::OpenMode::kReadWrite);
    redo.finish(*file, stored.size(), {});
  }
  { const store::WriteLog log(journal_, target("g"), /*generation=*/77); }
  {
    store::WriteLog log(journal_, target("g"), /*generation=*/78);
    store::Overlay overlay;
    overlay.write(0, Bytes(50, std::byte{'x'}));
    log.append({0, 50, 0}, overlay);
  }
  fs::remove(store_.path("f"));
  const CommandResult check = run_zstdfs({"fsck", store_.path()});
  EXPECT_EQ(check.exit_code, kClean) << check.out;
  EXPECT_THAT(check.out, AllOf(HasSubstr("changes to a file that is no more"),
                               HasSubstr("a rewrite of a file that is no more"),
                               HasSubstr("changes to an earlier version of this file (g)")));
  repair(kCorrected);
  EXPECT_EQ(lost_and_found().size(), 2 * 3);
  EXPECT_TRUE(names_in(store_.path(".zstdfs/journal")).empty());
  EXPECT_EQ(content("g"), kContent);
  expect_repaired();
}

TEST_F(FsckRepairJournal, OfADamagedLogTheBeginningIsTakenUpAndTheWholeIsKept) {
  store_.write("f", some_container().sealed());
  write_log(journal_, target("f"));
  Bytes log = read_file(store_.path(".zstdfs/journal/1.log"));
  turn_bit(log, log.size() - 20);
  store_.write(".zstdfs/journal/1.log", log);
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kErrors);
  repair(kCorrected);
  EXPECT_EQ(content("f"), overwritten());
  EXPECT_EQ(kept_copy(), log);
  expect_repaired();
}

TEST_F(FsckRepairJournal, RoomAheadInALogIsNoDamageAndHidesNone) {
  store_.write("f", some_container().sealed());
  write_log(journal_, target("f"));
  const std::string path = store_.path(".zstdfs/journal/1.log");
  const Bytes log = read_file(path);
  Bytes with_room = log;
  with_room.resize(log.size() + 70'000);
  store_.write(".zstdfs/journal/1.log", with_room);
  const CommandResult whole = run_zstdfs({"fsck", store_.path()});
  EXPECT_EQ(whole.exit_code, kClean);
  EXPECT_THAT(whole.out, HasSubstr("2 batches of changes; the next mount takes them up (f)"));
  store_.write(".zstdfs/journal/1.log", with_hole(with_room, log.size() - 30, log.size()));
  const CommandResult torn = run_zstdfs({"fsck", store_.path()});
  EXPECT_EQ(torn.exit_code, kClean);
  EXPECT_THAT(torn.out, HasSubstr("1 batch of changes; the next mount takes them up, but for the "
                                  "last, whose writing was interrupted (f)"));
  turn_bit(with_room, log.size() - 20);
  store_.write(".zstdfs/journal/1.log", with_room);
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kErrors);
  repair(kCorrected);
  EXPECT_EQ(content("f"), overwritten());
  EXPECT_EQ(kept_copy(), with_room);
  expect_repaired();
}

TEST_F(FsckRepairJournal, ADamagedRedoFileIsKept) {
  store_.write("f", some_container().sealed());
  {
    store::RedoWriter redo(journal_, target("f"));
    const Bytes stored = some_container().sealed();
    redo.add(0, stored);
    const auto file = volume_->open("f", os::OpenMode::kReadWrite);
    redo.finish(*file, stored.size(), {});
  }
  const Bytes whole = read_file(store_.path(".zstdfs/journal/1.redo"));
  for (const std::size_t at : {std::size_t{60}, whole.size() / 2, whole.size() - 5}) {
    SCOPED_TRACE(at);
    Bytes redo = whole;
    turn_bit(redo, at);
    store_.write(".zstdfs/journal/1.redo", redo);
    EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, kErrors);
    repair(kCorrected);
    EXPECT_TRUE(names_in(store_.path(".zstdfs/journal")).empty());
    EXPECT_EQ(lost_and_found().size(), 2);
    fs::remove_all(store_.path("lost+found"));
    EXPECT_EQ(content("f"), kContent);
    expect_repaired();
  }
}

TEST_F(FsckRepairJournal, ADamagedVersionDoesNotBlockTheStoreForEver) {
  store_.write("f", some_container().sealed());
  write_log(journal_, target("f"));
  Bytes log = read_file(store_.path(".zstdfs/journal/1.log"));
  log[4] ^= std::byte{4};
  store_.write(".zstdfs/journal/1.log", log);
  const auto dry = run_zstdfs({"fsck", "--repair", "--dry-run", "--json", store_.path()}).json();
  EXPECT_EQ(dry.at("repairs"), repair(kCorrected).json().at("repairs"));
  EXPECT_EQ(lost_and_found().size(), 2);
  EXPECT_EQ(content("f"), kContent);
  expect_repaired();
  // One that is newer indeed is left alone.
  log[40] ^= std::byte{1};
  store_.write(".zstdfs/journal/1.log", log);
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, kOperational);
  EXPECT_EQ(read_file(store_.path(".zstdfs/journal/1.log")), log);
}

TEST_F(FsckRepair, AStoreInUseIsRefused) {
  const auto volume = os::open_posix_volume(store_.path());
  pid_t holder = 0;
  const auto lock = volume->try_lock(".zstdfs/lock", holder);
  for (const bool dry : {false, true}) {
    std::vector<std::string> arguments = {"fsck", "--repair", "--wait", "0", store_.path()};
    if (dry) arguments.emplace_back("--dry-run");
    const CommandResult result = run_zstdfs(arguments);
    EXPECT_EQ(result.exit_code, kOperational);
    EXPECT_THAT(result.error, HasSubstr("in use by process"));
  }
}

TEST_F(FsckRepair, ADryRunOfACheckIsAMistake) {
  EXPECT_EQ(run_zstdfs({"fsck", "--dry-run", store_.path()}).exit_code, kUsage);
}

}  // namespace
}  // namespace zstdfs::test
