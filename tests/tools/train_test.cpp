#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/sample_records.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRecords = 2000;

/// Small and fast: one size, one value of k.
std::vector<std::string> quick_train(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train", "--size", "8KiB", "--steps", "1", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

CommandResult train_records(const TempStore& store, std::vector<std::string> more = {}) {
  store.write("records.jsonl", sample_records(0, kRecords));
  more.insert(more.end(), {"--records", "lines", store.path("records.jsonl")});
  return run_zstdfs(quick_train(more));
}

std::size_t stored_bytes(const std::string& record,
                         const std::shared_ptr<ZstdCompressionDict>& dictionary) {
  CompressorOptions options;
  options.dict_data = dictionary;
  options.write_checksum = true;  // as the filesystem does
  return ZstdCompressor(options).compress(bytes_of(record)).size();
}

// The gain that is promised has to be there for records that training never saw.
TEST(Train, TheGainThatIsShownIsThatOfNewRecords) {
  const TempStore store;
  const CommandResult result = train_records(store, {"--output", store.path("d")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto report = result.json();
  EXPECT_EQ(report.at("candidates"), kRecords);
  EXPECT_EQ(report.at("training_samples"), kRecords * 4 / 5);
  EXPECT_EQ(report.at("held_back_samples"), kRecords / 5);
  const auto& best = report.at("recommended");
  const double gain = best.at("gain");
  EXPECT_GT(gain, 2.0);

  const auto dictionary =
      std::make_shared<ZstdCompressionDict>(read_file(store.path("d")), DictType::kFullDict);
  EXPECT_EQ(dictionary->dict_id(), best.at("dictionary_id"));
  EXPECT_LE(dictionary->size(), 8u << 10);
  std::size_t without = 0;
  std::size_t with = 0;
  for (std::uint64_t i = kRecords; i < kRecords + 500; ++i) {
    without += stored_bytes(sample_record(i), nullptr);
    with += stored_bytes(sample_record(i), dictionary);
  }
  EXPECT_NEAR(static_cast<double>(without) / static_cast<double>(with), gain, gain * 0.05);
}

TEST(Train, TheSameInputGivesTheSameDictionaryWhateverTheThreads) {
  const TempStore store;
  train_records(store, {"--output", store.path("a"), "--threads", "1"});
  train_records(store, {"--output", store.path("b"), "--threads", "4"});
  train_records(store, {"--output", store.path("c"), "--seed", "2"});
  const Bytes first = read_file(store.path("a"));
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(read_file(store.path("b")), first);
  const Bytes other = read_file(store.path("c"));
  EXPECT_NE(other, first);
  const std::uint32_t id = ZstdCompressionDict(first).dict_id();
  EXPECT_GE(id, 32768u);
  EXPECT_LT(id, std::uint32_t{1} << 31);
  EXPECT_NE(ZstdCompressionDict(other).dict_id(), id);
}

TEST(Train, AnIdCanBeChosen) {
  const TempStore store;
  train_records(store, {"--output", store.path("d"), "--id", "305419896"});
  EXPECT_EQ(ZstdCompressionDict(read_file(store.path("d"))).dict_id(), 305419896u);
}

TEST(Train, OfStoredFilesTheContentIsSampled) {
  const TempStore plain;
  const TempStore stored;
  const TempStore out;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const std::string name = "dir/" + std::to_string(i);
    const Bytes content = bytes_of(sample_records(100 * i, 30));
    plain.write(name, content);
    stored.write(name, container_of(content, 4096).sealed());
  }
  const auto train = [&](const TempStore& store, const std::string& output) {
    const CommandResult result =
        run_zstdfs(quick_train({"--chunk-size", "4KiB", "--output", output, store.path()}));
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(result.json().at("files"), 60);
    return read_file(output);
  };
  const Bytes dictionary = train(plain, out.path("plain"));
  EXPECT_FALSE(dictionary.empty());
  EXPECT_EQ(train(stored, out.path("stored")), dictionary);
}

TEST(Train, SeveralSizesAreTriedAndTheSmallestOfAboutTheBestIsRecommended) {
  const TempStore store;
  store.write("records.jsonl", sample_records(0, kRecords));
  const CommandResult result =
      run_zstdfs({"train", "--json", "--size", "64KiB", "--size", "4KiB", "--size", "16KiB",
                  "--records", "lines", store.path("records.jsonl")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto report = result.json();
  const auto& trials = report.at("dictionaries");
  ASSERT_EQ(trials.size(), 3u);
  EXPECT_EQ(trials.at(0).at("size_bytes"), 4 << 10);
  EXPECT_EQ(trials.at(2).at("size_bytes"), 64 << 10);
  std::uint64_t best = UINT64_MAX;
  for (const auto& trial : trials) best = std::min<std::uint64_t>(best, trial.at("stored_bytes"));
  for (const auto& trial : trials) {
    if (trial.at("stored_bytes") > best * 101 / 100) continue;
    EXPECT_EQ(report.at("recommended"), trial);
    break;
  }
}

TEST(Train, TheTableTellsTheGainAndTheRecommendation) {
  const TempStore store;
  store.write("records.jsonl", sample_records(0, kRecords));
  const CommandResult result =
      run_zstdfs({"train", "--size", "8KiB", "--records", "lines", store.path("records.jsonl")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr("1,600 (")) << result.out;
  EXPECT_THAT(result.out, HasSubstr("none"));
  EXPECT_THAT(result.out, HasSubstr("recommended"));
  EXPECT_THAT(result.out, HasSubstr("Recommended: the one of 8.0 KiB"));
  EXPECT_EQ(result.error, "");
}

TEST(Train, WhereNothingIsGainedNothingIsRecommendedOrWritten) {
  const TempStore store;
  for (std::uint64_t i = 0; i < 100; ++i) {
    store.write("dir/" + std::to_string(i), random_bytes(4000, i));
  }
  const std::vector<std::string> arguments = {"train",    "--size",        "8KiB",
                                              "--output", store.path("d"), store.path("dir")};
  const CommandResult result = run_zstdfs(arguments);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("No dictionary is worth its space"));
  EXPECT_THAT(result.error, HasSubstr("nothing was written"));
  EXPECT_FALSE(std::filesystem::exists(store.path("d")));
  EXPECT_EQ(run_zstdfs({"train", "--size", "8KiB", store.path("dir")}).exit_code, 0);
}

TEST(Train, TooFewSamplesAreCountedAndTheWayOutIsTold) {
  const TempStore store;
  for (std::uint64_t i = 0; i < 19; ++i) store.write("dir/" + std::to_string(i), sample_record(i));
  const CommandResult result = run_zstdfs({"train", store.path("dir")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("19 samples were found in 19 files, and at least 20"));
  EXPECT_THAT(result.error, HasSubstr("--records lines"));
  EXPECT_EQ(result.out, "");

  store.write("dir/20", sample_record(20));
  const CommandResult small = run_zstdfs({"train", store.path("dir")});
  EXPECT_EQ(small.exit_code, 1);
  EXPECT_THAT(small.error, HasSubstr("a smaller --size"));
}

TEST(Train, PatternsChooseFiles) {
  const TempStore store;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    store.write("dir/a/" + number + ".json", sample_records(100 * i, 4));
    store.write("dir/a/" + number + ".txt", "not this");
    store.write("dir/b/" + number + ".json", sample_records(100 * i, 4));
  }
  const auto files = [&](const std::vector<std::string>& patterns) {
    std::vector<std::string> arguments = quick_train(patterns);
    arguments.insert(arguments.end(), {"--size", "512", store.path("dir")});
    const CommandResult result = run_zstdfs(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.json().at("files").get<int>();
  };
  EXPECT_EQ(files({}), 120);
  EXPECT_EQ(files({"--include", "*.json"}), 80);
  EXPECT_EQ(files({"--include", "*.json", "--include", "*.txt"}), 120);
  EXPECT_EQ(files({"--include", "a/*.json"}), 40);
  EXPECT_EQ(files({"--include", "/a/*.json"}), 40);
  EXPECT_EQ(files({"--include", "*.json", "--exclude", "b"}), 40);
  EXPECT_EQ(files({"--exclude", "a/*.txt"}), 80);
}

TEST(Train, LengthPrefixedRecordsAreSamples) {
  const TempStore store;
  Bytes stream;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Bytes record = bytes_of(sample_record(i));
    append_le(stream, static_cast<std::uint32_t>(record.size()));
    stream.insert(stream.end(), record.begin(), record.end());
  }
  store.write("records", stream);
  const auto arguments = quick_train({"--records", "length-prefixed", store.path("records")});
  const CommandResult result = run_zstdfs(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.json().at("candidates"), 300);

  stream.pop_back();
  store.write("records", stream);
  const CommandResult truncated = run_zstdfs(arguments);
  EXPECT_EQ(truncated.exit_code, 1);
  EXPECT_THAT(truncated.error, HasSubstr("records: record 299 at offset"));
}

TEST(Train, SamplesAreBoundedAndLargeFilesDoNotOutweighSmallOnes) {
  const TempStore store;
  store.write("large", sample_records(0, 4000));
  for (std::uint64_t i = 0; i < 40; ++i)
    store.write("small/" + std::to_string(i), sample_record(i));
  ASSERT_EQ(::link(store.path("large").c_str(), store.path("second-name").c_str()), 0);
  store.write("zeros", Bytes(100 * 4096));
  const CommandResult result = run_zstdfs(quick_train(
      {"--chunk-size", "4KiB", "--sample-bytes", "64KiB", "--size", "512", store.path()}));
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto report = result.json();
  // Eight chunks of each large file are candidates; those of zeros do not become samples.
  EXPECT_EQ(report.at("candidates"), 8 + 40 + 8);
  EXPECT_EQ(report.at("training_samples").get<int>() + report.at("held_back_samples").get<int>(),
            8 + 40);

  const CommandResult bounded = train_records(store, {"--sample-bytes", "64KiB"});
  ASSERT_EQ(bounded.exit_code, 0) << bounded.error;
  const auto sums = bounded.json();
  const int bytes = sums.at("training_bytes").get<int>() + sums.at("held_back_bytes").get<int>();
  EXPECT_LE(bytes, 64 << 10);
  EXPECT_GT(bytes, 60 << 10);
  EXPECT_EQ(sums.at("candidates"), kRecords);
}

TEST(Train, AnExistingFileIsReplacedOnlyWhenThatIsAskedFor) {
  const TempStore store;
  store.write("out/d", "precious");
  const CommandResult refused = train_records(store, {"--output", store.path("out/d")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("out/d: exists already; --force replaces it"));
  EXPECT_EQ(read_file(store.path("out/d")), bytes_of("precious"));

  const CommandResult forced = train_records(store, {"--output", store.path("out/d"), "--force"});
  EXPECT_EQ(forced.exit_code, 0) << forced.error;
  EXPECT_NE(ZstdCompressionDict(read_file(store.path("out/d"))).dict_id(), 0u);
  const std::filesystem::directory_iterator entries(store.path("out"));
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1) << "a temporary file was left";
}

TEST(Train, AnOutputThatCannotBeWrittenIsNamed) {
  const TempStore store;
  const CommandResult missing = train_records(store, {"--output", store.path("no/d")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.error, HasSubstr("no/d: No such file or directory"));
  const CommandResult device = train_records(store, {"--output", "/dev/full"});
  EXPECT_EQ(device.exit_code, 1);
  EXPECT_THAT(device.error, HasSubstr("/dev/full: exists already"));

  ASSERT_EQ(::mkfifo(store.path("pipe").c_str(), 0600), 0);
  const CommandResult pipe = train_records(store, {"--output", store.path("pipe"), "--force"});
  EXPECT_EQ(pipe.exit_code, 1);
  EXPECT_THAT(pipe.error, HasSubstr("pipe: not a regular file"));
  EXPECT_TRUE(std::filesystem::is_fifo(store.path("pipe")));

  store.write("records.jsonl", sample_records(0, kRecords));
  const CommandResult full = run_zstdfs(
      quick_train({"--records", "lines", store.path("records.jsonl")}), {"", "/dev/full"});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.error, HasSubstr("could not be written"));
}

TEST(Train, WhatCannotBeReadIsNamedAndTheRestIsSampled) {
  const TempStore store;
  for (std::uint64_t i = 0; i < 60; ++i)
    store.write("dir/" + std::to_string(i), sample_records(100 * i, 4));
  Bytes damaged = container_of(text_bytes(20000, 1), 4096).sealed();
  damaged[kContainerHeaderBytes + 1000] ^= std::byte{1};
  store.write("dir/damaged", damaged);
  ASSERT_EQ(::mkfifo(store.path("dir/pipe").c_str(), 0600), 0);
  const CommandResult result =
      run_zstdfs(quick_train({store.path("missing"), store.path("dir/pipe"), store.path("dir")}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("missing: No such file or directory"));
  EXPECT_THAT(result.error, HasSubstr("dir/pipe: not a regular file"));
  EXPECT_THAT(result.error, HasSubstr("dir/damaged: "));
  EXPECT_THAT(result.error, HasSubstr("3 files or directories could not be sampled"));
  EXPECT_EQ(result.json().at("failures"), 3);
  EXPECT_FALSE(result.json().at("recommended").is_null());
}

TEST(Train, MistakesOnTheCommandLineAreTwo) {
  const auto error_of = [](const std::vector<std::string>& arguments) {
    const CommandResult result = run_zstdfs(arguments);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(arguments);
    return result.error;
  };
  EXPECT_THAT(error_of({"train"}), HasSubstr("PATH"));
  EXPECT_THAT(error_of({"train", "/tmp", "--nonsense"}), HasSubstr("--nonsense"));
  EXPECT_THAT(error_of({"train", "/tmp", "--size", "112kB"}), HasSubstr("write KiB"));
  EXPECT_THAT(error_of({"train", "/tmp", "--size", "17179869185GiB"}), HasSubstr("--size"));
  EXPECT_THAT(error_of({"train", "/tmp", "--size", "100"}), HasSubstr("between 256 B"));
  EXPECT_THAT(error_of({"train", "/tmp", "--level", "0"}), HasSubstr("without 0"));
  EXPECT_THAT(error_of({"train", "/tmp", "--level", "23"}), HasSubstr("no level"));
  EXPECT_THAT(error_of({"train", "/tmp", "--d", "7"}), HasSubstr("--d"));
  EXPECT_THAT(error_of({"train", "/tmp", "--id", "5"}), HasSubstr("--id"));
  EXPECT_THAT(error_of({"train", "/tmp", "--records", "words"}), HasSubstr("--records"));
  EXPECT_EQ(run_zstdfs({"train", "--help"}).exit_code, 0);
}

TEST(Train, NegativeLevelsAndAllParametersOfTheTrainerAreTaken) {
  const TempStore store;
  const CommandResult result =
      train_records(store, {"--level", "-5", "--k", "200", "--d", "6", "--f", "18", "--accel", "2",
                            "--split", "0.8", "--held-back", "0.5"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto report = result.json();
  EXPECT_EQ(report.at("level"), -5);
  EXPECT_EQ(report.at("held_back_samples"), kRecords / 2);
  EXPECT_EQ(report.at("recommended").at("k"), 200);
  EXPECT_EQ(report.at("recommended").at("d"), 6);
}

TEST(Train, AWrongPatternIsThatOfTheOption) {
  const TempStore store;
  const CommandResult result =
      train_records(store, {"--install", store.path(), "--for", "*.json", "--for", "a/"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("zstdfs train: --for a/: "));
  EXPECT_THAT(result.error, testing::Not(HasSubstr("policy.json")));
}

TEST(Train, ANegativeSeedIsRefused) {
  const TempStore store;
  for (const char* const command : {"train", "advise"}) {
    const CommandResult result = run_zstdfs({command, "--seed", "-1", store.path()});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr("\"-1\" is no number from 0 on"));
  }
}

}  // namespace
}  // namespace zstdfs::test
