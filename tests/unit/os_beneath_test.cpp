#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "fs/os/beneath.hpp"
#include "tests/unit/os_temp_directory.hpp"

namespace zstdfs::os {
namespace {

using test::error_of;
using test::TempDirectory;
namespace filesystem = std::filesystem;

/// Every case runs with both ways to walk: they have to agree.
class Beneath : public testing::TestWithParam<PathWalk> {
 protected:
  void SetUp() override {
    filesystem::create_directories(temp_.path("root/a/b"));
    std::ofstream(temp_.path("root/a/b/file")) << "inside";
    std::ofstream(temp_.path("secret")) << "outside";
    root_ = UniqueFd(::open(temp_.path("root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(root_);
  }

  void link(const std::string& target, const std::string& name) {
    filesystem::create_symlink(target, temp_.path("root/" + name));
  }

  /// 0, or the errno.
  int try_open(const std::string& path, int flags = O_RDONLY) {
    const UniqueFd fd = open_beneath(root_.get(), path, flags, 0600, GetParam());
    return fd ? 0 : errno;
  }

  TempDirectory temp_;
  UniqueFd root_;
};

TEST_P(Beneath, OpensWhatIsBelow) {
  EXPECT_EQ(try_open("a/b/file"), 0);
  EXPECT_EQ(try_open("a//b/./file"), 0);
  EXPECT_EQ(try_open("", O_RDONLY | O_DIRECTORY), 0);
  EXPECT_EQ(try_open("a/b/", O_RDONLY | O_DIRECTORY), 0);
  EXPECT_EQ(try_open("a/b/new", O_RDWR | O_CREAT | O_EXCL), 0);
  EXPECT_EQ(try_open("a/b/new", O_RDWR | O_CREAT | O_EXCL), EEXIST);
}

TEST_P(Beneath, OpensTheRightFile) {
  const UniqueFd fd = open_beneath(root_.get(), "a/b/file", O_RDONLY, 0, GetParam());
  ASSERT_TRUE(fd);
  char text[16] = {};
  ASSERT_EQ(::read(fd.get(), text, sizeof(text)), 6);
  EXPECT_STREQ(text, "inside");
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(Beneath, RefusesLinksAtEveryPosition) {
  link(temp_.path("root/a"), "absolute");
  link("a", "first");
  link("b", "a/middle");
  link("file", "a/b/last");
  link("../secret", "out");
  link("nowhere", "dangling");
  EXPECT_EQ(try_open("absolute/b/file"), ELOOP);
  EXPECT_EQ(try_open("first/b/file"), ELOOP);
  EXPECT_EQ(try_open("a/middle/file"), ELOOP);
  EXPECT_EQ(try_open("a/b/last"), ELOOP);
  EXPECT_EQ(try_open("out"), ELOOP);
  EXPECT_EQ(try_open("dangling"), ELOOP);
  EXPECT_EQ(try_open("dangling", O_RDWR | O_CREAT), ELOOP);
  EXPECT_EQ(try_open("first", O_RDONLY | O_DIRECTORY), ELOOP);
}

TEST_P(Beneath, OpensALinkItselfWithoutFollowing) {
  link("a", "first");
  const UniqueFd fd = open_beneath(root_.get(), "first", O_PATH | O_NOFOLLOW, 0, GetParam());
  ASSERT_TRUE(fd);
  struct stat status = {};
  ASSERT_EQ(::fstat(fd.get(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_P(Beneath, DoesNotLeaveTheRoot) {
  EXPECT_EQ(try_open("../secret"), EXDEV);
  EXPECT_EQ(try_open("a/../../secret"), EXDEV);
  EXPECT_EQ(try_open("a/../a/b/file"), EXDEV);
  EXPECT_EQ(try_open(".."), EXDEV);
  EXPECT_EQ(try_open(temp_.path("root/a/b/file")), EXDEV);
  EXPECT_EQ(try_open("/"), EXDEV);
}

TEST_P(Beneath, RefusesAZeroInAPath) {
  EXPECT_EQ(try_open(std::string("a\0/b/file", 9)), EINVAL);
}

TEST_P(Beneath, SaysWhyThereIsNothing) {
  EXPECT_EQ(try_open("missing"), ENOENT);
  EXPECT_EQ(try_open("a/missing/file"), ENOENT);
  EXPECT_EQ(try_open("a/b/file/below"), ENOTDIR);
  EXPECT_EQ(try_open("a/b/file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(try_open(std::string(300, 'n')), ENAMETOOLONG);
}

TEST_P(Beneath, ReachesWhatIsDeeperThanAPathCanBeLong) {
  const std::string name(200, 'd');
  std::string path;
  for (int i = 0; i < 25; ++i) {
    const UniqueFd parent =
        open_beneath(root_.get(), path, O_PATH | O_DIRECTORY, 0, PathWalk::kByComponent);
    ASSERT_EQ(::mkdirat(parent.get(), name.c_str(), 0755), 0);
    path += (path.empty() ? "" : "/") + name;
    EXPECT_EQ(try_open(path, O_PATH | O_DIRECTORY), 0);
  }
  EXPECT_EQ(try_open(path + "/f", O_RDWR | O_CREAT), 0);
  EXPECT_EQ(try_open(path + "/f"), 0);
  EXPECT_EQ(try_open(path + "/../f"), EXDEV);
  EXPECT_EQ(try_open(path + "/g"), ENOENT);
}

INSTANTIATE_TEST_SUITE_P(BothWalks, Beneath,
                         testing::Values(PathWalk::kInKernel, PathWalk::kByComponent),
                         [](const testing::TestParamInfo<PathWalk>& walk) {
                           return walk.param == PathWalk::kInKernel ? "InKernel" : "ByComponent";
                         });

TEST(SplitPath, SeparatesTheLastName) {
  EXPECT_EQ(split_path("name").parent, "");
  EXPECT_EQ(split_path("name").name, "name");
  EXPECT_EQ(split_path("a/b/name").parent, "a/b");
  EXPECT_EQ(split_path("a/b/name/").name, "name");
  EXPECT_EQ(split_path("/name").parent, "/");
  EXPECT_EQ(error_of([] { split_path(""); }), EINVAL);
  EXPECT_EQ(error_of([] { split_path("/"); }), EINVAL);
}

}  // namespace
}  // namespace zstdfs::os
