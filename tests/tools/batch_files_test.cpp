#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/meanwhile.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

CommandResult batch(const std::string& direction, std::vector<std::string> more) {
  more.insert(more.begin(), {"batch", direction});
  return run_zstdfs(more);
}

std::size_t count_entries(const std::string& directory) {
  const std::filesystem::directory_iterator entries(directory);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status;
}

TEST(BatchFiles, FilesOfAllSizesBecomeZstdFilesAndComeBackWithModeAndTime) {
  const TempStore store;
  const std::vector<std::size_t> sizes = {0, 1, 5000, 1 << 20, (1 << 20) + 1, 5 << 20};
  std::vector<std::string> files;
  std::vector<std::string> results;
  for (const std::size_t size : sizes) {
    const std::string name = "in/" + std::to_string(size);
    store.write(name, compressible_bytes(size, size));
    files.push_back(store.path(name));
    results.push_back(files.back() + ".zst");
    ASSERT_EQ(::chmod(files.back().c_str(), 0640), 0);
    const timespec times[2] = {{1000, 5}, {2000, 7}};
    ASSERT_EQ(::utimensat(AT_FDCWD, files.back().c_str(), times, 0), 0);
  }
  std::vector<std::string> arguments = files;
  arguments.push_back("--json");
  const CommandResult result = batch("compress", arguments);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.json().at("files"), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(decompress(read_file(results[i])) == read_file(files[i])) << sizes[i];
    const struct stat status = status_of(results[i]);
    EXPECT_EQ(status.st_mode & 07777, 0640u);
    EXPECT_EQ(status.st_mtim.tv_sec, 2000);
    EXPECT_EQ(status.st_mtim.tv_nsec, 7);
  }

  results.insert(results.end(), {"--output-dir", store.path("out"), "--threads", "2"});
  std::filesystem::create_directory(store.path("out"));
  const CommandResult back = batch("decompress", results);
  ASSERT_EQ(back.exit_code, 0) << back.error;
  for (const std::size_t size : sizes) {
    const std::string name = "out/" + std::to_string(size);
    EXPECT_TRUE(read_file(store.path(name)) == compressible_bytes(size, size)) << size;
    EXPECT_EQ(status_of(store.path(name)).st_mode & 07777, 0640u);
    EXPECT_EQ(status_of(store.path(name)).st_mtim.tv_sec, 2000);
  }
  EXPECT_EQ(count_entries(store.path("out")), sizes.size());
}

