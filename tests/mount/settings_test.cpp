// Settings by attributes, policy and chattr, and dictionaries, on a mount with the administrators'
// command beside it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kRecords = 600;

/// Of about 800 bytes, as a program would log it.
std::string record(std::uint64_t number) {
  test::Random random(number);
  std::string text = "{\n";
  const char* const names[] = {"host", "service", "request", "session", "user", "node"};
  for (const char* const name : names) {
    text += std::string("  \"") + name + "\": {\"id\": " + std::to_string(random.below(1000000)) +
            ", \"state\": \"" + (random.chance(70) ? "running" : "finished") +
            "\", \"remarks\": [\"none so far\"], \"retry\": false, \"owner\": \"operations\"},\n";
  }
  return text + "  \"number\": " + std::to_string(number) + "\n}\n";
}

class SettingsOnMount : public testing::Test {
 protected:
  void write_text(const std::string& name, const std::string& text) {
    std::ofstream(store.path(name)) << text;
  }
  void write_content(const std::string& name) {
    write_file(store.path(name), test::text_bytes(100000, 1));
  }
  void make_directory(const std::string& name) {
    check(::mkdir(store.path(name).c_str(), 0755), "mkdir");
  }
  void write_records(const std::string& directory, std::uint64_t count = kRecords) {
    make_directory(directory);
    for (std::uint64_t i = 0; i < count; ++i) {
      write_text(directory + "/" + std::to_string(i) + ".json", record(i));
    }
  }
  /// A user.zstdfs.stored attribute, "" where there is none.
  std::string stored(const std::string& name, const std::string& fact) {
    return attribute(name, "user.zstdfs.stored." + fact);
  }
  std::string attribute(const std::string& name, const std::string& full_name) {
    char value[256];
    const ssize_t length =
        ::getxattr(store.path(name).c_str(), full_name.c_str(), value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<std::size_t>(length));
  }
  int set(const std::string& name, const std::string& setting, const std::string& value) {
    const std::string full_name = "user.zstdfs." + setting;
    const int result =
        ::setxattr(store.path(name).c_str(), full_name.c_str(), value.data(), value.size(), 0);
    return result == 0 ? 0 : errno;
  }
  std::string list_attributes(const std::string& name) {
    std::string names(65536, '\0');
    names.resize(static_cast<std::size_t>(
        check(::listxattr(store.path(name).c_str(), names.data(), names.size()), "listxattr")));
    return names;
  }
  Ended tool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), tool_program());
    return run(arguments);
  }
  /// Trains on the records and installs. Returns the dictionary's id.
  std::string install(const std::string& directory) {
    const Ended trained = tool({"train", "--size", "16KiB", "--saving", "bytes", "--install",
                                store.mountpoint(), store.path(directory)});
    EXPECT_EQ(trained.status, 0) << trained.output;
    const Ended listed = shell(R"("$1" dict list --json "$2" | grep '"id"' | tr -dc 0-9)",
                               {tool_program(), store.mountpoint()});
    return listed.output;
  }
  bool policy_is_in_force(const std::string& probe, const std::string& dictionary) {
    return eventually([&] {
      write_text(probe, record(5000));
      return stored(probe, "dictionary") == dictionary;
    });
  }

  MountedStore store;
};

TEST_F(SettingsOnMount, AttributesOfADirectoryAreInherited) {
  make_directory("d");
  ASSERT_EQ(set("d", "level", "9"), 0);
  ASSERT_EQ(set("d", "chunk_size", "16 KiB"), 0);
  make_directory("d/below");
  write_content("d/below/f");
  EXPECT_EQ(stored("d/below/f", "level"), "9");
  EXPECT_EQ(stored("d/below/f", "chunk_size"), "16384");
  // The nearest one counts, each setting by itself.
  ASSERT_EQ(set("d/below", "level", "2"), 0);
  write_content("d/below/g");
  EXPECT_EQ(stored("d/below/g", "level"), "2");
  EXPECT_EQ(stored("d/below/g", "chunk_size"), "16384");
  // Moved elsewhere, a directory inherits what holds there.
  make_directory("other");
  ASSERT_EQ(::rename(store.path("d/below").c_str(), store.path("other/below").c_str()), 0);
  write_content("other/below/h");
  EXPECT_EQ(stored("other/below/h", "chunk_size"), "131072");
  ASSERT_EQ(::removexattr(store.path("other/below").c_str(), "user.zstdfs.level"), 0);
  write_content("other/below/i");
  EXPECT_EQ(stored("other/below/i", "level"), "3");
}

