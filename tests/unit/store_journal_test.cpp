#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/write_log.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::test {
namespace {

using store::Journal;
using store::LogSizes;
using store::Overlay;
using store::RedoWriter;
using store::WriteLog;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    volume->make_directory(".zstdfs", 0700);
    volume->make_directory(".zstdfs/journal", 0700);
  }

  static std::string path(const std::string& name) { return ".zstdfs/journal/" + name; }

  FaultyDisk disk;
  std::unique_ptr<os::Volume> volume = disk.volume();
};

class WriteLogTest : public JournalTest {
 protected:
  /// The pieces of the log's batches, one after the other, as the reader gives them.
  std::vector<std::string> read(const Bytes& stored) {
    disk.put("copy", stored);
    std::vector<std::string> found;
    const auto content = store::read_write_log(
        *volume->open("copy", os::OpenMode::kRead),
        [&found](const LogSizes& sizes, Overlay::Pieces&& pieces) {
          std::string text = std::to_string(sizes.lowest_bytes) + "," +
                             std::to_string(sizes.logical_bytes) + "," +
                             std::to_string(sizes.base_bytes) + ":";
          for (const auto& [offset, piece] : pieces) {
            text += " " + std::to_string(offset) + "+" + std::to_string(piece.bytes);
            text.append(reinterpret_cast<const char*>(piece.data.data()), piece.data.size());
          }
          found.push_back(text);
          return true;
        });
    readable_ = content.has_value();
    return found;
  }

  static Overlay one_piece(std::uint64_t offset, const std::string& text) {
    Overlay overlay;
    overlay.write(offset, bytes_of(text));
    return overlay;
  }

  bool readable_ = false;
};

TEST_F(WriteLogTest, GivesBackWholeBatchesAndNothingOfATornOne) {
  Journal journal(*volume);
  WriteLog log(journal, {"id", "hint"}, 5);
  const std::size_t head_bytes = log.bytes();
  log.append({1, 2, 3}, one_piece(10, "first"));
  const std::size_t first_end = log.bytes();
  log.append({4, 5, 6}, one_piece(20, "second"));
  const Bytes whole = *disk.content(path("1.log"));
  const std::string first = "1,2,3: 10+5first";
  EXPECT_THAT(read(whole), testing::ElementsAre(first, "4,5,6: 20+6second"));
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const auto found = read(Bytes(whole.begin(), whole.begin() + std::ptrdiff_t(bytes)));
    EXPECT_EQ(readable_, bytes >= head_bytes) << bytes;
    EXPECT_EQ(found.size(), bytes >= first_end ? 1u : 0u) << bytes;
  }
}

TEST_F(WriteLogTest, AChangedByteEndsTheLogBeforeItsBatch) {
  Journal journal(*volume);
  WriteLog log(journal, {"id", "hint"}, 5);
  log.append({1, 2, 3}, one_piece(10, "first"));
  const Bytes whole = *disk.content(path("1.log"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes changed = whole;
    changed[i] ^= std::byte{0x41};
    try {
      EXPECT_THAT(read(changed), testing::IsEmpty()) << i;
    } catch (const NewerFormatError&) {
      EXPECT_TRUE(i >= 4 && i < 8) << i;
    }
  }
}

TEST_F(WriteLogTest, AFailedAppendLeavesNoTrace) {
  Journal journal(*volume);
  WriteLog log(journal, {"id", "hint"}, 5);
  log.append({1, 2, 3}, one_piece(10, "first"));
  disk.fail_calls({CallKind::kWrite, ".zstdfs/journal", ENOSPC});
  EXPECT_THROW(log.append({4, 5, 6}, one_piece(20, std::string(5000, 'x'))), std::system_error);
  log.append({7, 8, 9}, one_piece(30, "third"));
  EXPECT_THAT(read(*disk.content(path("1.log"))),
              testing::ElementsAre("1,2,3: 10+5first", "7,8,9: 30+5third"));
}

TEST_F(WriteLogTest, LoggedPiecesAreNotLoggedAgain) {
  Journal journal(*volume);
  WriteLog log(journal, {"id", "hint"}, 5);
  Overlay overlay;
  overlay.write(0, bytes_of("old"));
  overlay.mark_all_logged();
  overlay.write(10, bytes_of("new"));
  log.append({0, 13, 0}, overlay);
  EXPECT_THAT(read(*disk.content(path("1.log"))), testing::ElementsAre("0,13,0: 10+3new"));
}

TEST_F(JournalTest, NumbersGoOnAfterThoseThatAreThere) {
  disk.put(path("41.log"), {});
  disk.put(path("7.redo"), {});
  disk.put(path("stranger.txt"), {});
  Journal journal(*volume);
  std::string name;
  journal.create(store::kRedoSuffix, name);
  EXPECT_EQ(name, "42.redo");
  EXPECT_THAT(journal.list(), testing::ElementsAre("7.redo", "41.log", "42.redo"));
}

class RedoTest : public JournalTest {
 protected:
  /// A redo file that turns "0123456789" into "AB2345CD".
  Bytes make_redo() {
    Journal journal(*volume);
    RedoWriter writer(journal, {"id", "hint"});
    writer.add(0, bytes_of("AB"));
    writer.add(6, bytes_of("C"));
    writer.add(7, bytes_of("D"));
    disk.put("target", bytes_of("0123456789"));
    name_ = writer.finish(*volume->open("target", os::OpenMode::kReadWrite), 8, {1234, 5678});
    return *disk.content(path(name_));
  }

  std::string name_;
};

TEST_F(RedoTest, AppliedTwiceIsAppliedOnce) {
  make_redo();
  const auto redo = volume->open(path(name_), os::OpenMode::kRead);
  const auto target = volume->open("target", os::OpenMode::kReadWrite);
  const auto content = store::read_redo(*redo);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->head.target.identity, "id");
  for (int i = 0; i < 2; ++i) {
    store::apply_redo(*redo, *content, *target);
    EXPECT_EQ(*disk.content("target"), bytes_of("AB2345CD"));
    EXPECT_EQ(target->stat().st_mtim.tv_sec, 1234);
    EXPECT_EQ(target->stat().st_mtim.tv_nsec, 5678);
  }
}

TEST_F(RedoTest, OnlyAWholeFileCounts) {
  const Bytes whole = make_redo();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    disk.put("cut", Bytes(whole.begin(), whole.begin() + std::ptrdiff_t(bytes)));
    EXPECT_FALSE(store::read_redo(*volume->open("cut", os::OpenMode::kRead))) << bytes;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes changed = whole;
    changed[i] ^= std::byte{0x41};
    disk.put("changed", changed);
    try {
      EXPECT_FALSE(store::read_redo(*volume->open("changed", os::OpenMode::kRead))) << i;
    } catch (const NewerFormatError&) {
      EXPECT_TRUE(i >= 4 && i < 8) << i;
    }
  }
}

TEST_F(RedoTest, AnUnfinishedOneIsRemoved) {
  Journal journal(*volume);
  {
    RedoWriter writer(journal, {"id", "hint"});
    writer.add(0, bytes_of("AB"));
    EXPECT_EQ(journal.list().size(), 1u);
  }
  EXPECT_THAT(journal.list(), testing::IsEmpty());
}

}  // namespace
}  // namespace zstdfs::test
