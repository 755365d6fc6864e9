// Every subcommand on a mount, and with bad input of every kind that it can meet: one line that
// names what is wrong, the documented exit code, a store that is what it was, and nothing left
// behind.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <set>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/help_text.hpp"
#include "tests/tools/sample_records.hpp"

namespace zstdfs::test {
namespace {

using mounttest::MountedStore;
using mounttest::shell;
using mounttest::SmallDisk;
using mounttest::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

namespace fs = std::filesystem;

constexpr const char* kNoSuchFile = ": No such file or directory";
constexpr const char* kFull = "No space left on device";
/// "Read-only file system", or words of ours.
constexpr const char* kReadOnly = "ead-only";
constexpr const char* kNoStore = "lies in no store";

/// A command that is to be refused, and what its message says.
struct Refusal {
  std::vector<std::string> command;
  std::string names;  ///< the path or thing that is wrong
  std::string says;   ///< the reason
};

/// 8 is fsck's, for a check that could not be made.
int exit_code_of(const Refusal& refusal) {
  return refusal.command.front() == "fsck" ? 8 : 1;
}

std::string text_of(const std::string& path) {
  const Bytes content = mounttest::read_file(path);
  return {reinterpret_cast<const char*>(content.data()), content.size()};
}

void write_text(const std::string& path, std::string_view text) {
  mounttest::write_file(path, bytes_of(text));
}

/// All that is below a directory, by path: what files hold, and the kind of anything else. Of a
/// store without its lock and state, which any opening writes.
std::map<std::string, std::string> all_below(const std::string& directory) {
  std::map<std::string, std::string> all;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    const std::string path = entry.path().string();
    if (path.ends_with("/.zstdfs/lock") || path.ends_with("/.zstdfs/state")) continue;
    const bool regular = fs::is_regular_file(entry.symlink_status());
    all[path] = regular ? mounttest::digest(mounttest::read_file(path)) : "no file";
  }
  return all;
}

/// What is new, gone or another between the two.
std::set<std::string> differences(const std::map<std::string, std::string>& before,
                                  const std::map<std::string, std::string>& after) {
  std::set<std::string> paths;
  for (const auto& [path, what] : before) {
    const auto same = after.find(path);
    if (same == after.end() || same->second != what) paths.insert(path);
  }
  for (const auto& [path, what] : after) {
    if (!before.contains(path)) paths.insert(path);
  }
  return paths;
}

/// A store that is not mounted, with a container, a raw file, a policy and a dictionary that
/// nothing refers to, and beside it what commands are given.
class BadInput : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(beside("plain"));
    for (int i = 0; i < 25; ++i) {
      write_text(beside("plain/" + std::to_string(i) + ".json"),
                 sample_records(static_cast<std::uint64_t>(4 * i), 4));
    }
    mounttest::write_file(beside("plain/big.txt"), text_bytes(100'000, 1));
    write_text(beside("records"), sample_records(0, 300));
    write_text(beside("rules"), R"({"version": 1, "rules": [{"path": "*.txt", "level": 7}]})");
    expect_done(train({"--id", "40000", "--output", beside("installed"), beside("records")}));
    expect_done(train({"--id", "40001", "--output", beside("other"), beside("records")}));
  }

  /// Makes the store in a directory that is not there yet.
  void make_store(const std::string& root) {
    root_ = root;
    expect_done({"import", "--quiet", beside("plain"), root});
    expect_done({"policy", "set", beside("rules"), root});
    expect_done({"dict", "import", beside("installed"), root});
  }

  std::string beside(const std::string& name) const { return scratch_ / name; }
  const std::string& root() const { return root_; }
  std::string in_store(const std::string& name) const { return root_ + "/" + name; }

  /// A fast training.
  static std::vector<std::string> train(const std::vector<std::string>& more) {
    std::vector<std::string> command = {"train", "--records", "lines", "--size",
                                        "512",   "--steps",   "1"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  static std::vector<std::string> advise(const std::vector<std::string>& more) {
    std::vector<std::string> command = {"advise",  "--level",        "1",    "--chunk-size",
                                        "128 KiB", "--sample-bytes", "64KiB"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  static void expect_done(const std::vector<std::string>& command) {
    SCOPED_TRACE(testing::PrintToString(command));
    const CommandResult result = run_zstdfs(command);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.error, "");
  }

  /// `watched` is all that could be changed or littered.
  static void expect_refused(const std::vector<Refusal>& refusals, const std::string& watched) {
    auto before = all_below(watched);
    for (const Refusal& refusal : refusals) {
      SCOPED_TRACE(testing::PrintToString(refusal.command));
      const CommandResult result = run_zstdfs(refusal.command);
      EXPECT_EQ(result.exit_code, exit_code_of(refusal));
      EXPECT_THAT(lines_of(result.error), SizeIs(1)) << result.error;
      EXPECT_THAT(result.error, AllOf(StartsWith("zstdfs " + refusal.command.front()),
                                      HasSubstr(refusal.names), HasSubstr(refusal.says)));
      auto after = all_below(watched);
      EXPECT_THAT(differences(before, after), IsEmpty());
      before = std::move(after);
    }
  }

  void expect_clean() const {
    const CommandResult checked = run_zstdfs({"fsck", root_});
    EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.error;
  }

  /// What changes a store, named by a path of it that `say` begins their messages with.
  std::vector<Refusal> changes_of(const std::string& store, const std::string& reason) const {
    return {
        {train({"--install", store, "--for", "*.json", beside("records")}), store, reason},
        {{"dict", "import", beside("other"), store}, store, reason},
        {{"dict", "rm", "40000", store}, store, reason},
        {{"dict", "gc", store}, store, reason},
        {{"policy", "set", beside("rules"), store}, store, reason},
        {{"recompress", "--level", "19", store}, store, reason},
        {{"recompress", "--level", "19", store + "/big.txt"}, store + "/big.txt", reason},
        {{"decompress", store + "/big.txt"}, store + "/big.txt", reason},
    };
  }

  /// What only reads a store, whether it is mounted or not.
  std::vector<std::vector<std::string>> readings_of(const std::string& store) const {
    return {
        {"info", store + "/big.txt"},
        {"info", "--frames", store + "/big.txt"},
        {"usage", "--top", "3", store},
        {"dict", "list", "--uses", store},
        {"dict", "export", "40000", store, "--force", "--output", beside("exported")},
        {"dict", "rm", "--dry-run", "40000", store},
        {"dict", "gc", "--dry-run", store},
        {"policy", "check", store},
        {"policy", "explain", store + "/big.txt"},
        train({"--include", "*.json", store}),
        {"recompress", "--dry-run", "--level", "19", store},
        {"decompress", "--dry-run", store},
    };
  }

 private:
  TempDir scratch_;
  std::string root_;
};

TEST_F(BadInput, AMissingPathIsNamed) {
  make_store(beside("store"));
  const std::string gone = beside("gone");
  const std::string below = beside("gone/f");
  const std::vector<Refusal> refusals = {
      {{"info", gone}, gone, kNoSuchFile},
      {{"info", "--frames", gone}, gone, kNoSuchFile},
      {{"usage", gone}, gone, kNoSuchFile},
      {{"stats", gone}, gone, kNoSuchFile},
      {{"advise", gone}, gone, kNoSuchFile},
      {advise({"--plot", below, beside("plain")}), below, kNoSuchFile},
      {train({gone}), gone, kNoSuchFile},
      {train({"--install", gone, beside("records")}), gone, kNoSuchFile},
      {train({"--install", root(), gone}), gone, kNoSuchFile},
      {train({"--output", below, beside("records")}), below, kNoSuchFile},
      {{"dict", "list", gone}, gone, kNoSuchFile},
      {{"dict", "import", gone, root()}, gone, kNoSuchFile},
      {{"dict", "import", beside("other"), gone}, gone, kNoSuchFile},
      {{"dict", "export", "40000", gone, "--output", beside("d")}, gone, kNoSuchFile},
      {{"dict", "export", "40000", root(), "--output", below}, below, kNoSuchFile},
      {{"dict", "export", "41000", root(), "--output", beside("d")}, "41000", "is missing"},
      {{"dict", "rm", "40000", gone}, gone, kNoSuchFile},
      {{"dict", "rm", "41000", root()}, root(), "no dictionary 41000"},
      {{"dict", "gc", gone}, gone, kNoSuchFile},
      {{"policy", "check", gone}, gone, kNoSuchFile},
      {{"policy", "explain", gone}, gone, kNoSuchFile},
      {{"policy", "set", gone, root()}, gone, kNoSuchFile},
      {{"policy", "set", beside("rules"), gone}, gone, kNoSuchFile},
      {{"recompress", gone}, gone, kNoSuchFile},
      {{"recompress", "--dictionary", "41000", in_store("big.txt")}, root(), "no dictionary 41000"},
      {{"decompress", gone}, gone, kNoSuchFile},
      {{"import", gone, root()}, gone, kNoSuchFile},
      {{"import", beside("plain"), below}, below, kNoSuchFile},
      {{"export", gone, beside("copy")}, gone, kNoSuchFile},
      {{"export", root(), below}, below, kNoSuchFile},
      {{"fsck", gone}, gone, kNoSuchFile},
      {{"scrub", gone}, gone, kNoSuchFile},
      {{"fsck", "--repair", gone}, gone, kNoSuchFile},
      {{"batch", "compress", gone}, gone, kNoSuchFile},
      {{"batch", "compress", "--output-dir", gone, beside("records")}, gone, kNoSuchFile},
      {{"batch", "compress", "--dictionary-file", gone, beside("records")}, gone, kNoSuchFile},
      {{"batch", "decompress", gone + ".zst"}, gone, kNoSuchFile},
  };
  expect_refused(refusals, beside(""));
  expect_clean();

  // Each subcommand has been asked.
  std::set<std::string> asked;
  for (const Refusal& refusal : refusals) {
    asked.insert(refusal.command[0]);
    asked.insert(refusal.command[0] + " " + refusal.command[1]);
  }
  for (const HelpText& command : help_of_all_commands()) {
    if (!command.subcommands.empty()) continue;
    EXPECT_TRUE(asked.contains(command.name())) << command.name();
  }
}

TEST_F(BadInput, WhatIsNoStoreIsNamed) {
  make_store(beside("store"));
  const std::string plain = beside("plain");
  const std::string file = beside("plain/big.txt");
  expect_refused(
      {
          {{"info", plain}, plain, "is a directory"},
          {{"usage", plain}, plain, kNoStore},
          {{"stats", plain}, plain, "is not on a mount of zstdfs"},
          {{"stats", root()}, root(), "is not on a mount of zstdfs"},
          {train({"--install", plain, beside("records")}), plain, kNoStore},
          {train({"--install", root(), plain}), plain, kNoStore},
          {{"dict", "list", plain}, plain, kNoStore},
          {{"dict", "import", beside("other"), plain}, plain, kNoStore},
          {{"dict", "export", "40000", plain, "--output", beside("d")}, plain, kNoStore},
          {{"dict", "rm", "40000", plain}, plain, kNoStore},
          {{"dict", "gc", plain}, plain, kNoStore},
          {{"policy", "check", plain}, plain, kNoStore},
          {{"policy", "explain", file}, file, kNoStore},
          {{"policy", "set", beside("rules"), plain}, plain, kNoStore},
          {{"recompress", plain}, plain, "neither on a zstdfs mount nor in a store"},
          {{"decompress", file}, file, "neither on a zstdfs mount nor in a store"},
          {{"import", plain, beside("")}, beside(""), "overlaps with"},
          {{"import", plain, beside("records")}, beside("records"), "is not a directory"},
          {{"export", plain, beside("copy")}, plain, "is not a store"},
          {{"export", file, beside("copy")}, file, "is not a directory"},
          {{"scrub", file}, file, "lies in no store"},
          {{"fsck", plain}, plain, "is not a store"},
          {{"fsck", "--repair", plain}, plain, "is not a store"},
          {{"fsck", file}, file, "Not a directory"},
          {{"batch", "compress", plain}, plain, "Is a directory"},
          {{"batch", "decompress", file}, file, "does not end in .zst"},
      },
      beside(""));
}

TEST_F(BadInput, WhatIsNoDictionaryIsNamed) {
  make_store(beside("store"));
  const std::string whole = text_of(beside("other"));
  const std::map<std::string, std::string> contents = {{"empty", ""},
                                                       {"text", "not a dictionary"},
                                                       {"magic-cut", whole.substr(0, 3)},
                                                       {"magic", whole.substr(0, 4)},
                                                       {"id", whole.substr(0, 8)},
                                                       {"cut", whole.substr(0, 60)},
                                                       {"large", std::string(17u << 20, 'x')}};
  std::vector<Refusal> refusals;
  for (const auto& [name, content] : contents) {
    const std::string path = beside(name + ".zdict");
    write_text(path, content);
    const std::string why = name == "large" ? "most" : "is no zstd dictionary, or is damaged";
    refusals.push_back({{"dict", "import", path, root()}, path, why});
    for (const char* direction : {"compress", "decompress"}) {
      refusals.push_back(
          {{"batch", direction, "--dictionary-file", path, beside("records")}, path, why});
    }
  }
  refusals.push_back({{"dict", "import", beside("plain"), root()}, beside("plain"), "directory"});
  expect_refused(refusals, beside(""));
  expect_clean();

  for (const fs::directory_entry& copy : fs::directory_iterator(in_store(".zstdfs/dicts"))) {
    write_text(copy.path().string(), "damaged");
  }
  expect_refused({{{"dict", "export", "40000", root(), "--output", beside("d")},
                   "dictionary 40000 is missing",
                   "both of its copies"},
                  {{"recompress", "--dictionary", "40000", in_store("big.txt")},
                   in_store("big.txt") + ": dictionary 40000 is missing",
                   "both of its copies"}},
                 beside(""));
}

TEST_F(BadInput, ABrokenPolicyIsNamedWithItsLine) {
  make_store(beside("store"));
  const std::string policy = in_store(".zstdfs/policy.json");
  write_text(policy, "{\"version\": 1,\n \"rules\": [{\"level\": 99}]}");
  const std::string place = policy + ":2:";
  const char* const why = "level 99 is not a number";
  std::vector<Refusal> refusals = {
      {{"policy", "check", root()}, place, why},
      {{"policy", "check", policy}, place, why},
      {{"policy", "explain", in_store("big.txt")}, place, why},
      {{"policy", "set", policy, root()}, place, why},
      {{"usage", "--top", "3", root()}, place, why},
      {{"recompress", root()}, place, why},
      {{"recompress", "--level", "19", in_store("big.txt")}, place, why},
      {{"recompress", "--dry-run", root()}, place, why},
      {{"decompress", root()}, place, why},
      {{"import", "--force", beside("plain"), root()}, place, why},
      {train({"--install", root(), "--for", "*.json", beside("records")}), place, why},
      {{"dict", "list", "--uses", root()}, place, why},
      {{"dict", "rm", "40000", root()}, place, why},
      {{"dict", "gc", root()}, place, why},
  };
  expect_refused(refusals, beside(""));

  fs::remove(policy);
  fs::create_directory(policy);
  for (Refusal& refusal : refusals) {
    refusal.names = policy;
    refusal.says = "directory";
  }
  std::erase_if(refusals, [](const Refusal& each) { return each.command[1] == "set"; });
  // A directory is looked at for the store that it is in.
  std::erase_if(refusals, [&](const Refusal& each) {
    return each.command.size() > 2 && each.command[2] == policy;
  });
  expect_refused(refusals, beside(""));
}

TEST_F(BadInput, AReadOnlyDiskIsReadAndNotWritten) {
  const SmallDisk disk("8");
  make_store(disk / "store");
  ASSERT_TRUE(shell("mount -o remount,ro \"$1\"", {disk.path()}).ok());
  std::vector<Refusal> refusals = changes_of(root(), kReadOnly);
  const std::string output = disk / "output";
  for (const Refusal& more : std::vector<Refusal>{
           {{"import", "--force", beside("plain"), root()}, root(), kReadOnly},
           {{"import", beside("plain"), output}, output, kReadOnly},
           {{"fsck", "--repair", root()}, root(), kReadOnly},
           {{"export", root(), output}, output, kReadOnly},
           {{"dict", "export", "40000", root(), "--output", output}, output, kReadOnly},
           {train({"--output", output, beside("records")}), output, kReadOnly},
           {advise({"--plot", output, beside("plain")}), output, kReadOnly},
           {{"batch", "compress", "--output-dir", disk.path(), beside("records")},
            disk / "records.zst",
            kReadOnly}}) {
    refusals.push_back(more);
  }
  expect_refused(refusals, disk.path());
  for (const std::vector<std::string>& command : readings_of(root())) expect_done(command);
  expect_done({"fsck", root()});
  expect_done({"fsck", "--repair", "--dry-run", root()});
  expect_done({"export", root(), beside("copy")});
  expect_done(advise({root()}));
}

// What it says is read, too; and each subcommand but those for stores that are not mounted has its
// turn, the ones that change something after those that look at it.
TEST_F(BadInput, OnAMountEachSubcommandDoesWhatItIsFor) {
  make_store(beside("store"));
  MountedStore mounted({}, root());
  const std::string mount = mounted.mountpoint();
  const std::string file = mount + "/big.txt";
  const std::vector<std::pair<std::vector<std::string>, std::string>> runs = {
      {{"info", file}, "container\n"},
      {{"info", "--frames", file}, "seek table"},
      {{"usage", mount}, "\ntotal         26"},
      {{"usage", "--top", "1", mount}, "takes one block"},
      {{"stats", mount}, mount + ", mounted for"},
      {advise({mount}), "A rule for .zstdfs/policy.json"},
      {train({"--output", beside("trained"), mount + "/0.json", file}), "Recommended: the one of"},
      {{"dict", "list", "--uses", mount}, "40000"},
      {{"dict", "export", "40000", mount, "--output", beside("exported")}, ""},
      {{"policy", "check", mount}, root() + "/.zstdfs/policy.json: no errors, 1 rule\n"},
      {{"policy", "explain", file}, "rule 1 (line 1) matches\n"},
      {{"batch", "compress", "--output-dir", beside(""), mount + "/0.json"}, "1 file, "},
      {{"batch", "decompress", "--output-dir", mount, beside("0.json.zst"), "--force"}, "1 file, "},
      {{"dict", "import", beside("other"), mount}, "Dictionary 40001 (512 B) is in " + root()},
      {train({"--install", mount, "--for", "/*.json", beside("records")}),
       "this rule is the first of its policy now"},
      {{"recompress", "--dictionary", "40001", "--level", "19", file}, "Files: 1 changed"},
      {{"dict", "rm", "40000", mount}, "Dictionary 40000 is removed"},
      {{"policy", "set", beside("rules"), mount}, root() + ": 1 rule installed"},
      {{"dict", "gc", mount}, " is removed: nothing refers to it."},
      {{"decompress", "--verbose", file}, "Files: 1 changed"},
  };
  for (const auto& [command, says] : runs) {
    SCOPED_TRACE(testing::PrintToString(command));
    const CommandResult result = run_zstdfs(command);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr(says));
    EXPECT_EQ(result.error, "");
  }
  EXPECT_EQ(text_of(beside("exported")), text_of(beside("installed")));
  for (const char* const name : {"/big.txt", "/0.json"}) {
    EXPECT_EQ(text_of(mount + name), text_of(beside("plain") + name));
  }
  mounted.unmount();
  expect_clean();
}

TEST_F(BadInput, AReadOnlyMountIsReadAndNotWritten) {
  make_store(beside("store"));
  MountedStore mounted("ro", root());
  const std::string mount = mounted.mountpoint();
  std::vector<Refusal> refusals = changes_of(mount, kReadOnly);
  const std::vector<Refusal> by_backing = changes_of(root(), kReadOnly);
  refusals.insert(refusals.end(), by_backing.begin(), by_backing.end());
  refusals.push_back({{"import", beside("plain"), mount}, mount, "is on a zstdfs mount"});
  refusals.push_back({{"export", mount, beside("copy")}, mount, "is on a zstdfs mount"});
  refusals.push_back({{"fsck", "--repair", mount}, mount, "is a zstdfs mount"});
  refusals.push_back({{"fsck", "--repair", root()}, root(), "in use by process"});
  expect_refused(refusals, root());
  for (const std::vector<std::string>& command : readings_of(mount)) expect_done(command);
  expect_done({"stats", mount});
  mounted.unmount();
  expect_clean();
}

TEST_F(BadInput, AFullDiskLosesNothing) {
  const SmallDisk disk("8");
  mounttest::write_file(beside("plain/noise"), random_bytes(300'000, 1));
  make_store(disk / "store");
  shell(R"(for bytes in 64K 1K; do dd if=/dev/zero of="$1/fill$bytes" bs=$bytes || true; done)",
        {disk.path()});
  const std::string output = disk / "output";
  std::vector<Refusal> refusals = {
      {train({"--install", root(), "--for", "*.json", beside("records")}), root(), kFull},
      {{"dict", "import", beside("other"), root()}, root(), kFull},
      {{"policy", "set", beside("rules"), root()}, root(), kFull},
      {{"decompress", in_store("big.txt")}, in_store("big.txt"), kFull},
      {{"dict", "export", "40000", root(), "--output", output}, output, kFull},
      {train({"--output", output, beside("records")}), output, kFull},
      {advise({"--plot", output, beside("plain")}), output, kFull},
      {{"batch", "compress", "--output-dir", disk.path(), beside("records")},
       disk / "records.zst",
       kFull},
  };
  expect_refused(refusals, disk.path());
  // These begin a tree, where there is room for that, and say what of it there is.
  ASSERT_TRUE(shell(R"(truncate -s -100K "$1/fill64K")", {disk.path()}).ok());
  expect_refused({{{"export", root(), output}, output, kFull}}, root());
  expect_refused({{{"import", beside("plain"), disk / "new"}, disk / "new", kFull}}, root());
  expect_clean();
  const CommandResult fresh = run_zstdfs({"fsck", "--json", disk / "new"});
  EXPECT_EQ(fresh.exit_code, 0) << fresh.out << fresh.error;
  EXPECT_EQ(fresh.json().at("unclean_unmount"), false);
  for (const std::vector<std::string>& command : readings_of(root())) expect_done(command);
}

}  // namespace
}  // namespace zstdfs::test