TEST_F(SettingsOnMount, WhatMeansNothingIsRefused) {
  write_content("f");
  EXPECT_EQ(set("f", "level", "23"), EINVAL);
  EXPECT_EQ(set("f", "level", "0"), EINVAL);
  EXPECT_EQ(set("f", "level", ""), EINVAL);
  EXPECT_EQ(set("f", "chunk_size", "3"), EINVAL);
  EXPECT_EQ(set("f", "store", "zip"), EINVAL);
  EXPECT_EQ(set("f", "nonsense", "1"), EINVAL);
  EXPECT_EQ(set("f", "stored.level", "1"), EPERM);
  EXPECT_THAT(list_attributes("f"), Not(HasSubstr("user.zstdfs")));
}

TEST_F(SettingsOnMount, HowAFileIsStoredIsToldAndNotListed) {
  write_content("f");
  EXPECT_EQ(stored("f", "form"), "container");
  EXPECT_EQ(stored("f", "frames"), "1");
  EXPECT_EQ(stored("f", "dictionary"), "0");
  EXPECT_EQ(stored("f", "nonsense"), "");
  EXPECT_GT(std::stod(stored("f", "ratio")), 1.5);
  EXPECT_LT(std::stoul(stored("f", "bytes")), 60000u);
  write_text("small", "a few bytes");
  EXPECT_EQ(stored("small", "form"), "raw");
  EXPECT_EQ(stored("small", "bytes"), "11");
  EXPECT_EQ(stored("small", "level"), "");
  EXPECT_EQ(list_attributes("f"), "");
  store.unmount();
  store.mount("list_stored");
  const Ended listed = shell("getfattr -d -m user.zstdfs \"$1\"", {store.path("f")});
  EXPECT_THAT(listed.output, HasSubstr("user.zstdfs.stored.form=\"container\""));
  EXPECT_THAT(listed.output, HasSubstr("user.zstdfs.stored.ratio="));
}

TEST_F(SettingsOnMount, ChattrDecidesWhetherContentIsCompressed) {
  make_directory("d");
  const Ended done = shell(R"(
    cd "$1"
    lsattr -d d | grep -q -- '--c--'
    chattr -c d
    ! lsattr -d d | grep -q c-
    seq 100000 > d/raw
    chattr +c d
    seq 100000 > d/compressed
    ! chattr +A d 2> /dev/null
    ! chattr +i d/raw 2> /dev/null
    lsattr d/compressed | grep -q -- '--c--'
  )",
                           {store.mountpoint()});
  EXPECT_EQ(done.status, 0) << done.output;
  EXPECT_EQ(stored("d/raw", "form"), "raw");
  EXPECT_EQ(stored("d/compressed", "form"), "container");
}

TEST_F(SettingsOnMount, AChangedPolicyIsInForceAndABadOneIsNot) {
  const std::string policy = store.backing(".zstdfs/policy.json");
  std::ofstream(policy) << R"({"version": 1, "rules": [{"path": "*.log", "level": 7}]})";
  EXPECT_TRUE(eventually([&] {
    write_content("a.log");
    return stored("a.log", "level") == "7";
  }));
  std::ofstream(policy) << "{\"version\": 1,\n \"rules\": [{\"level\": 99}]}";
  EXPECT_TRUE(eventually([&] { return store.log().find("policy.json:2:") != std::string::npos; }))
      << store.log();
  write_content("b.log");
  EXPECT_EQ(stored("b.log", "level"), "7");
}

TEST_F(SettingsOnMount, ADictionaryIsTrainedInstalledAndUsedWithoutARemount) {
  write_records("records");
  const std::string id = install("records");
  ASSERT_NE(id, "");
  EXPECT_TRUE(policy_is_in_force("records/probe.json", id));
  EXPECT_EQ(stored("records/probe.json", "form"), "container");
  EXPECT_LT(std::stoul(stored("records/probe.json", "bytes")), 400u);
  // zstd itself reads it with the export.
  const Ended compared = shell(R"(
    "$1" dict export "$2" "$3" --output "$4/d.zdict"
    zstd -q -dc -D "$4/d.zdict" "$4/records/probe.json" | cmp - "$3/records/probe.json"
    rm "$4/d.zdict"
  )",
                               {tool_program(), id, store.mountpoint(), store.backing()});
  EXPECT_EQ(compared.status, 0) << compared.output;
  store.remount();
  std::ifstream probe(store.path("records/probe.json"));
  const std::string text{std::istreambuf_iterator<char>(probe), {}};
  EXPECT_EQ(text, record(5000));
}

