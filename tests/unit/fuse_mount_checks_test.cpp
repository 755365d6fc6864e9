#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fs/fuse/mount_checks.hpp"
#include "fs/fuse/mount_error.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::fuse {
namespace {

using test::TempDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

class MountChecks : public ::testing::Test {
 protected:
  MountChecks() {
    std::filesystem::create_directories(path("data/sub/deep"));
    std::filesystem::create_directories(path("mnt"));
    std::ofstream(path("file")) << "x";
  }

  std::string path(const std::string& name) const { return root_.string() + "/" + name; }

  std::string refusal(const std::string& backing, const std::string& mountpoint) {
    try {
      check_mount(backing, mountpoint);
    } catch (const MountError& error) {
      EXPECT_EQ(error.code(), ExitCode::kFailure);
      return error.what();
    }
    return "";
  }

  TempDirectory directory_;
  std::filesystem::path root_{directory_.path()};
};

TEST_F(MountChecks, FindsRealPaths) {
  if (::access("/dev/fuse", F_OK) != 0) {
    EXPECT_THAT(refusal(path("data"), path("mnt")), HasSubstr("/dev/fuse"));
    return;
  }
  std::filesystem::create_symlink("mnt", path("link"));
  const MountPaths paths = check_mount(path("data/sub/.."), path("link/"));
  EXPECT_EQ(paths.backing, std::filesystem::canonical(path("data")));
  EXPECT_EQ(paths.mountpoint, std::filesystem::canonical(path("mnt")));
  struct stat opened;
  struct stat named;
  ASSERT_EQ(::fstat(paths.root.get(), &opened), 0);
  ASSERT_EQ(::stat(path("data").c_str(), &named), 0);
  EXPECT_EQ(opened.st_ino, named.st_ino);
}

TEST_F(MountChecks, SaysWhichDirectoryIsMissing) {
  EXPECT_THAT(refusal(path("none"), path("mnt")),
              AllOf(HasSubstr("backing directory"), HasSubstr(path("none")), HasSubstr("mkdir")));
  EXPECT_THAT(refusal(path("file"), path("mnt")), HasSubstr("not a directory"));
}

TEST_F(MountChecks, SaysWhatIsWrongWithTheMountpoint) {
  if (::access("/dev/fuse", F_OK) != 0) {
    EXPECT_THAT(refusal(path("data"), path("none")), HasSubstr("/dev/fuse"));
    return;
  }
  EXPECT_THAT(refusal(path("data"), path("none")),
              AllOf(HasSubstr("mountpoint"), HasSubstr(path("none")), HasSubstr("mkdir")));
  EXPECT_THAT(refusal(path("data"), path("file")), HasSubstr("not a directory"));
  EXPECT_THAT(refusal(path("data"), path("data")), HasSubstr("same directory"));
  EXPECT_THAT(refusal(path("data"), path("data/sub/deep")), HasSubstr("inside the backing"));
  EXPECT_THAT(refusal(path("data/sub/deep"), path("data")), HasSubstr("inside the mountpoint"));
  EXPECT_THAT(refusal(path("data"), "/"), HasSubstr("inside the mountpoint"));
}

}  // namespace
}  // namespace zstdfs::fuse
