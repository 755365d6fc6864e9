#include <gmock/gmock.h>

#include "fs/os/mount_table.hpp"

namespace zstdfs::os {
namespace {

using ::testing::SizeIs;

TEST(MountTable, ReadsFieldsAndEscapes) {
  const auto table = parse_mount_table(
      "22 28 0:21 / /proc rw,relatime shared:5 master:1 - proc proc rw\n"
      "nonsense\n"
      "90 28 0:44 / /mnt/with\\040space rw,nosuid - fuse.zstdfs /data\\134x\\011y rw,user_id=0\n"
      "91 28 0:45 / /proc ro - tmpfs none rw\n"
      "92 28 0:44 /a\\040b /bound rw - fuse.zstdfs /data\\x40\\04 rw\n");
  ASSERT_THAT(table, SizeIs(4));
  EXPECT_EQ(table[1].mountpoint, "/mnt/with space");
  EXPECT_EQ(table[1].type, "fuse.zstdfs");
  EXPECT_EQ(table[1].source, "/data\\x\ty");
  EXPECT_EQ(table[1].device, "0:44");
  EXPECT_EQ(table[1].root, "/");
  EXPECT_EQ(table[3].root, "/a b");
  EXPECT_EQ(table[3].source, "/data\\x40\\04") << "what is no escape stays";
  EXPECT_EQ(find_mount(table, "/proc")->type, "tmpfs");
  EXPECT_FALSE(find_mount(table, "/elsewhere"));
}

TEST(MountTable, TheSystemHasARoot) {
  EXPECT_TRUE(find_mount(read_mount_table(), "/"));
}

}  // namespace
}  // namespace zstdfs::os
