// The store's own directory: no call that takes a name may reach it through the mount.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

class HiddenStore : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    write_file(store_.path("file"), test::text_bytes(10000, 1));
    ASSERT_EQ(::mkdir(store_.path("dir").c_str(), 0755), 0);
    ASSERT_TRUE(exists(store_.backing(".zstdfs/store.json")));
  }
  std::string hidden() const { return store_.path(".zstdfs"); }
};

template <typename Call>
int errno_of(Call call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

TEST_F(HiddenStore, IsNotListedAndNotFound) {
  EXPECT_EQ(names_in(store_.mountpoint()), (std::vector<std::string>{"dir", "file"}));
  struct stat status {};
  char buffer[100];
  const std::string at = hidden();
  const char* path = at.c_str();
  EXPECT_EQ(errno_of([&] { return ::lstat(path, &status); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::access(path, F_OK); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::open(path, O_RDONLY | O_DIRECTORY); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::open(path, O_PATH); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::chmod(path, 0777); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::chown(path, 1, 1); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::truncate(path, 0); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::utimensat(AT_FDCWD, path, nullptr, 0); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::readlink(path, buffer, sizeof buffer); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::setxattr(path, "user.a", "b", 1, 0); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::listxattr(path, buffer, sizeof buffer); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::open((at + "/store.json").c_str(), O_RDONLY); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::open((at + "/../file").c_str(), O_RDONLY); }), ENOENT);
  EXPECT_EQ(errno_of([&] { return ::open(store_.path("dir/../.zstdfs").c_str(), O_RDONLY); }),
            ENOENT);
}

TEST_F(HiddenStore, CannotBeMadeRemovedOrMoved) {
  const std::string at = hidden();
  const char* path = at.c_str();
  const std::string file = store_.path("file");
  const std::string dir = store_.path("dir");
  // Which error it is does not matter much; that nothing happens does.
  EXPECT_NE(errno_of([&] { return ::mkdir(path, 0755); }), 0);
  EXPECT_NE(errno_of([&] { return ::open(path, O_CREAT | O_RDWR, 0644); }), 0);
  EXPECT_NE(errno_of([&] { return ::open(path, O_CREAT | O_EXCL | O_RDWR, 0644); }), 0);
  EXPECT_NE(errno_of([&] { return ::mknod(path, S_IFREG | 0644, 0); }), 0);
  EXPECT_NE(errno_of([&] { return ::mkfifo(path, 0644); }), 0);
  EXPECT_NE(errno_of([&] { return ::symlink("file", path); }), 0);
  EXPECT_NE(errno_of([&] { return ::link(file.c_str(), path); }), 0);
  EXPECT_NE(errno_of([&] { return ::rename(file.c_str(), path); }), 0);
  EXPECT_NE(errno_of([&] { return ::rename(dir.c_str(), path); }), 0);
  for (const unsigned flags : {0u, unsigned{RENAME_NOREPLACE}, unsigned{RENAME_EXCHANGE}}) {
    EXPECT_NE(errno_of([&] { return ::renameat2(AT_FDCWD, path, AT_FDCWD, dir.c_str(), flags); }),
              0);
    EXPECT_NE(errno_of([&] { return ::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, path, flags); }),
              0);
  }
  EXPECT_NE(errno_of([&] { return ::rmdir(path); }), 0);
  EXPECT_NE(errno_of([&] { return ::unlink(path); }), 0);
  EXPECT_NE(errno_of([&] { return ::unlink((at + "/store.json").c_str()); }), 0);
  EXPECT_NE(errno_of([&] { return ::mkdir((at + "/x").c_str(), 0755); }), 0);
  EXPECT_EQ(names_in(store_.mountpoint()), (std::vector<std::string>{"dir", "file"}));
  EXPECT_TRUE(exists(store_.backing(".zstdfs/store.json")));
  EXPECT_EQ(read_file(file), test::text_bytes(10000, 1));
}

TEST_F(HiddenStore, TheNameIsFreeBelowTheRoot) {
  // Only the root's entry belongs to the store: a backup of another store may lie below.
  const std::string inner = store_.path("dir/.zstdfs");
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  write_file(inner + "/store.json", test::bytes_of("somebody else's"));
  EXPECT_EQ(read_file(inner + "/store.json"), test::bytes_of("somebody else's"));
  EXPECT_EQ(names_in(store_.path("dir")), std::vector<std::string>{".zstdfs"});
}

}  // namespace
}  // namespace zstdfs::mounttest
