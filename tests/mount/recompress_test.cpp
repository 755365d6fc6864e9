// Files of a mount are stored anew while others use them: `zstdfs recompress`, `decompress`.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::Random;
using test::random_bytes;
using test::text_bytes;
using testing::HasSubstr;

constexpr int kFiles = 18;
constexpr int kProcesses = 8;

/// What a file holds all the time: whoever writes, writes the same bytes again.
Bytes content_of_file(int number) {
  const auto seed = static_cast<std::uint64_t>(number);
  const std::size_t bytes = 1000 + static_cast<std::size_t>(number) * 20'000;
  return number % 6 == 5 ? random_bytes(bytes, seed) : text_bytes(bytes, seed);
}

std::string name_of_file(int number) {
  return "busy/" + std::to_string(number);
}

bool same_times(const struct stat& a, const struct stat& b) {
  const auto same = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim) && same(a.st_atim, b.st_atim);
}

class Recompression : public MountTest {
 protected:
  void write_files() {
    ASSERT_EQ(::mkdir(store_.path("busy").c_str(), 0755), 0);
    for (int i = 0; i < kFiles; ++i) write_file(store_.path(name_of_file(i)), content_of_file(i));
  }

  void expect_contents() {
    for (int i = 0; i < kFiles; ++i) {
      const std::string path = store_.path(name_of_file(i));
      EXPECT_EQ(difference(read_file(path), content_of_file(i)), "") << path;
    }
  }

  Ended zstdfs(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), tool_program());
    return run(arguments);
  }

  TempDir scratch_;
};

