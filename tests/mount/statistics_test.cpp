// `zstdfs stats`: what was done on a mount is found in what its daemon tells.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "fs/store/control.hpp"
#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::size_t kContentBytes = 1'000'000;

class Statistics : public MountTest {
 protected:
  Ended stats(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{tool_program(), "stats"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }
  json now() {
    const Ended ended = stats({"--json", store_.mountpoint()});
    EXPECT_TRUE(ended.ok()) << ended.output;
    return json::parse(ended.output);
  }
  /// Writes a compressible file of kContentBytes, syncs it twice, and reads it past the kernel's
  /// cache.
  void work() {
    const Bytes content = test::text_bytes(kContentBytes, 1);
    {
      const Fd file = open_file(store_.path("f"), O_CREAT | O_RDWR);
      write_all(file.get(), content);
      check(::fsync(file.get()), "fsync");
      check(::fsync(file.get()), "fsync");
    }
    const Fd file = open_file(store_.path("f"), O_RDONLY | O_DIRECT);
    EXPECT_EQ(read_all(file.get()), content);
  }
};

// An access time that never moves would be due at each opening.
TEST(StatisticsOfADisk, WithNoatimeBelowReadingCostsNoAttributes) {
  const SmallDisk disk("16");
  const Ended again = run({"mount", "-o", "remount,noatime", disk.path()});
  ASSERT_TRUE(again.ok()) << again.output;
  MountedStore store("", disk / "store");
  write_file(store.path("f"), test::text_bytes(20000, 1));
  const auto attributes_asked = [&] {
    const Ended told = run({tool_program(), "stats", "--json", store.mountpoint()});
    return json::parse(told.output)["operations"].value("getattr", 0);
  };
  const int before = attributes_asked();
  for (int i = 0; i < 100; ++i) {
    const Fd file = open_file(store.path("f"), O_RDONLY);
    (void)status_of(file.get());
    EXPECT_EQ(read_all(file.get()).size(), 20000u);
  }
  EXPECT_LT(attributes_asked() - before, 50);
  store.unmount();
}

TEST_F(Statistics, TellWhatWasDone) {
  const json before = now();
  EXPECT_EQ(before["mount"], store_.mountpoint());
  EXPECT_EQ(before["bytes_written"], 0);
  work();
  check(::mkdir(store_.path("d").c_str(), 0755), "mkdir");
  write_file(store_.path("d/e"), {});
  EXPECT_LT(::rmdir(store_.path("d").c_str()), 0);
  const json after = now();

  EXPECT_EQ(after["bytes_written"], kContentBytes);
  EXPECT_EQ(after["bytes_read"], kContentBytes);
  // More than once when the time for storing what open files have came in between.
  EXPECT_GE(after["content_bytes_compressed"], kContentBytes);
  EXPECT_GT(after["frame_bytes_made"], 0);
  EXPECT_LT(after["frame_bytes_made"], kContentBytes / 2);
  EXPECT_EQ(after["content_bytes_decompressed"], kContentBytes);
  EXPECT_LE(after["frame_bytes_read"], after["frame_bytes_made"]);
  EXPECT_EQ(after["files_first_stored_compressed"], 1);
  EXPECT_EQ(after["files_first_stored_raw"], 0);
  EXPECT_GE(after["commits"]["count"], 1);
  EXPECT_EQ(after["syncs"]["count"], 2);
  EXPECT_GT(after["syncs"]["max_us"], 0);
  EXPECT_LE(after["syncs"]["p50_us"], after["syncs"]["p99_us"]);
  EXPECT_EQ(after["operations"]["create"], 2);
  EXPECT_EQ(after["operations"]["mkdir"], 1);
  EXPECT_EQ(after["operations"]["fsync"], 2);
  EXPECT_GE(after["operations"]["write"], 1);
  EXPECT_GE(after["operations"]["read"], 1);
  EXPECT_EQ(after["errors"]["ENOTEMPTY"], 1);
  EXPECT_GE(after["known_inodes"], 1);
  EXPECT_GE(after["uptime_ms"], before["uptime_ms"]);
  EXPECT_EQ(after["since"], before["since"]);
}

// A write takes a capability away, so the kernel asks whether there is one; but not again and
// again.
TEST_F(Statistics, OneQuestionForManyWrites) {
  constexpr int kWrites = 100;
  const std::string path = store_.path("f");
  const auto overwrite = [&] {
    const Fd file = open_file(path, O_RDWR);
    for (int i = 0; i < kWrites; ++i) pwrite_all(file.get(), test::bytes_of("changed"), 50);
    check(::fsync(file.get()), "fsync");
    for (int i = 0; i < kWrites; ++i) pwrite_all(file.get(), test::bytes_of("again"), 60);
    return std::string();
  };
  write_file(path, test::text_bytes(10000, 1));
  check(::chmod(path.c_str(), 0666), "chmod");
  const json before = now();
  for (int i = 0; i < kWrites; ++i) append_file(path, test::bytes_of("appended"));
  overwrite();
  in_child([&] {
    check(::setuid(1000), "setuid");
    return overwrite();
  });
  const json after = now();
  const auto done = [&](const char* operation) {
    return after["operations"].value(operation, 0) - before["operations"].value(operation, 0);
  };
  EXPECT_EQ(done("write"), 5 * kWrites);
  // Some are for access lists, and more after each time that attributes were asked for.
  EXPECT_LT(done("getxattr"), kWrites / 2);
  EXPECT_EQ(done("setattr"), 0);
}

TEST_F(Statistics, OpenFilesAndTheTableForPeople) {
  const Fd file = open_file(store_.path("f"), O_CREAT | O_RDWR);
  write_all(file.get(), test::text_bytes(5000, 1));
  EXPECT_EQ(now()["open_files"], 1);
  // Something on the mount stands for it.
  const Ended ended = stats({store_.path("f")});
  EXPECT_TRUE(ended.ok());
  EXPECT_THAT(ended.output, HasSubstr(store_.mountpoint() + ", mounted for"));
  EXPECT_THAT(ended.output, testing::ContainsRegex("open files +1\n"));
  EXPECT_THAT(ended.output, testing::ContainsRegex("written +4.9 KiB\n"));
}

TEST_F(Statistics, EverybodyMayAsk) {
  check(::chmod(store_.mountpoint().c_str(), 0755), "chmod");
  const std::string answered = in_child([&] {
    check(::setgid(65534), "setgid");
    check(::setuid(65534), "setuid");
    const Fd root = open_file(store_.mountpoint(), O_RDONLY | O_DIRECTORY);
    store::StatisticsAnswer answer;
    check(::ioctl(root.get(), store::kStatistics, &answer), "ioctl");
    return std::string(answer.text, answer.bytes);
  });
  EXPECT_TRUE(json::parse(answered).contains("operations"));
}

/// What the text exposition format says, as far as it is used: a series' name and labels, with its
/// value. Reports a test failure for each line that is not as the format wants it.
std::map<std::string, double> parse_exposition(const std::string& text) {
  static const std::regex comment("# (HELP|TYPE) ([a-z_]+) (.+)");
  static const std::regex sample(
      R"re(([a-z_]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\}) ([0-9.]+))re");
  std::map<std::string, double> series;
  std::map<std::string, std::string> types;
  std::string helped;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] == "HELP") {
        helped = match[2];
        continue;
      }
      EXPECT_EQ(match[2], helped) << "TYPE without its HELP";
      EXPECT_TRUE(types.emplace(match[2], match[3]).second) << "a second TYPE: " << line;
      continue;
    }
    if (!std::regex_match(line, match, sample)) {
      ADD_FAILURE() << "not as the format has it: " << line;
      continue;
    }
    const std::string name = match[1];
    const std::string family =
        types[helped] == "histogram"
            ? std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "")
            : name;
    EXPECT_EQ(family, helped) << "a sample outside of its family: " << line;
    EXPECT_TRUE(name.starts_with("zstdfs_")) << line;
    EXPECT_EQ(types[helped] == "counter", name.ends_with("_total")) << line;
    EXPECT_TRUE(series.emplace(name + std::string(match[2]), std::stod(match[3])).second)
        << "twice: " << line;
  }
  return series;
}

