#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>

#include "fs/os/posix.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/write_log.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/sample_records.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Dict : public testing::Test {
 protected:
  void SetUp() override {
    store_.write("records/all.jsonl", sample_records(0, 3000));
    const CommandResult trained =
        run_zstdfs({"train", "--records", "lines", "--size", "4KiB", "--id", "40000", "--output",
                    exported(), store_.path("records")});
    ASSERT_EQ(trained.exit_code, 0) << trained.error;
  }
  void TearDown() override { std::filesystem::remove(exported()); }

  std::string exported() const { return store_.path() + ".zdict"; }
  std::string dicts() const { return store_.path(".zstdfs/dicts"); }
  std::string copy_with(const std::string& suffix) const {
    for (const auto& entry : std::filesystem::directory_iterator(dicts())) {
      if (entry.path().extension() == suffix) return entry.path().filename().string();
    }
    return "";
  }
  static CommandResult dict(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "dict");
    return run_zstdfs(arguments);
  }
  void import() const {
    const CommandResult imported = dict({"import", exported(), store_.path()});
    ASSERT_EQ(imported.exit_code, 0) << imported.error;
  }

  TempStore store_;
};

/// A file, "all.jsonl", of many frames that need the dictionary.
class DictInAFile : public Dict {
 protected:
  void SetUp() override {
    Dict::SetUp();
    import();
    store_.write(".zstdfs/policy.json",
                 std::string(R"({"version": 1, "defaults":)"
                             R"( {"dictionary": 40000, "chunk_size": "4 KiB"}})"));
    const std::string source = store_.path() + ".source";
    std::filesystem::rename(store_.path("records"), source);
    const CommandResult copied = run_zstdfs({"import", source, store_.path()});
    std::filesystem::remove_all(source);
    ASSERT_EQ(copied.exit_code, 0) << copied.error;
    std::filesystem::remove(store_.path(".zstdfs/policy.json"));
  }

  std::string file() const { return store_.path("all.jsonl"); }
  std::uint64_t frame_offset(std::size_t number) const {
    const auto info = run_zstdfs({"info", "--frames", "--json", file()}).json();
    for (const auto& frame : info.at(0).at("frame_list")) {
      if (frame.at("kind") == "data" && number-- == 0) return frame.at("stored_offset");
    }
    throw std::out_of_range("frames");
  }
  void turn_bit(std::uint64_t offset) const {
    Bytes bytes = read_file(file());
    bytes.at(offset) ^= std::byte{0x10};
    store_.write("all.jsonl", bytes);
  }
};

constexpr std::uint64_t kDictionaryInHeader = 28;
constexpr std::uint64_t kIdInFrame = 5;     // behind the magic number and the descriptor
constexpr std::uint64_t kDataInFrame = 40;  // somewhere

TEST_F(DictInAFile, ADamagedIdInAFrameIsDamageOfThatFrameAlone) {
  const std::uint64_t first = frame_offset(2);
  const std::uint64_t second = frame_offset(7);
  turn_bit(first + kIdInFrame);
  turn_bit(second + kDataInFrame);
  const CommandResult checked = run_zstdfs({"fsck", "--json", store_.path()});
  EXPECT_EQ(checked.exit_code, 4);
  const auto damage = checked.json().at("problems").at(0).at("damage");
  ASSERT_EQ(damage.size(), 2u) << damage;
  EXPECT_EQ(damage[0].at("stored_offset"), first);
  EXPECT_THAT(damage[0].at("what").get<std::string>(), HasSubstr("is not the one of its file"));
  EXPECT_EQ(damage[1].at("stored_offset"), second);

  const CommandResult repaired = run_zstdfs({"fsck", "--repair", "--json", store_.path()});
  EXPECT_EQ(repaired.exit_code, 1) << repaired.out;
  const auto repair = repaired.json().at("repairs").at(0);
  EXPECT_EQ(repair.at("action"), "salvaged");
  EXPECT_EQ(repair.at("lost"), nlohmann::json::parse(R"([{"offset": 8192, "bytes": 4096},
                                                         {"offset": 28672, "bytes": 4096}])"));
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 0);
}