/// Reads and writes files of the tree until `stop` appears. Returns what went wrong.
std::string work_on(const std::string& mountpoint, const std::string& stop, std::uint64_t seed) {
  Random random(seed);
  while (!exists(stop)) {
    const int number = static_cast<int>(random.below(kFiles));
    const std::string path = mountpoint + "/" + name_of_file(number);
    const Bytes content = content_of_file(number);
    if (random.chance(50)) {
      const std::string differs = difference(read_file(path), content);
      if (!differs.empty()) return path + ": " + differs;
      ::usleep(10'000);
      continue;
    }
    const std::size_t from = random.below(content.size());
    const std::size_t bytes = std::min<std::size_t>(content.size() - from, random.below(20'000));
    Fd fd = open_file(path, O_WRONLY);
    pwrite_all(fd.get(), ByteSpan(content).subspan(from, bytes), from);
    if (fd.close() != 0) return path + ": close failed";
    ::usleep(20'000);
  }
  return {};
}

/// Processes that use the tree as long as this lives.
class Users {
 public:
  Users(const std::string& mountpoint, std::string stop) : stop_(std::move(stop)) {
    for (int i = 0; i < kProcesses; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        std::string wrong;
        try {
          wrong = work_on(mountpoint, stop_, static_cast<std::uint64_t>(i));
        } catch (const std::exception& error) {
          wrong = error.what();
        }
        if (!wrong.empty()) ::dprintf(STDERR_FILENO, "%s\n", wrong.c_str());
        ::_exit(wrong.empty() ? 0 : 1);
      }
      children_.push_back(child);
    }
  }
  ~Users() {
    write_file(stop_, {});
    for (const pid_t child : children_) EXPECT_EQ(wait_for(child, kPatience), 0);
  }
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;

 private:
  const std::string stop_;
  std::vector<pid_t> children_;
};

TEST_F(Recompression, BesideReadersAndWriters) {
  write_files();
  {
    const Users users(store_.mountpoint(), scratch_ / "stop");
    for (const std::string level : {"9", "1"}) {
      const Ended ended = zstdfs({"recompress", "--level", level, store_.mountpoint()});
      // Files may stay busy; but nothing may fail.
      EXPECT_TRUE(ended.ok() || ended.status == 1) << ended.output;
      EXPECT_EQ(ended.output.find("failed"), std::string::npos) << ended.output;
      EXPECT_THAT(ended.output, HasSubstr(" changed, "));
      EXPECT_EQ(ended.output.find("Files: 0 changed"), std::string::npos) << ended.output;
    }
    EXPECT_NE(zstdfs({"decompress", store_.mountpoint()}).output.find(" changed, "),
              std::string::npos);
  }
  expect_contents();
  const Ended rest = zstdfs({"recompress", "--level", "7", store_.mountpoint()});
  EXPECT_TRUE(rest.ok()) << rest.output;
  expect_contents();
  store_.remount();
  expect_contents();
}

TEST_F(Recompression, TimesLinksInodeAndAttributesStay) {
  const std::string path = store_.path("f");
  const Bytes content = text_bytes(500'000, 1);
  write_file(path, content);
  ASSERT_EQ(::link(path.c_str(), store_.path("g").c_str()), 0);
  ASSERT_EQ(::chmod(path.c_str(), 04751), 0);
  ASSERT_EQ(::chown(path.c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod(path.c_str(), 04751), 0);
  const timespec times[2] = {{1'000'000, 5}, {2'000'000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const Ended attribute = run({"setfattr", "-n", "user.mine", "-v", "kept", path});
  ASSERT_TRUE(attribute.ok()) << attribute.output;
  const Ended capability = run({"setcap", "cap_net_raw+ep", path});
  ASSERT_TRUE(capability.ok()) << capability.output;
  const std::string capabilities = run({"getcap", path}).output;
  store_.remount();
  const struct stat before = status_of(path);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"recompress", "--dry-run", "--level", "19"},
                                             {"recompress", "--level", "19"},
                                             {"decompress"},
                                             {"recompress"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back(store_.mountpoint());
    const Ended ended = zstdfs(arguments);
    EXPECT_TRUE(ended.ok()) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(command.size() > 3 ? "1 would be changed" : "1 changed"));
    const struct stat after = status_of(store_.path("g"));
    EXPECT_TRUE(same_times(before, after)) << command[0];
    EXPECT_EQ(after.st_ino, before.st_ino);
    EXPECT_EQ(after.st_nlink, 2u);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(run({"getcap", path}).output, capabilities);
    EXPECT_EQ(after.st_uid, 12u);
    EXPECT_EQ(after.st_gid, 34u);
    EXPECT_EQ(after.st_size, before.st_size);
  }
  EXPECT_THAT(run({"getfattr", "-n", "user.mine", path}).output, HasSubstr("kept"));
  EXPECT_EQ(difference(read_file(path), content), "");
}

TEST_F(Recompression, GoesOnAfterTheDaemonWasKilled) {
  write_files();
  const std::string out = scratch_ / "out";
  const pid_t command =
      start({tool_program(), "recompress", "-v", "--level", "19", store_.mountpoint()}, out);
  EXPECT_TRUE(eventually([&] { return read_file(out).size() > 100; }));
  int status = -1;
  store_.kill_daemon([&] { status = wait_for(command, kPatience); });
  const Bytes said = read_file(out);
  const std::string text(reinterpret_cast<const char*>(said.data()), said.size());
  EXPECT_EQ(status, 1) << text;
  EXPECT_THAT(text, HasSubstr("mount it again"));
  store_.mount();
  expect_contents();
  const Ended again = zstdfs({"recompress", "--json", "--level", "19", store_.mountpoint()});
  EXPECT_TRUE(again.ok()) << again.output;
  EXPECT_EQ(again.output.find("\"as_wanted\": 0"), std::string::npos) << again.output;
  const Ended third = zstdfs({"recompress", "--json", "--level", "19", store_.mountpoint()});
  EXPECT_THAT(third.output, HasSubstr("\"changed\": 0"));
  expect_contents();
}

TEST_F(Recompression, CtrlCEndsItBetweenTwoFiles) {
  write_files();
  const std::string out = scratch_ / "out";
  const pid_t command =
      start({tool_program(), "recompress", "-v", "--level", "19", store_.mountpoint()}, out);
  EXPECT_TRUE(eventually([&] { return read_file(out).size() > 100; }));
  ASSERT_EQ(::kill(command, SIGINT), 0);
  EXPECT_EQ(wait_for(command, kPatience), 130);
  const Bytes said = read_file(out);
  const std::string text(reinterpret_cast<const char*>(said.data()), said.size());
  EXPECT_THAT(text, HasSubstr("Interrupted. Files: "));
  EXPECT_THAT(text, HasSubstr("Run the command again for the rest."));
  expect_contents();
}

TEST_F(Recompression, TheBackingDirectoryOfAMountedStoreLeadsToTheMount) {
  const Bytes content = text_bytes(200'000, 1);
  write_file(store_.path("f"), content);
  for (const std::string& named : {store_.backing("f"), store_.backing()}) {
    const Ended ended = zstdfs({"recompress", "--level", "9", named});
    EXPECT_TRUE(ended.ok()) << ended.output;
    EXPECT_EQ(difference(read_file(store_.path("f")), content), "");
  }
  EXPECT_THAT(zstdfs({"info", store_.path("f")}).output, HasSubstr(" 9 "));
}

TEST_F(Recompression, OptionsOfTheMountCount) {
  write_file(store_.path("f"), text_bytes(200'000, 1));
  store_.unmount();
  store_.mount("level=12");
  for (const char* const option : {"--dry-run", "-v"}) {
    const Ended ended = zstdfs({"recompress", option, store_.mountpoint()});
    EXPECT_THAT(ended.output, HasSubstr("Files: 1 ")) << option;
  }
  EXPECT_THAT(zstdfs({"info", store_.path("f")}).output, HasSubstr(" 12 "));
}

TEST_F(Recompression, AMissingDictionaryIsSaid) {
  const Bytes content = text_bytes(200'000, 1);
  write_file(store_.path("f"), content);
  const Ended ended = zstdfs({"recompress", "--dictionary", "40000", store_.mountpoint()});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr("the store has no dictionary 40000"));
  EXPECT_THAT(ended.output, testing::Not(HasSubstr(store_.path("f"))));
  EXPECT_EQ(difference(read_file(store_.path("f")), content), "");
}

TEST_F(Recompression, AReadOnlyMountSaysSo) {
  write_file(store_.path("f"), text_bytes(200'000, 1));
  store_.unmount();
  store_.mount("ro");
  const Ended ended = zstdfs({"recompress", "--level", "9", store_.mountpoint()});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr(store_.mountpoint() + ": is on a mount that is read-only"));
  const Ended dry = zstdfs({"recompress", "--dry-run", "--level", "9", store_.mountpoint()});
  EXPECT_TRUE(dry.ok()) << dry.output;
  EXPECT_THAT(dry.output, HasSubstr("1 would be changed"));
}

TEST(RecompressionOnAFullDisk, LeavesTheFileAsItWas) {
  const SmallDisk disk("16");
  MountedStore store({}, disk / "store");
  const Bytes content = text_bytes(24u << 20, 1);
  write_file(store.path("f"), content);
  store.remount();
  const Ended ended = run({tool_program(), "decompress", store.mountpoint()});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr(store.path("f") + ": No space left on device"));
  EXPECT_EQ(difference(read_file(store.path("f")), content), "");
  store.unmount();
  expect_fsck_clean(disk / "store");
}

}  // namespace
}  // namespace zstdfs::mounttest
