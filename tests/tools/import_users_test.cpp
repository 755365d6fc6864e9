// `zstdfs import` and `export` beside ordinary users, and run by them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/meanwhile.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kSomebody = 1000;
/// Long enough in the making that somebody can come in between.
constexpr std::size_t kLargeBytes = 64u << 20;

struct stat status_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

class ImportUsers : public testing::Test {
 protected:
  ImportUsers() {
    fs::remove_all(scratch_.path(".zstdfs"));
    EXPECT_EQ(::chmod(scratch_.path().c_str(), 0755), 0);
    fs::create_directory(at("tree"));
  }

  std::string at(const std::string& name) const { return scratch_.path(name); }
  void give(const std::string& name, uid_t user, mode_t mode) const {
    ASSERT_EQ(::chown(at(name).c_str(), user, user), 0) << name;
    ASSERT_EQ(::chmod(at(name).c_str(), mode), 0) << name;
  }
  void make_large_file() const {
    scratch_.write("tree/dir/large", random_bytes(kLargeBytes, 1));
    give("tree/dir/large", kSomebody, 0666);
    give("tree/dir", kSomebody, 0755);
  }

  TempStore scratch_;
};

TEST_F(ImportUsers, WhatSomebodyPutsInThePlaceOfAFileIsNotTakenForIt) {
  make_large_file();
  ASSERT_EQ(run_zstdfs({"import", "-q", at("tree"), at("store")}).exit_code, 0);
  scratch_.write("secret", "nobody's business");
  give("secret", 0, 0600);
  fs::create_directories(at("copy/dir"));
  give("copy/dir", kSomebody, 0755);
  const std::string secret = at("secret");
  Meanwhile attacker(at("copy/dir"), [&] {
    if (::geteuid() == 0 && ::setuid(kSomebody) != 0) ::_exit(2);
    return ::rename("large", "elsewhere") == 0 && ::symlink(secret.c_str(), "large") == 0;
  });
  const CommandResult exported = run_zstdfs({"export", at("store"), at("copy")});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_THAT(exported.error, HasSubstr("/dir/large: was replaced by something else"));
  EXPECT_EQ(status_of(secret).st_mode & 07777, 0600u);
  EXPECT_EQ(status_of(secret).st_uid, 0u);
  attacker.wait();
  EXPECT_TRUE(fs::is_symlink(at("copy/dir/large")));
}

TEST_F(ImportUsers, ADirectoryIsItsOwnersOnlyOnceItIsFull) {
  make_large_file();
  ASSERT_EQ(run_zstdfs({"import", "-q", at("tree"), at("store")}).exit_code, 0);
  fs::create_directories(at("copy"));
  {
    const Meanwhile observer(at("copy"), [] {
      struct stat file {};
      struct stat directory {};
      if (::stat("dir/large", &file) != 0 || ::stat("dir", &directory) != 0) return false;
      const std::string seen = std::to_string(directory.st_uid);
      return ::symlink(seen.c_str(), "../seen") == 0;
    });
    ASSERT_EQ(run_zstdfs({"export", "-q", at("store"), at("copy")}).exit_code, 0);
  }
  EXPECT_EQ(fs::read_symlink(at("seen")), "0");
  EXPECT_EQ(status_of(at("copy/dir")).st_uid, kSomebody);
  EXPECT_EQ(status_of(at("copy/dir/large")).st_mode & 07777, 0666u);
}

TEST_F(ImportUsers, AFileThatIsChangedWhileItIsCopiedIsNotTakenForCopied) {
  make_large_file();
  scratch_.write("tree/quiet", "content");
  {
    const Meanwhile writer(scratch_.path(), [] {
      const int fd = ::open("tree/dir/large", O_WRONLY | O_CLOEXEC);
      const bool begun = ::access("store/dir/large", F_OK) == 0;
      const bool done = begun && ::pwrite(fd, "changed", 7, 0) == 7;
      ::close(fd);
      return done;
    });
    const CommandResult imported = run_zstdfs({"import", at("tree"), at("store")});
    EXPECT_EQ(imported.exit_code, 1);
    EXPECT_THAT(imported.error,
                HasSubstr("/dir/large: was changed while it was copied; run again"));
  }
  EXPECT_FALSE(fs::exists(at("store/dir/large")));
  EXPECT_TRUE(fs::exists(at("store/quiet")));
  EXPECT_EQ(run_zstdfs({"import", "-q", "--update", at("tree"), at("store")}).exit_code, 0);
}

TEST_F(ImportUsers, NobodyRunsAsSomebodyElseNorDoesAnotherGroupGetMore) {
  const std::vector<std::pair<std::string, std::pair<mode_t, mode_t>>> modes = {
      {"set-ids", {06755, 0755}}, {"usual", {0644, 0644}}, {"for the group", {0674, 0644}}};
  for (const auto& [name, mode] : modes) {
    scratch_.write("tree/" + name, "content");
    give("tree/" + name, 0, mode.first);
  }
  // user::rw-,user:12:r--,group::rw-,mask::rw-,other::r--
  const std::string list(
      "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x0c\x00\x00\x00"
      "\x04\x00\x06\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff"
      "\xff\xff",
      44);
  scratch_.write("tree/listed", "content");
  ASSERT_EQ(
      ::setxattr(at("tree/listed").c_str(), "system.posix_acl_access", list.data(), list.size(), 0),
      0);
  fs::create_directory(at("store"));
  give("store", kSomebody, 0755);
  const CommandResult imported = run_program(
      "/usr/bin/env", {"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
                       ZSTDFS_PROGRAM, "import", at("tree"), at("store")});
  EXPECT_EQ(imported.exit_code, 0) << imported.error;
  EXPECT_THAT(imported.error, HasSubstr("only root can keep owners"));
  for (const auto& [name, mode] : modes) {
    EXPECT_EQ(status_of(at("store/" + name)).st_uid, kSomebody) << name;
    EXPECT_EQ(status_of(at("store/" + name)).st_mode & 07777, mode.second) << name;
  }
  EXPECT_EQ(status_of(at("store/listed")).st_mode & 07777, 0644u);
}

}  // namespace
}  // namespace zstdfs::test