TEST_F(DictInAFile, WithoutItTheOtherFramesAreCheckedAndNothingIsSalvaged) {
  const std::uint64_t damaged = frame_offset(7);
  turn_bit(frame_offset(8) - 1);  // its checksum
  std::filesystem::remove_all(dicts());
  const CommandResult checked = run_zstdfs({"fsck", "--json", store_.path()});
  EXPECT_EQ(checked.exit_code, 4 + 8);
  EXPECT_EQ(checked.json().at("frames_verified"), 1);
  const auto problem = checked.json().at("problems").at(0);
  EXPECT_THAT(problem.at("not_checked").get<std::string>(),
              HasSubstr("dictionary 40000 is missing"));
  ASSERT_GE(problem.at("damage").size(), 1u) << problem;
  EXPECT_EQ(problem.at("damage").back().at("stored_offset"), damaged);
  const Bytes before = read_file(file());
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, 4 + 8);
  EXPECT_EQ(read_file(file()), before);
}

TEST_F(DictInAFile, WithoutItFilesAreNotCheckedWhichIsSaidOnce) {
  store_.write("another.jsonl", read_file(file()));
  std::filesystem::remove_all(dicts());
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"fsck"}, std::vector<std::string>{"fsck", "--repair"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back(store_.path());
    const CommandResult checked = run_zstdfs(arguments);
    EXPECT_EQ(checked.exit_code, 8) << checked.out;
    EXPECT_THAT(checked.out,
                testing::StartsWith("dictionary 40000 is missing: it is not in .zstdfs/dicts; "
                                    "import it from an export (zstdfs dict import); without it 2 "
                                    "files were not checked (all.jsonl and others)\n"));
    EXPECT_THAT(checked.out, HasSubstr(": 0 damaged, 2 not checked"));
    EXPECT_THAT(checked.out, testing::Not(HasSubstr("--repair")));
  }
  const auto json = run_zstdfs({"fsck", "--json", store_.path()}).json();
  EXPECT_EQ(json.at("clean"), false);
  EXPECT_EQ(json.at("damaged"), 0);
  EXPECT_EQ(json.at("not_checked"), 2);
  EXPECT_EQ(json.at("missing_dictionaries"),
            nlohmann::json::parse(R"([{"id": 40000, "files": 2, "first_file": "all.jsonl"}])"));
  EXPECT_EQ(json.at("problems").size(), 2u);
  import();
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 0);
}

// Which frames it has, only decompressing them tells; and so whether a log fits it.
TEST_F(DictInAFile, WithoutItALogThatCannotBeJudgedIsKeptAndTheRestIsLookedAt) {
  Bytes bytes = read_file(file());
  ContainerHeader header = decode_container_header(bytes).value();
  header.durable_bytes = header.stored_bytes = kContainerHeaderBytes;
  const Bytes encoded = encode_container_header(header);
  std::copy(encoded.begin(), encoded.end(), bytes.begin());
  store_.write("all.jsonl", bytes);
  const auto volume = os::open_posix_volume(store_.path());
  store::Journal journal(*volume);
  {
    const auto backing = volume->open("all.jsonl", os::OpenMode::kRead);
    store::WriteLog log(journal, {backing->identity(), "all.jsonl"}, header.generation);
    store::Overlay overlay;
    overlay.write(100, Bytes(50, std::byte{'x'}));
    log.append({header.logical_bytes, header.logical_bytes, header.logical_bytes}, overlay);
  }
  const std::string log_path = store_.path(".zstdfs/journal/1.log");
  const Bytes log = read_file(log_path);
  std::filesystem::remove_all(dicts());
  store_.write("other", "raw");

  const CommandResult checked = run_zstdfs({"fsck", "--json", store_.path()});
  EXPECT_EQ(checked.exit_code, 8) << checked.error;
  const auto found = checked.json().at("store_findings");
  ASSERT_EQ(found.size(), 1u) << found;
  EXPECT_EQ(found[0].at("path"), ".zstdfs/journal/1.log");
  EXPECT_EQ(found[0].at("target"), "all.jsonl");
  EXPECT_THAT(found[0].at("what").get<std::string>(),
              HasSubstr("cannot be judged: dictionary 40000 is missing"));
  EXPECT_EQ(checked.json().at("raw_files"), 1);
  const CommandResult repaired = run_zstdfs({"fsck", "--repair", store_.path()});
  EXPECT_EQ(repaired.exit_code, 4 + 8) << repaired.out << repaired.error;
  EXPECT_THAT(repaired.out, HasSubstr("dictionary 40000 is missing"));
  EXPECT_EQ(read_file(log_path), log);
  EXPECT_EQ(read_file(file()), bytes);

  import();
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(log_path));
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 0);
}