TEST_F(SettingsOnMount, ADictionaryInUseIsNotRemoved) {
  write_records("records");
  const std::string id = install("records");
  ASSERT_TRUE(policy_is_in_force("records/probe.json", id));
  const Ended refused = tool({"dict", "rm", id, store.mountpoint()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.output, HasSubstr("is in use: 1 file needs it (records/probe.json)"));
  EXPECT_THAT(refused.output, HasSubstr("the rule in line 4 of .zstdfs/policy.json names it"));
  EXPECT_EQ(tool({"dict", "gc", store.mountpoint()}).output,
            "There is no dictionary that nothing refers to.\n");

  Fd open = open_file(store.path("records/probe.json"), O_RDONLY);
  check(::unlink(store.path("records/probe.json").c_str()), "unlink");
  check(::unlink(store.backing(".zstdfs/policy.json").c_str()), "unlink");
  const Ended still_open = tool({"dict", "gc", store.mountpoint()});
  EXPECT_EQ(still_open.status, 1);
  EXPECT_THAT(still_open.output, HasSubstr("a program has a file open that was removed"));
  open.close();
  write_file(store.path("plain"), test::text_bytes(100'000, 1));
  const Fd needs_none = open_file(store.path("plain"), O_RDONLY);
  check(::unlink(store.path("plain").c_str()), "unlink");
  const Ended removed = tool({"dict", "gc", store.mountpoint()});
  EXPECT_EQ(removed.output, "Dictionary " + id + " is removed: nothing refers to it.\n");
  EXPECT_TRUE(names_in(store.backing(".zstdfs/dicts")).empty());

  write_file(store.path("later"), test::text_bytes(100'000, 1));
  const Ended used = tool({"recompress", "--dictionary", id, store.path("later")});
  EXPECT_EQ(used.status, 1);
  EXPECT_THAT(used.output, HasSubstr("1 failed"));
}

TEST_F(SettingsOnMount, ADictionaryInUseDoesNotKeepTheOthersFromBeingRemoved) {
  write_records("records");
  const std::string id = install("records");
  ASSERT_TRUE(policy_is_in_force("records/probe.json", id));
  for (const char* const unused : {"32768", "2147483647"}) {
    const Ended imported =
        shell(R"(
      "$1" train --size 16KiB --id "$2" --output "$4" "$3"
      "$1" dict import "$4" "$3"
      rm "$4"
    )",
              {tool_program(), unused, store.mountpoint(), store.backing() + "-" + unused});
    ASSERT_EQ(imported.status, 0) << imported.output;
  }
  const Fd open = open_file(store.path("records/probe.json"), O_RDONLY);
  check(::unlink(store.path("records/probe.json").c_str()), "unlink");
  check(::unlink(store.backing(".zstdfs/policy.json").c_str()), "unlink");
  const Ended removed = shell(R"("$1" dict gc --json "$2" 2>/dev/null | tr -d ' \n')",
                              {tool_program(), store.mountpoint()});
  EXPECT_EQ(removed.output,
            R"({"removed":[32768,2147483647],"kept":[)" + id + R"(],"dry_run":false})");
  EXPECT_EQ(names_in(store.backing(".zstdfs/dicts")).size(), 2u);
  const Ended again = tool({"dict", "gc", store.mountpoint()});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.output, HasSubstr("a program has a file open that was removed"));
}

TEST_F(SettingsOnMount, WithoutItsDictionaryAFileIsAnErrorThatNamesIt) {
  write_records("records");
  const std::string id = install("records");
  ASSERT_TRUE(policy_is_in_force("records/probe.json", id));
  store.unmount();
  for (const std::string& name : names_in(store.backing(".zstdfs/dicts"))) {
    check(::unlink(store.backing(".zstdfs/dicts/" + name).c_str()), "unlink");
  }
  const Ended checked = tool({"fsck", store.backing()});
  EXPECT_EQ(checked.status, 8);
  EXPECT_THAT(checked.output, HasSubstr("dictionary " + id + " is missing"));
  EXPECT_THAT(checked.output, HasSubstr("was not checked (records/probe.json)"));
  store.mount();
  {
    const Fd fd = open_file(store.path("records/probe.json"), O_RDONLY);
    char byte = 0;
    EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, EIO);
  }
  EXPECT_THAT(store.log(), HasSubstr("dictionary " + id + " is missing"));
  // A repair does not take for lost what only misses its dictionary.
  store.unmount();
  const Ended repaired = tool({"fsck", "--repair", store.backing()});
  EXPECT_EQ(repaired.status & 8, 8) << repaired.output;
  EXPECT_FALSE(exists(store.backing("lost+found/records")));
  EXPECT_TRUE(exists(store.backing("records/probe.json")));
}

}  // namespace
}  // namespace zstdfs::mounttest
