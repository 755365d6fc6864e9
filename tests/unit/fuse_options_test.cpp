#include <gmock/gmock.h>

#include "fs/fuse/mount_error.hpp"
#include "fs/fuse/mount_options.hpp"

namespace zstdfs::fuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MountOptions parsed(std::string_view list) {
  MountOptions options;
  parse_options(list, UnknownOption::kRefuse, options);
  return options;
}

/// The sentence with which a list is refused; empty when it is not.
std::string refusal(std::string_view list) {
  try {
    parsed(list);
  } catch (const MountError& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(MountOptions, DefaultsAreThoseOfTheStore) {
  const MountOptions options = parsed("");
  EXPECT_EQ(options.store.settings.level, kDefaultLevel);
  EXPECT_EQ(options.store.settings.chunk_bytes, kDefaultChunkBytes);
  EXPECT_FALSE(options.store.read_only);
  EXPECT_FALSE(options.io_uring);
  EXPECT_EQ(options.subtype, "zstdfs");
  EXPECT_THAT(options.fsname, IsEmpty());
  EXPECT_THAT(options.kernel_flags, IsEmpty());
}

TEST(MountOptions, ValuesReachTheStore) {
  const MountOptions options =
      parsed("level=19,chunk=1M,cache=64M,overlay=2m,threads=3,ro,allow_other,io_uring");
  EXPECT_EQ(options.store.settings.level, 19);
  EXPECT_EQ(options.store.settings.chunk_bytes, 1u << 20);
  EXPECT_EQ(options.store.cache_bytes, 64u << 20);
  EXPECT_EQ(options.store.overlay_bytes, 2u << 20);
  EXPECT_EQ(options.threads, 3u);
  EXPECT_TRUE(options.store.read_only);
  EXPECT_TRUE(options.allow_other);
  EXPECT_TRUE(options.io_uring);
}

TEST(MountOptions, TheLastOneWins) {
  EXPECT_FALSE(parsed("ro,rw").store.read_only);
  EXPECT_THAT(parsed("nosuid,noexec,suid").kernel_flags, ElementsAre("noexec"));
  EXPECT_THAT(parsed("nodev,nodev").kernel_flags, ElementsAre("nodev"));
  EXPECT_EQ(parsed("level=1,level=-3").store.settings.level, -3);
}

TEST(MountOptions, LevelsAreThoseOfThePolicy) {
  for (const int level : {-131072, -50, -1, 1, 22}) {
    EXPECT_EQ(parsed("level=" + std::to_string(level)).store.settings.level, level);
  }
  EXPECT_EQ(refusal("level=40"), "option level 40 is not a number from -131072 to 22, without 0");
}

TEST(MountOptions, OptionsOfFstabHaveNoEffect) {
  const MountOptions options = parsed(
      "rw,defaults,noauto,user,_netdev,nofail,relatime,x-systemd.automount,x-gvfs-show,comment=a");
  EXPECT_THAT(options.kernel_flags, IsEmpty());
  EXPECT_FALSE(options.store.read_only);
}

// mount(8) hands the options of the mount that is there on, and those of fstab.
TEST(MountOptions, ARemountKnowsWhatTheKernelShows) {
  const MountOptions options =
      parsed("ro,relatime,user_id=0,group_id=0,allow_other,max_read=1048576,level=5,remount,nodev");
  EXPECT_TRUE(options.remount);
  EXPECT_TRUE(options.store.read_only);
  EXPECT_THAT(options.kernel_flags, ElementsAre("nodev"));
  EXPECT_EQ(options.given_values, "level=5");
  EXPECT_THAT(refusal("remount,levle=3"), HasSubstr("'levle=3'"));
  EXPECT_THAT(refusal("max_read=4096"), HasSubstr("'max_read=4096'"));
}

TEST(MountOptions, ABackslashKeepsACommaInAValue) {
  const MountOptions options = parsed(R"(fsname=a\,b\\c,ro)");
  EXPECT_EQ(options.fsname, R"(a,b\c)");
  EXPECT_TRUE(options.store.read_only);
}

TEST(MountOptions, WhatMakesNoSenseIsRefusedByName) {
  EXPECT_THAT(refusal("ro,levle=3"), HasSubstr("'levle=3'"));
  EXPECT_THAT(refusal("bogus"), HasSubstr("'bogus'"));
  EXPECT_THAT(refusal("level"), HasSubstr("'level'"));
  EXPECT_THAT(refusal("ro=1"), HasSubstr("'ro=1'"));
  for (const char* list :
       {"level=0", "level=23", "level=-131073", "level=3x", "level=", "level=9999999999"})
    EXPECT_THAT(refusal(list), HasSubstr("option level")) << list;
  for (const char* list : {"chunk=2K", "chunk=32M", "chunk=5000", "chunk=128k!", "chunk=-4096"})
    EXPECT_THAT(refusal(list), HasSubstr("option chunk")) << list;
  for (const char* list : {"cache=x", "cache=1X", "cache=1KK", "cache=99999999999G"})
    EXPECT_THAT(refusal(list), HasSubstr("option cache")) << list;
  EXPECT_THAT(refusal("overlay=4K"), HasSubstr("option overlay"));
  EXPECT_THAT(refusal("threads=0"), HasSubstr("option threads"));
  EXPECT_THAT(refusal("fsname="), HasSubstr("fsname"));
}

TEST(MountOptions, SloppyToleratesTheUnknownButNotTheWrong) {
  MountOptions options;
  parse_options("bogus,thing=4,level=5", UnknownOption::kIgnore, options);
  EXPECT_EQ(options.store.settings.level, 5);
  EXPECT_THROW(parse_options("level=abc", UnknownOption::kIgnore, options), MountError);
}

TEST(MountOptions, SizesAreThoseOfThePolicy) {
  EXPECT_EQ(parsed("cache=0").store.cache_bytes, 0u);
  EXPECT_EQ(parsed("chunk=65536").store.settings.chunk_bytes, 65536u);
  EXPECT_EQ(parsed("chunk=64k").store.settings.chunk_bytes, 65536u);
  EXPECT_EQ(parsed("chunk=64KiB").store.settings.chunk_bytes, 65536u);
  EXPECT_EQ(parsed("overlay=2 g").store.overlay_bytes, 2u << 30);
  EXPECT_THAT(refusal("cache=64KB"), HasSubstr("option cache: '64KB' is not clear; write KiB"));
}

}  // namespace
}  // namespace zstdfs::fuse