TEST_F(DictInAFile, IsNotRemovedWhileADamagedFileNeedsIt) {
  turn_bit(2);  // of the signature
  const CommandResult refused = dict({"rm", "40000", store_.path()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("is in use: 1 file needs it (all.jsonl)"));
  EXPECT_THAT(dict({"gc", store_.path()}).out, StartsWith("There is no dictionary"));

  turn_bit(2);
  turn_bit(kDictionaryInHeader);
  turn_bit(kContainerHeaderBytes);  // the first frame
  turn_bit(read_file(file()).size() - 3);
  const CommandResult unknown = dict({"gc", store_.path()});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.error, HasSubstr("all.jsonl: is damaged"));
  EXPECT_EQ(dict({"list", "--json", store_.path()}).json().size(), 1u);
}

TEST_F(DictInAFile, IsNotRemovedWhileADamagedFileIsKeptThatNeedsIt) {
  turn_bit(frame_offset(7) + kDataInFrame);
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, 1);
  std::filesystem::remove(file());
  const CommandResult refused = dict({"rm", "40000", store_.path()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("1 file needs it (lost+found/all.jsonl"));
  std::filesystem::remove_all(store_.path("lost+found"));
  EXPECT_EQ(dict({"rm", "40000", store_.path()}).exit_code, 0);
}

TEST_F(Dict, ComesBackAsItWent) {
  EXPECT_THAT(dict({"list", store_.path()}).out, StartsWith("The store has no dictionaries"));
  import();
  import();  // The same one again is no error.
  const auto listed = dict({"list", "--json", store_.path()}).json();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].at("id"), 40000);
  EXPECT_EQ(listed[0].at("first_copy_whole"), true);
  EXPECT_EQ(listed[0].at("second_copy_whole"), true);
  const CommandResult written = dict({"export", "40000", store_.path(), "--output", "-"});
  EXPECT_EQ(bytes_of(written.out), read_file(exported()));
  EXPECT_EQ(read_file(dicts() + "/" + copy_with(".copy")), read_file(exported()));
  EXPECT_EQ(read_file(dicts() + "/" + copy_with(".zdict")), read_file(exported()));
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 0);
}

