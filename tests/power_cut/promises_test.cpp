#include "tests/power_cut/promises.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// That what the power cuts are judged by asks for no less, and for no more, than was promised.

namespace zstdfs::powercut {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Promises told(const std::vector<std::string>& marks,
              RemovedNames removed = RemovedNames::kStayAway) {
  Promises promises(removed);
  for (const std::string& mark : marks) promises.apply(mark);
  return promises;
}

TEST(FileHistory, ASyncedBlockIsThereOrALaterOne) {
  FileHistory file(1);
  file.write(0, kBlockBytes, 1);
  file.sync();
  file.write(0, kBlockBytes, 2);
  file.write(0, kBlockBytes, 3);
  for (const std::uint64_t version : {1u, 2u, 3u}) {
    EXPECT_EQ(file.complaint(block_content({1, 0, version})), "");
  }
  file.sync();
  EXPECT_THAT(file.complaint(block_content({1, 0, 2})),
              HasSubstr("version 2; it may hold version 3"));
  EXPECT_THAT(file.complaint(Bytes(kBlockBytes)), HasSubstr("zeros"));
}

TEST(FileHistory, ABlockIsNeverAMixture) {
  FileHistory file(1);
  file.write(0, kBlockBytes, 1);
  file.sync();
  file.write(0, kBlockBytes, 2);
  Bytes mixed = block_content({1, 0, 2});
  const Bytes old = block_content({1, 0, 1});
  std::copy(old.begin() + 512, old.end(), mixed.begin() + 512);
  EXPECT_THAT(file.complaint(mixed), HasSubstr("only the first 512 bytes"));
}

TEST(FileHistory, BlocksAreOldOrNewEachByItself) {
  FileHistory file(1);
  file.write(0, 2 * kBlockBytes, 1);
  file.sync();
  file.write(0, 2 * kBlockBytes, 2);
  EXPECT_EQ(file.complaint(joined(block_content({1, 0, 2}), block_content({1, 1, 1}))), "");
  EXPECT_NE(file.complaint(joined(block_content({1, 1, 1}), block_content({1, 0, 2}))), "");
}

TEST(FileHistory, WhatIsAddedMayBeThereInPart) {
  FileHistory file(1);
  file.write(0, 1000, 1);
  file.sync();
  file.write(1000, 9000, 1);
  EXPECT_EQ(file.complaint(range_content(1, 0, 1000, 1)), "");
  EXPECT_EQ(file.complaint(range_content(1, 0, 7777, 1)), "");
  EXPECT_EQ(file.complaint(range_content(1, 0, 10'000, 1)), "");
  EXPECT_THAT(file.complaint(range_content(1, 0, 999, 1)), HasSubstr("has 999 bytes"));
  EXPECT_THAT(file.complaint(range_content(1, 0, 10'001, 1)), HasSubstr("has 10001 bytes"));
}

TEST(FileHistory, WhatWasCutOffIsZerosWhenTheFileGrowsAgain) {
  FileHistory file(1);
  file.write(0, kBlockBytes, 1);
  file.truncate(100);
  file.truncate(kBlockBytes);
  file.sync();
  Bytes wanted = block_content({1, 0, 1});
  EXPECT_NE(file.complaint(wanted), "");
  std::fill(wanted.begin() + 100, wanted.end(), std::byte{0});
  EXPECT_EQ(file.complaint(wanted), "");
}

TEST(Promises, ANameIsOldOrNewUntilItIsSynced) {
  const std::vector<std::string> renamed = {"name f 1", "write 1 0 4096 1", "synced 1",
                                            "named f",  "name f.new 2",     "write 2 0 4096 1",
                                            "synced 2", "gone f.new",       "name f 2"};
  const Bytes before = block_content({1, 0, 1});
  const Bytes after = block_content({2, 0, 1});
  EXPECT_THAT(told(renamed).complaints({{"f", before}, {"f.new", after}}), IsEmpty());
  EXPECT_THAT(told(renamed).complaints({{"f", after}}), IsEmpty());
  EXPECT_THAT(told(renamed).complaints({}), ElementsAre(HasSubstr("is missing")));
  std::vector<std::string> synced = renamed;
  synced.insert(synced.end(), {"named f", "named f.new"});
  EXPECT_THAT(told(synced).complaints({{"f", after}}), IsEmpty());
  EXPECT_THAT(told(synced).complaints({{"f", before}}), ElementsAre(HasSubstr("as file 2")));
  EXPECT_THAT(told(synced).complaints({{"f", after}, {"f.new", after}}),
              ElementsAre("f.new: should be gone"));
  EXPECT_THAT(told(synced, RemovedNames::kMayComeBack).complaints({{"f", after}, {"f.new", after}}),
              IsEmpty());
}

TEST(Promises, AFileThatNobodyMadeIsOne) {
  EXPECT_THAT(told({}).complaints({{"stray", {}}}), ElementsAre("stray: nobody made this file"));
}

}  // namespace
}  // namespace zstdfs::powercut
