#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <system_error>

#include "fs/store/replace_file.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::store {
namespace {

using test::bytes_of;
using testing::AnyOf;
using testing::Eq;

constexpr const char* kPath = ".zstdfs/policy.json";

// Method: repeat it, cutting the power one call later each time.
TEST(ReplaceFile, IsOldOrNewWhereverThePowerGoes) {
  bool done = false;
  for (std::uint64_t cut = 1; !done; ++cut) {
    for (const bool everything : {false, true}) {
      SCOPED_TRACE(testing::Message() << cut << " " << everything);
      test::FaultyDisk disk;
      disk.put(kPath, bytes_of("old"));
      disk.cut_power_after(cut);
      done = false;
      try {
        replace_file(*disk.volume(), kPath, "new");
        done = true;
      } catch (const test::PowerCut&) {
      }
      disk.restart(everything ? test::Survival::everything() : test::Survival::nothing_unsynced());
      const auto content = disk.content(kPath);
      ASSERT_TRUE(content);
      EXPECT_THAT(*content, AnyOf(Eq(bytes_of("old")), Eq(bytes_of("new"))));
      if (done) {
        EXPECT_EQ(*content, bytes_of("new"));
      }
      // What an interrupted one left does not hinder the next.
      replace_file(*disk.volume(), kPath, "newer");
      EXPECT_EQ(disk.content(kPath), bytes_of("newer"));
    }
  }
}

TEST(ReplaceFile, OnAFullDiskItStaysAsItWas) {
  test::FaultyDisk disk;
  disk.put(kPath, bytes_of("old"));
  disk.set_free_bytes(0);
  EXPECT_THROW(replace_file(*disk.volume(), kPath, "new"), std::system_error);
  EXPECT_EQ(disk.content(kPath), bytes_of("old"));
  EXPECT_FALSE(disk.content(std::string(kPath) + ".new"));
}

}  // namespace
}  // namespace zstdfs::store