TEST_F(Dict, ADamagedCopyIsTold) {
  import();
  store_.write(".zstdfs/dicts/" + copy_with(".zdict"), "damaged");
  const CommandResult listed = dict({"list", store_.path()});
  EXPECT_EQ(listed.exit_code, 1);
  EXPECT_THAT(listed.out, HasSubstr("one copy DAMAGED"));
  EXPECT_EQ(bytes_of(dict({"export", "40000", store_.path(), "--output", "-"}).out),
            read_file(exported()));
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 4);
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", "--dry-run", store_.path()}).exit_code, 4);
  EXPECT_EQ(dict({"list", store_.path()}).exit_code, 1);
  EXPECT_EQ(run_zstdfs({"fsck", "--repair", store_.path()}).exit_code, 1);
  EXPECT_EQ(dict({"list", store_.path()}).exit_code, 0);

  store_.write(".zstdfs/dicts/" + copy_with(".zdict"), "damaged");
  store_.write(".zstdfs/dicts/" + copy_with(".copy"), "damaged, too");
  EXPECT_THAT(dict({"list", store_.path()}).out, HasSubstr("import it again from an export"));
  const CommandResult repaired = run_zstdfs({"fsck", "--repair", store_.path()});
  EXPECT_EQ(repaired.exit_code & 4, 4) << repaired.out;
  import();
  EXPECT_EQ(run_zstdfs({"fsck", store_.path()}).exit_code, 0);
}

TEST_F(Dict, AttributesAndRulesCountAsUse) {
  import();
  store_.write(".zstdfs/policy.json",
               std::string("{\"version\": 1,\n \"rules\": [\n  {\"dictionary\": 40000}]}"));
  const CommandResult refused = dict({"rm", "40000", store_.path()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("the rule in line 3 of .zstdfs/policy.json names it"));
  // What cannot be understood may name anything.
  store_.write(".zstdfs/policy.json", std::string("{"));
  EXPECT_THAT(dict({"rm", "40000", store_.path()}).error, HasSubstr("nothing was removed"));
  EXPECT_THAT(dict({"gc", store_.path()}).error, HasSubstr("nothing was removed"));
  std::filesystem::remove(store_.path(".zstdfs/policy.json"));
  EXPECT_THAT(dict({"gc", "--dry-run", store_.path()}).out, HasSubstr("40000 would be removed"));
  EXPECT_EQ(dict({"list", "--json", store_.path()}).json().size(), 1u);
  EXPECT_THAT(dict({"rm", "40000", store_.path()}).out, HasSubstr("40000 is removed"));
  EXPECT_THAT(dict({"list", "--json", store_.path()}).json(), IsEmpty());
}

// Recovery would bring back frames that nobody has seen.
TEST_F(Dict, IsNotRemovedWhileARewriteWaitsInTheJournal) {
  import();
  store_.write(".zstdfs/journal/5.redo", "anything");
  for (const CommandResult& result :
       {dict({"rm", "40000", store_.path()}), dict({"gc", store_.path()})}) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.error, HasSubstr("mount and unmount it first"));
  }
  EXPECT_EQ(dict({"list", "--json", store_.path()}).json().size(), 1u);
}

TEST_F(Dict, IsNotRemovedWhileAnotherCommandIsAtWork) {
  import();
  const auto volume = os::open_posix_volume(store_.path());
  pid_t nobody = 0;
  const auto lock = volume->try_lock(".zstdfs/store.json", nobody, os::LockTrace::kNone);
  ASSERT_TRUE(lock);
  for (const CommandResult& result :
       {dict({"rm", "40000", store_.path()}), dict({"gc", store_.path()})}) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.error, HasSubstr("another zstdfs command is at work"));
  }
  EXPECT_EQ(dict({"list", "--json", store_.path()}).json().size(), 1u);
}

