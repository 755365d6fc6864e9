// `zstdfs import` and `export`, where they meet mounts, full disks and interruptions.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/mount/thin_pool.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;
using test::text_bytes;
using testing::HasSubstr;

Ended zstdfs(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), tool_program());
  return run(arguments);
}

TEST(Import, AMountedStoreIsLeftToItsMount) {
  MountedStore store;
  write_file(store.path("f"), text_bytes(100'000, 1));
  const TempDir scratch;
  const TempDir plain;
  write_file(plain / "f", text_bytes(1000, 1));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"import", plain.path(), store.backing()},
                                             {"import", plain.path(), store.mountpoint()},
                                             {"import", plain.path(), store.path("new")},
                                             {"export", store.backing(), scratch / "copy"},
                                             {"export", store.mountpoint(), scratch / "copy"}}) {
    const Ended ended = zstdfs(command);
    EXPECT_EQ(ended.status, 1) << command[0];
    EXPECT_THAT(ended.output, HasSubstr("copy with cp -a or rsync there"));
  }
  EXPECT_FALSE(exists(scratch / "copy"));
  EXPECT_FALSE(exists(store.path("new")));
}

TEST(Import, AMountOfAnotherStoreIsAsGoodAsAnyDirectory) {
  MountedStore store;
  const Bytes content = text_bytes(100'000, 1);
  write_file(store.path("f"), content);
  const TempDir scratch;
  const Ended imported = zstdfs({"import", store.mountpoint(), scratch / "store"});
  ASSERT_TRUE(imported.ok()) << imported.output;
  EXPECT_TRUE(is_stored_as_container(scratch / "store/f"));
  MountedStore copy({}, scratch / "store");
  EXPECT_EQ(difference(read_file(copy.path("f")), content), "");
}

// The daemon stores and merges what was just written while it is read.
TEST(Import, FilesThatTheMountIsStillStoringAreNotTakenForChanged) {
  MountedStore store("overlay=1M");
  const Bytes content = text_bytes(3'000'000, 1);
  const Bytes change = random_bytes(5000, 2);
  for (int i = 0; i < 60; ++i) {
    const std::string path = store.path(std::to_string(i));
    write_file(path, content);
    const Fd file = open_file(path, O_RDWR);
    for (std::uint64_t at = 0; at < 3'000'000; at += 300'000) pwrite_all(file.get(), change, at);
  }
  const TempDir scratch;
  const Ended imported = zstdfs({"import", store.mountpoint(), scratch / "store"});
  EXPECT_TRUE(imported.ok()) << imported.output;
}

TEST(Import, OnAFullDiskWhatIsThereIsWhole) {
  const SmallDisk disk("16");
  const TempDir plain;
  for (int i = 0; i < 30; ++i) {
    write_file(plain / std::to_string(i), random_bytes(1 << 20, static_cast<std::uint64_t>(i)));
  }
  const Ended ended = zstdfs({"import", plain.path(), disk / "store"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr("No space left on device"));
  EXPECT_THAT(ended.output, HasSubstr("what was copied before is whole"));
  expect_fsck_clean(disk / "store");
  std::size_t whole = 0;
  for (const std::string& name : regular_files(disk / "store")) {
    EXPECT_EQ(difference(read_file(name), read_file(plain / name.substr(name.rfind('/') + 1))), "");
    ++whole;
  }
  EXPECT_GE(whole, 5u);
}

TEST(Import, AnErrorOfTheDiskAtTheEndIsReported) {
  const ThinPool pool;
  const SmallDisk disk("64", "-m 0", pool.path());
  const TempDir plain;
  for (std::uint64_t i = 0; i < 50; ++i) {
    write_file(plain / std::to_string(i), random_bytes(1 << 20, i));
  }
  const TempDir scratch;
  ASSERT_TRUE(zstdfs({"import", plain.path(), scratch / "store"}).ok());
  const Ended ended = zstdfs({"export", "--json", scratch / "store", disk / "copy"});
  EXPECT_EQ(ended.status, 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("on the disk for certain: "));
  EXPECT_EQ(regular_files(disk / "copy").size(), 0u) << "--update would take them for copied";
  EXPECT_THAT(ended.output, HasSubstr("\"failures\": ["));
}

TEST(Import, AReadOnlyDiskIsSaid) {
  const SmallDisk disk("16");
  const TempDir plain;
  write_file(plain / "f", text_bytes(100'000, 1));
  ASSERT_TRUE(zstdfs({"import", plain.path(), disk / "store"}).ok());
  ASSERT_TRUE(run({"mount", "-o", "remount,ro", disk.path()}).ok());
  const Ended ended = zstdfs({"import", "--force", plain.path(), disk / "store"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr("is read-only; make it writable"));
  const TempDir scratch;
  const Ended exported = zstdfs({"export", disk / "store", scratch / "copy"});
  EXPECT_TRUE(exported.ok()) << exported.output;
  EXPECT_EQ(difference(read_file(scratch / "copy/f"), text_bytes(100'000, 1)), "");
}

TEST(Import, CtrlCLeavesWholeFilesAndUpdateDoesTheRest) {
  const TempDir plain;
  const TempDir scratch;
  for (int i = 0; i < 40; ++i) {
    write_file(plain / std::to_string(i), text_bytes(2 << 20, static_cast<std::uint64_t>(i)));
  }
  const std::string out = scratch / "out";
  const pid_t command =
      start({tool_program(), "import", "--threads", "1", plain.path(), scratch / "store"}, out);
  // More than wait for the one thread.
  EXPECT_TRUE(eventually(
      [&] { return exists(scratch / "store") && names_in(scratch / "store").size() > 10; }));
  ASSERT_EQ(::kill(command, SIGINT), 0);
  EXPECT_EQ(wait_for(command, kPatience), 130);
  const Bytes said = read_file(out);
  EXPECT_THAT(std::string(reinterpret_cast<const char*>(said.data()), said.size()),
              HasSubstr("Interrupted. Copied: "));
  expect_fsck_clean(scratch / "store");
  EXPECT_LT(regular_files(scratch / "store").size(), 40u);

  const Ended rest = zstdfs({"import", "--update", plain.path(), scratch / "store"});
  EXPECT_TRUE(rest.ok()) << rest.output;
  EXPECT_THAT(rest.output, HasSubstr("There already: "));
  const Ended exported = zstdfs({"export", scratch / "store", scratch / "copy"});
  EXPECT_TRUE(exported.ok()) << exported.output;
  const Ended same = run({"diff", "-r", plain.path(), scratch / "copy"});
  EXPECT_TRUE(same.ok()) << same.output;
}

}  // namespace
}  // namespace zstdfs::mounttest
