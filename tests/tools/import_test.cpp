#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct stat status_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

void set_times(const std::string& path, time_t modified) {
  const timespec times[2] = {{1'000'000, 1}, {modified, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

void set_attribute(const std::string& path, const char* name, std::string_view value) {
  ASSERT_EQ(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0), 0) << path << name;
}

std::string attribute(const std::string& path, const char* name) {
  char value[100];
  const ssize_t n = ::lgetxattr(path.c_str(), name, value, sizeof value);
  return n < 0 ? "(none)" : std::string(value, static_cast<std::size_t>(n));
}

/// user::rw-,user:12:r--,group::r--,mask::r--,other::---
const std::string kAccessList(
    "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x0c\x00\x00\x00"
    "\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff"
    "\xff",
    44);

/// A directory of an ordinary filesystem, with a bit of everything; not a store.
class Tree : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(scratch_.path(".zstdfs"));
    scratch_.write("tree/dir/text", text_bytes(300'000, 1));
    scratch_.write("tree/dir/noise", random_bytes(50'000, 1));
    scratch_.write("tree/empty", "");
    scratch_.write("tree/inner", container_of(text_bytes(30'000, 1)).sealed());
    fs::create_hard_link(at("dir/text"), at("second name"));
    fs::create_symlink("/etc/passwd", at("symlink"));
    ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0640), 0);
    ASSERT_EQ(::mknod(at("null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    const int sparse = ::open(at("sparse").c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_EQ(::pwrite(sparse, "end", 3, 500 << 20), 3);
    ASSERT_EQ(::close(sparse), 0);
    ASSERT_EQ(::chown(at("dir/noise").c_str(), 12, 34), 0);
    ASSERT_EQ(::chmod(at("dir/noise").c_str(), 06751), 0);
    set_attribute(at("dir/text"), "user.mine", "kept");
    set_attribute(at("dir"), "user.zstdfs.level", "12");
    set_attribute(at("empty"), "system.posix_acl_access", kAccessList);
    set_attribute(at("dir"), "system.posix_acl_default", kAccessList);
    set_attribute(at("symlink"), "trusted.note", "on the link");
    time_t modified = 2'000'000;
    for (const char* name : {"dir/text", "dir/noise", "empty", "inner", "symlink", "pipe", "null",
                             "sparse", "dir", ""}) {
      set_times(at(name), ++modified);
    }
  }

  std::string at(const std::string& below) const {
    return scratch_.path("tree") + (below.empty() ? "" : "/" + below);
  }
  std::string store(const std::string& below = "") const {
    return scratch_.path("store") + (below.empty() ? "" : "/" + below);
  }
  std::string copy(const std::string& below = "") const {
    return scratch_.path("copy") + (below.empty() ? "" : "/" + below);
  }

  void expect_same(const std::string& name, const std::string& copied) const {
    SCOPED_TRACE(name);
    const struct stat a = status_of(at(name));
    const struct stat b = status_of(copied);
    EXPECT_EQ(a.st_mode, b.st_mode);
    EXPECT_EQ(a.st_uid, b.st_uid);
    EXPECT_EQ(a.st_gid, b.st_gid);
    EXPECT_EQ(a.st_rdev, b.st_rdev);
    EXPECT_EQ(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
    EXPECT_EQ(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
    if (!S_ISDIR(a.st_mode)) {
      EXPECT_EQ(a.st_nlink, b.st_nlink);
    }
  }

  static std::set<std::string> names_below(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      names.insert(fs::relative(entry.path(), directory));
    }
    return names;
  }

  TempStore scratch_;
};

const std::vector<std::string> kNames = {"dir/text", "dir/noise", "empty", "inner", "second name",
                                         "symlink",  "pipe",      "null",  "sparse"};

TEST_F(Tree, ThereAndBackAgainEverythingIsTheSame) {
  const CommandResult imported = run_zstdfs({"import", "--json", at(""), store()});
  ASSERT_EQ(imported.exit_code, 0) << imported.error;
  EXPECT_EQ(imported.json().at("files"), 5);
  EXPECT_EQ(imported.json().at("hard_links"), 1);
  EXPECT_EQ(imported.json().at("nodes"), 2);
  EXPECT_EQ(imported.json().at("verified"), true);
  for (const std::string& name : kNames) {
    expect_same(name, store(name));
    EXPECT_EQ(status_of(store(name)).st_atim.tv_sec, 1'000'000) << name;
  }
  expect_same("dir", store("dir"));
  expect_same("", store());
  EXPECT_EQ(content_of(read_file(store("dir/text"))), text_bytes(300'000, 1));
  EXPECT_LT(status_of(store("sparse")).st_blocks, 100);
  // The attribute of the directory above decides.
  EXPECT_EQ(run_zstdfs({"info", "--json", store("dir/text")}).json().at(0).at("level"), 12);
  const CommandResult checked = run_zstdfs({"fsck", store()});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.error;

  const CommandResult exported = run_zstdfs({"export", "--threads", "3", store(), copy()});
  ASSERT_EQ(exported.exit_code, 0) << exported.error;
  EXPECT_THAT(exported.out, HasSubstr("verified"));
  for (const std::string& name : kNames) expect_same(name, copy(name));
  expect_same("dir", copy("dir"));
  EXPECT_FALSE(fs::exists(copy(".zstdfs")));
  for (const char* name : {"dir/text", "dir/noise", "empty", "inner", "second name"}) {
    EXPECT_EQ(read_file(copy(name)), read_file(at(name))) << name;
  }
  EXPECT_EQ(status_of(copy("dir/text")).st_ino, status_of(copy("second name")).st_ino);
  EXPECT_EQ(fs::read_symlink(copy("symlink")), "/etc/passwd");
  EXPECT_EQ(status_of(copy("sparse")).st_size, (500 << 20) + 3);
  EXPECT_LT(status_of(copy("sparse")).st_blocks, 100);
  EXPECT_EQ(attribute(copy("dir/text"), "user.mine"), "kept");
  EXPECT_EQ(attribute(copy("empty"), "system.posix_acl_access"), kAccessList);
  EXPECT_EQ(attribute(copy("dir"), "system.posix_acl_default"), kAccessList);
  EXPECT_EQ(attribute(copy("symlink"), "trusted.note"), "on the link");
  // The default list of the directory is not what files get that had none.
  EXPECT_EQ(attribute(copy("dir/text"), "system.posix_acl_access"), "(none)");
}

// They wait for a sync together, each with a descriptor.
TEST_F(Tree, MoreFilesThanDescriptors) {
  for (int i = 0; i < 300; ++i) {
    scratch_.write("tree/many " + std::to_string(i), std::string(5000, 'x'));
  }
  const auto with_few = [](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"prlimit", "--nofile=64", ZSTDFS_PROGRAM};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program("/usr/bin/env", all);
  };
  const CommandResult imported = with_few({"import", at(""), store()});
  EXPECT_EQ(imported.exit_code, 0) << imported.error;
  const CommandResult exported = with_few({"export", store(), copy()});
  EXPECT_EQ(exported.exit_code, 0) << exported.error;
  EXPECT_EQ(names_below(copy()), names_below(at("")));
}

TEST_F(Tree, WhatIsThereIsAnErrorUnlessToldOtherwise) {
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  const CommandResult again = run_zstdfs({"import", "--json", at(""), store()});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.error, HasSubstr("is there already"));
  EXPECT_EQ(again.json().at("files"), 0);

  const CommandResult same = run_zstdfs({"import", "--json", "--update", at(""), store()});
  EXPECT_EQ(same.exit_code, 0) << same.error;
  EXPECT_EQ(same.json().at("files"), 0);
  scratch_.write("tree/dir/text", text_bytes(300'000, 2));
  const CommandResult update = run_zstdfs({"import", "--json", "--update", at(""), store()});
  EXPECT_EQ(update.exit_code, 0) << update.error;
  EXPECT_EQ(update.json().at("files"), 1);
  EXPECT_EQ(content_of(read_file(store("dir/text"))), text_bytes(300'000, 2));
  EXPECT_EQ(status_of(store("dir/text")).st_ino, status_of(store("second name")).st_ino);

  const CommandResult forced = run_zstdfs({"import", "--json", "--force", at(""), store()});
  EXPECT_EQ(forced.exit_code, 0) << forced.error;
  EXPECT_EQ(forced.json().at("files"), 5);
  EXPECT_EQ(run_zstdfs({"import", "--force", "--update", at(""), store()}).exit_code, 2);
}

TEST_F(Tree, OfADamagedFileNothingIsExported) {
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  const int fd = ::open(store("dir/text").c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, "x", 1, 200), 1);
  ASSERT_EQ(::close(fd), 0);
  const CommandResult exported = run_zstdfs({"export", "--json", store(), copy()});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_EQ(exported.json().at("files"), 4);
  EXPECT_THAT(exported.error, HasSubstr(copy("dir/text") + ": "));
  EXPECT_FALSE(fs::exists(copy("dir/text")));
  EXPECT_EQ(read_file(copy("dir/noise")), read_file(at("dir/noise")));
}

TEST_F(Tree, WhatCannotBeReplacedStaysAsItWas) {
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  ASSERT_EQ(run_zstdfs({"export", "-q", store(), copy()}).exit_code, 0);
  const int fd = ::open(store("dir/text").c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, "x", 1, 200), 1);
  ASSERT_EQ(::close(fd), 0);
  const CommandResult exported = run_zstdfs({"export", "--force", store(), copy()});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_THAT(exported.error, HasSubstr(copy("dir/text") + ": "));
  EXPECT_EQ(read_file(copy("dir/text")), read_file(at("dir/text")));
  EXPECT_EQ(names_below(copy()), names_below(at("")));
}

TEST_F(Tree, WhatAKilledCopyHasSetAsideIsKept) {
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  ASSERT_EQ(run_zstdfs({"export", "-q", store(), copy()}).exit_code, 0);
  fs::rename(copy("dir/text"), copy("dir/.text.replaced-1"));
  scratch_.write("copy/dir/text", "half of i");
  ASSERT_EQ(run_zstdfs({"export", "-q", "--force", store(), copy()}).exit_code, 0);
  EXPECT_EQ(read_file(copy("dir/text")), read_file(at("dir/text")));
  EXPECT_EQ(read_file(copy("dir/.text.replaced-1")), read_file(at("dir/text")));
  fs::remove(copy("dir/.text.replaced-1"));
  EXPECT_EQ(names_below(copy()), names_below(at("")));
}

TEST_F(Tree, PlacesThatCannotBeAreRefused) {
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& why) {
    const CommandResult result = run_zstdfs(arguments);
    EXPECT_EQ(result.exit_code, 1) << why;
    EXPECT_THAT(result.error, HasSubstr(why));
  };
  refused({"import", at("missing"), store()}, at("missing") + ": No such file or directory");
  refused({"import", at("dir/text"), store()}, "is not a directory");
  refused({"import", at(""), at("dir/store")}, "overlaps with");
  refused({"import", at("dir"), at("")}, "overlaps with");
  EXPECT_FALSE(fs::exists(at("dir/store")));
  refused({"export", at(""), copy()}, "is not a store");
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  refused({"export", store(), store("inside")}, "overlaps with");
  refused({"import", store("dir"), scratch_.path("other")}, "is in the backing directory");
  scratch_.write("full/f", "x");
  refused({"import", at(""), scratch_.path("full")}, "neither empty nor a store");
}

TEST_F(Tree, AStoreInsideIsRefusedByARelativeNameToo) {
  const fs::path before = fs::current_path();
  fs::current_path(at(""));
  const CommandResult result = run_zstdfs({"import", ".", "newstore"});
  fs::current_path(before);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("overlaps with"));
  EXPECT_FALSE(fs::exists(at("newstore")));
}

TEST_F(Tree, ANameIsNotGivenToWhatIsThereInsteadOfItsFile) {
  scratch_.write("copy/dir/text", "somebody else's");
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  const CommandResult exported = run_zstdfs({"export", store(), copy()});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_THAT(exported.error, HasSubstr("its other name dir/text was not copied"));
  EXPECT_FALSE(fs::exists(copy("second name")));
}

TEST_F(Tree, LongNamesCanBeReplaced) {
  const std::string name(255, 'x');
  scratch_.write("tree/" + name, "one");
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  scratch_.write("tree/" + name, "another");
  const CommandResult forced = run_zstdfs({"import", "-q", "--force", at(""), store()});
  EXPECT_EQ(forced.exit_code, 0) << forced.error;
  EXPECT_EQ(read_file(store(name)), read_file(at(name)));
}

TEST_F(Tree, WhatIsFoundInThePlaceOfADirectoryIsNotFollowed) {
  fs::create_directory(scratch_.path("elsewhere"));
  fs::create_directory(copy());
  fs::create_symlink(scratch_.path("elsewhere"), copy("dir"));
  ASSERT_EQ(run_zstdfs({"import", "-q", at(""), store()}).exit_code, 0);
  const CommandResult exported = run_zstdfs({"export", store(), copy()});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_THAT(exported.error, HasSubstr(copy("dir") + ": is there already"));
  EXPECT_TRUE(fs::is_empty(scratch_.path("elsewhere")));
  EXPECT_EQ(run_zstdfs({"export", "--force", store(), copy()}).exit_code, 0);
  EXPECT_EQ(read_file(copy("dir/text")), read_file(at("dir/text")));
}

}  // namespace
}  // namespace zstdfs::test