TEST_F(Dict, BadInputIsToldInALine) {
  import();
  const auto expect_told = [](const CommandResult& result, int code, const std::string& what) {
    EXPECT_EQ(result.exit_code, code) << result.error;
    EXPECT_THAT(result.error, HasSubstr(what));
    if (code == 1) {
      EXPECT_EQ(std::count(result.error.begin(), result.error.end(), '\n'), 1);
    }
  };
  expect_told(dict({}), 2, "a subcommand is missing");
  expect_told(dict({"list", "/nowhere"}), 1, "/nowhere: No such file");
  expect_told(dict({"list", "/proc"}), 1, "/proc: ");
  expect_told(dict({"import", "/nowhere", store_.path()}), 1, "/nowhere: No such file");
  expect_told(dict({"import", store_.path("records/all.jsonl"), store_.path()}), 1,
              "is no zstd dictionary");
  expect_told(dict({"import", store_.path("records"), store_.path()}), 1, "records: ");
  expect_told(dict({"export", "5", store_.path(), "--output", "-"}), 1,
              "dictionary 5 is missing: it is not in .zstdfs/dicts");
  expect_told(dict({"export", "40000", store_.path(), "--output", exported()}), 1, "exist");
  expect_told(dict({"export", "40000", store_.path(), "--output", "/dev/full/x"}), 1,
              "/dev/full/x: ");
  expect_told(dict({"rm", "5", store_.path()}), 1, "the store has no dictionary 5");
  expect_told(dict({"rm", "five", store_.path()}), 2, "five");
}

// Training puts its rule before those that are there, and leaves everything else of the text.
TEST_F(Dict, TrainingInstallsADictionaryWithARule) {
  const std::string before =
      "// Of the archive.\n{\n  \"version\": 1, /* \"rules\": [ */\n"
      "  \"rules\": [ // in order\n    {\"path\": \"*.log\", \"level\": 9}\n  ]\n}\n";
  store_.write(".zstdfs/policy.json", before);
  const std::vector<std::string> command = {
      "train", "--records", "lines",   "--size",    "4KiB",        "--saving",
      "bytes", "--include", "*.jsonl", "--install", store_.path(), store_.path("records")};
  const CommandResult installed = run_zstdfs(command);
  ASSERT_EQ(installed.exit_code, 0) << installed.error;
  EXPECT_THAT(installed.out, HasSubstr("this rule is the first of its policy now"));
  const auto id = dict({"list", "--json", store_.path()}).json()[0].at("id").get<std::uint32_t>();

  const Bytes after = read_file(store_.path(".zstdfs/policy.json"));
  const std::string text(reinterpret_cast<const char*>(after.data()), after.size());
  const std::string rule =
      "\n    {\"name\":\"dictionary " + std::to_string(id) +
      "\",\"path\":[\"/records/**/*.jsonl\"],\"dictionary\":" + std::to_string(id) +
      ",\"saving\":\"bytes\"},";
  std::string expected = before;
  expected.insert(expected.find("\"rules\": [ //") + 10, rule);
  EXPECT_EQ(text, expected);
  EXPECT_EQ(run_zstdfs({"policy", "check", store_.path()}).exit_code, 0);
}

// Another command may change the policy between its reading and its writing.
TEST_F(Dict, TrainingKeepsWhatThePolicyBecomesMeanwhile) {
  const auto volume = os::open_posix_volume(store_.path());
  pid_t nobody = 0;
  auto lock = volume->try_lock(".zstdfs/store.json", nobody, os::LockTrace::kNone);
  ASSERT_TRUE(lock);
  auto training = std::async(std::launch::async, [&] {
    return run_zstdfs({"train", "--records", "lines", "--size", "4KiB", "--id", "40000",
                       "--install", store_.path(), store_.path("records")});
  });
  EXPECT_EQ(training.wait_for(std::chrono::seconds(3)), std::future_status::timeout);
  store_.write(".zstdfs/policy.json",
               std::string(R"({"version": 1, "rules": [{"path": "*.log", "level": 9}]})"));
  lock.reset();
  const CommandResult installed = training.get();
  EXPECT_EQ(installed.exit_code, 0) << installed.error;
  const auto checked = run_zstdfs({"policy", "check", "--json", store_.path()}).json();
  EXPECT_EQ(checked.at("rules"), 2);
  EXPECT_EQ(dict({"list", "--json", store_.path()}).json().size(), 1u);
}