TEST(BatchFiles, FilesOfSeveralFramesAndContainersAreDecompressed) {
  const TempStore store;
  const Bytes content = text_bytes(20000, 1);
  Bytes frames = compress(content);
  frames.insert(frames.end(), frames.begin(), frames.end());
  Bytes twice = content;
  twice.insert(twice.end(), content.begin(), content.end());
  store.write("frames.zst", frames);
  store.write("container.zst", container_of(content, 4096).sealed());
  const CommandResult result =
      batch("decompress", {store.path("frames.zst"), store.path("container.zst")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_TRUE(read_file(store.path("frames")) == twice);
  EXPECT_TRUE(read_file(store.path("container")) == content);
}

TEST(BatchFiles, WhatFailsIsNamedTheOthersGoOnAndNothingHalfDoneStays) {
  const TempStore store;
  const Bytes good = compress(text_bytes(5000, 1));
  Bytes damaged = good;
  damaged[damaged.size() / 2] ^= std::byte{0x55};
  Bytes truncated = compress(random_bytes(3 << 20, 1));
  truncated.pop_back();
  store.write("in/a.zst", good);
  store.write("in/damaged.zst", damaged);
  store.write("in/truncated.zst", truncated);
  store.write("in/empty.zst", "");
  store.write("in/text.zst", "this is no zstd file");
  store.write("in/other", good);
  store.write("in/z.zst", good);
  const CommandResult result =
      batch("decompress",
            {store.path("in/a.zst"), store.path("in/damaged.zst"), store.path("in/truncated.zst"),
             store.path("in/empty.zst"), store.path("in/text.zst"), store.path("in/other"),
             store.path("in/missing.zst"), store.path("in"), store.path("in/z.zst"), "--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.json().at("files"), 2);
  EXPECT_EQ(result.json().at("failures"), 7);
  for (const char* name : {"damaged.zst", "truncated.zst", "empty.zst", "text.zst", "other"}) {
    EXPECT_THAT(result.error, HasSubstr("zstdfs batch: " + store.path("in/") + name + ": "));
  }
  EXPECT_THAT(result.error, HasSubstr("missing.zst: No such file or directory"));
  EXPECT_TRUE(read_file(store.path("in/z")) == text_bytes(5000, 1));
  EXPECT_EQ(count_entries(store.path("in")), 7u + 2u);
}

TEST(BatchFiles, AnAccessListIsKept) {
  // user::rw-,user:12:rw-,group::---,mask::rw-,other::---
  const std::string list(
      "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x06\x00\x0c\x00\x00\x00"
      "\x04\x00\x00\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff"
      "\xff\xff",
      44);
  const TempStore store;
  store.write("in/listed", "content");
  store.write("in/plain", "content");
  ASSERT_EQ(::chmod(store.path("in/plain").c_str(), 0640), 0);
  ASSERT_EQ(::setxattr(store.path("in/listed").c_str(), "system.posix_acl_access", list.data(),
                       list.size(), 0),
            0);
  std::filesystem::create_directory(store.path("out"));
  ASSERT_EQ(::setxattr(store.path("out").c_str(), "system.posix_acl_default", list.data(),
                       list.size(), 0),
            0);
  const CommandResult result = batch("compress", {"--output-dir", store.path("out"),
                                                  store.path("in/listed"), store.path("in/plain")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  std::string found(100, '\0');
  EXPECT_EQ(::getxattr(store.path("out/listed.zst").c_str(), "system.posix_acl_access",
                       found.data(), found.size()),
            44);
  EXPECT_EQ(found.substr(0, 44), list);
  EXPECT_EQ(status_of(store.path("out/listed.zst")).st_mode & 07777, 0660u);
  EXPECT_EQ(::getxattr(store.path("out/plain.zst").c_str(), "system.posix_acl_access", found.data(),
                       found.size()),
            -1);
  EXPECT_EQ(status_of(store.path("out/plain.zst")).st_mode & 07777, 0640u);
}

TEST(BatchFiles, WhatIsThereIsReplacedOnlyWhenThatIsAskedFor) {
  const TempStore store;
  store.write("f", "content");
  store.write("f.zst", "precious");
  const CommandResult refused = batch("compress", {store.path("f")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("f: the result exists already; --force"));
  EXPECT_EQ(read_file(store.path("f.zst")), bytes_of("precious"));
  const CommandResult forced = batch("compress", {"--force", store.path("f")});
  EXPECT_EQ(forced.exit_code, 0) << forced.error;
  EXPECT_EQ(decompress(read_file(store.path("f.zst"))), bytes_of("content"));
}

TEST(BatchFiles, TwoFilesNeverGetTheSameResult) {
  const TempStore store;
  store.write("a/f", "first");
  store.write("b/f", "second");
  std::filesystem::create_directory(store.path("out"));
  const CommandResult result =
      batch("compress", {"--force", "--remove", "--output-dir", store.path("out"),
                         store.path("a/f"), store.path("b/f")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("b/f: another of the files has the same result"));
  EXPECT_EQ(decompress(read_file(store.path("out/f.zst"))), bytes_of("first"));
  EXPECT_EQ(read_file(store.path("b/f")), bytes_of("second"));
}

TEST(BatchFiles, FilesAreRemovedOnlyWhenThatIsAskedForAndTheirResultIsThere) {
  const TempStore store;
  store.write("in/good", "content");
  store.write("in/blocked", "content");
  std::filesystem::create_directory(store.path("in/blocked.zst"));
  std::filesystem::create_symlink("good", store.path("in/link"));
  const CommandResult kept = batch("compress", {"--keep", "--suffix", ".z", store.path("in/good")});
  EXPECT_EQ(kept.exit_code, 0) << kept.error;
  EXPECT_TRUE(std::filesystem::exists(store.path("in/good")));
  const CommandResult result = batch("compress", {"--remove", "--force", store.path("in/link"),
                                                  store.path("in/blocked"), store.path("in/good")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("link: not a regular file"));
  EXPECT_THAT(result.error, HasSubstr("in/blocked.zst: not a regular file"));
  EXPECT_FALSE(std::filesystem::exists(store.path("in/good")));
  EXPECT_EQ(decompress(read_file(store.path("in/good.zst"))), bytes_of("content"));
  EXPECT_EQ(decompress(read_file(store.path("in/good.z"))), bytes_of("content"));
  EXPECT_EQ(read_file(store.path("in/blocked")), bytes_of("content"));
}

// Somebody lets the path lead to another of the file's names while it is compressed.
TEST(BatchFiles, OnlyTheNameThatWasReadIsRemoved) {
  const TempStore store;
  store.write("a/f", random_bytes(64 << 20, 1));
  std::filesystem::create_directory(store.path("b"));
  std::filesystem::create_hard_link(store.path("a/f"), store.path("b/f"));
  std::filesystem::create_directory(store.path("out"));
  std::filesystem::create_directory_symlink("a", store.path("in"));
  std::filesystem::create_directory_symlink("b", store.path("next"));
  const Meanwhile attacker(store.path(), [] {
    return !std::filesystem::is_empty("out") && ::rename("next", "in") == 0;
  });
  const CommandResult result =
      batch("compress", {"--remove", "--output-dir", store.path("out"), store.path("in/f")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("in/f: was changed meanwhile and is kept"));
  EXPECT_TRUE(std::filesystem::exists(store.path("a/f")));
  EXPECT_TRUE(std::filesystem::exists(store.path("b/f")));
}

// Ctrl-C while a large file is compressed, which takes several seconds at this level.
TEST(BatchFiles, AnInterruptionLeavesNothingHalfDone) {
  const TempStore store;
  store.write("in/large", compressible_bytes(40 << 20, 1));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl(ZSTDFS_PROGRAM, "zstdfs", "batch", "compress", "--level", "19", "--remove",
            store.path("in/large").c_str(), nullptr);
    ::_exit(127);
  }
  while (count_entries(store.path("in")) < 2 && ::waitpid(child, nullptr, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child) << "it ended before it was interrupted";
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
  EXPECT_EQ(count_entries(store.path("in")), 1u);
  EXPECT_EQ(status_of(store.path("in/large")).st_size, 40 << 20);
}

}  // namespace
}  // namespace zstdfs::test