TEST_F(Statistics, Prometheus) {
  work();
  const Ended ended = stats({"--prometheus", store_.mountpoint()});
  ASSERT_TRUE(ended.ok()) << ended.output;
  const auto series = parse_exposition(ended.output);
  const std::string label = "mount=\"" + store_.mountpoint() + "\"";
  const auto value = [&](const std::string& name, const std::string& more = "") {
    const auto found = series.find(name + "{" + label + more + "}");
    EXPECT_NE(found, series.end()) << name << more << " in\n" << ended.output;
    return found == series.end() ? -1 : found->second;
  };
  EXPECT_EQ(value("zstdfs_written_bytes_total"), kContentBytes);
  EXPECT_EQ(value("zstdfs_operations_total", ",operation=\"fsync\""), 2);
  EXPECT_EQ(value("zstdfs_sync_duration_seconds_count"), 2);
  EXPECT_EQ(value("zstdfs_sync_duration_seconds_bucket", ",le=\"+Inf\""), 2);
  EXPECT_LE(value("zstdfs_sync_duration_seconds_bucket", ",le=\"0.000001\""), 2);
  EXPECT_GT(value("zstdfs_sync_duration_seconds_sum"), 0);
  double last = 0;
  for (std::uint64_t us = 1; us <= 1u << 25; us *= 2) {
    char le[64];
    std::snprintf(le, sizeof le, ",le=\"%llu.%06llu\"",
                  static_cast<unsigned long long>(us / 1'000'000),
                  static_cast<unsigned long long>(us % 1'000'000));
    const double count = value("zstdfs_commit_duration_seconds_bucket", le);
    EXPECT_GE(count, last) << le;
    last = count;
  }
}