// The first rule that matches counts, so the new one keeps files from others.
TEST_F(Dict, TrainingSaysWhichRulesFilesDoNotGoByAnyMore) {
  store_.write("records/small.txt", "small");
  store_.write(".zstdfs/policy.json", R"({"version": 1, "rules": [
{"path": "*.log", "level": 9},
{"name": "large", "path": "*.jsonl", "min_size": "100 KiB", "level": 12},
{"path": "/records/**", "level": 15}]})");
  std::vector<std::string> command = {"train",
                                      "--records",
                                      "lines",
                                      "--size",
                                      "4KiB",
                                      "--level",
                                      "7",
                                      "--install",
                                      store_.path(),
                                      "--for",
                                      "/records/*",
                                      "--json",
                                      store_.path("records/all.jsonl")};
  const CommandResult installed = run_zstdfs(command);
  ASSERT_EQ(installed.exit_code, 0) << installed.error;
  EXPECT_EQ(installed.json().at("rule").at("level"), 7);
  EXPECT_EQ(installed.json().at("shadowed_rules"), nlohmann::json::parse(R"([
      {"number": 3, "line": 4, "name": "large", "files": 1, "first_file": "records/all.jsonl"},
      {"number": 4, "line": 5, "name": "", "files": 1, "first_file": "records/small.txt"}])"));

  // In words, where the rule before is that of another dictionary.
  std::erase(command, "--json");
  command.insert(command.end() - 1, {"--seed", "2"});
  const CommandResult again = run_zstdfs(command);
  ASSERT_EQ(again.exit_code, 0) << again.error;
  EXPECT_THAT(again.out, AllOf(HasSubstr("Warning: rule 2 \"dictionary "),
                               HasSubstr("(line 3) does not apply to 2 files any more"),
                               HasSubstr("(records/all.jsonl and others)")));
}

TEST_F(Dict, TrainingDoesNotTouchAPolicyThatIsNone) {
  store_.write(".zstdfs/policy.json", std::string("{\"version\": 7}"));
  const CommandResult refused = run_zstdfs({"train", "--records", "lines", "--size", "4KiB",
                                            "--install", store_.path(), store_.path("records")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("policy.json:1:"));
  EXPECT_EQ(read_file(store_.path(".zstdfs/policy.json")), bytes_of("{\"version\": 7}"));
  EXPECT_THAT(dict({"list", "--json", store_.path()}).json(), IsEmpty());
}

TEST_F(Dict, TrainingDoesNotInstallWhatCanBeNoRule) {
  for (const char* pattern : {"logs/", "*.log**"}) {
    const CommandResult refused =
        run_zstdfs({"train", "--records", "lines", "--size", "4KiB", "--install", store_.path(),
                    "--for", pattern, store_.path("records")});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.error, HasSubstr(pattern));
    EXPECT_FALSE(std::filesystem::exists(store_.path(".zstdfs/policy.json")));
    EXPECT_THAT(dict({"list", "--json", store_.path()}).json(), IsEmpty());
  }
}

TEST_F(Dict, TrainingOnWhatIsElsewhereHasToSayWhatTheRuleIsFor) {
  const TempStore other;
  other.write("all.jsonl", sample_records(0, 3000));
  std::vector<std::string> command = {"train", "--records", "lines",       "--size",
                                      "4KiB",  "--install", store_.path(), other.path()};
  const CommandResult refused = run_zstdfs(command);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("say with --for which of its files"));
  command.insert(command.end(), {"--for", "*.jsonl"});
  const CommandResult installed = run_zstdfs(command);
  EXPECT_EQ(installed.exit_code, 0) << installed.error;
  EXPECT_THAT(installed.out, HasSubstr("\"path\":[\"*.jsonl\"]"));
}

TEST_F(Dict, AnExportDoesNotReplaceAFileUnasked) {
  import();
  store_.write("there", "x");
  const CommandResult refused =
      dict({"export", "40000", store_.path(), "--output", store_.path("there")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("there: exists already; --force replaces it"));
}

}  // namespace
}  // namespace zstdfs::test