TEST_F(Statistics, WatchGivesALineEachTimeAndEndsWellWithCtrlC) {
  const TempDir scratch;
  const pid_t watching =
      start({tool_program(), "stats", "--watch=0.2", store_.mountpoint()}, scratch / "out");
  const auto output = [&] {
    const Bytes bytes = read_file(scratch / "out");
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const auto lines = [&] {
    const std::string text = output();
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_TRUE(eventually([&] { return lines() >= 2; }));
  work();
  EXPECT_TRUE(eventually([&] { return output().find("iB") != std::string::npos; })) << output();
  ::kill(watching, SIGINT);
  EXPECT_EQ(wait_for(watching, kPatience), 0);
  EXPECT_THAT(output(), HasSubstr("WRITTEN/s"));
  EXPECT_THAT(output(), testing::Not(HasSubstr("\x1b")));
}

TEST_F(Statistics, BadInputIsOneLine) {
  const auto expect_refused = [&](const std::vector<std::string>& arguments, int status,
                                  const std::string& words) {
    const Ended ended = stats(arguments);
    EXPECT_EQ(ended.status, status) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(words));
    if (status == 1) {
      EXPECT_EQ(std::count(ended.output.begin(), ended.output.end(), '\n'), 1);
    }
  };
  expect_refused({"/"}, 1, "zstdfs stats: /: is not on a mount of zstdfs");
  expect_refused({store_.backing()}, 1, "is not on a mount of zstdfs");
  expect_refused({store_.path("missing")}, 1, "No such file or directory");
  expect_refused({"--json", "--prometheus", store_.mountpoint()}, 2, "excludes");
  expect_refused({"--watch=0", store_.mountpoint()}, 2, "is no number of seconds");
  expect_refused({"--watch=soon", store_.mountpoint()}, 2, "is no number of seconds");
}

}  // namespace
}  // namespace zstdfs::mounttest
