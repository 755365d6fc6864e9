#include <gmock/gmock.h>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/sample_records.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

CommandResult batch(const std::string& direction, const std::string& input,
                    std::vector<std::string> more = {}, const std::string& records = "lines") {
  more.insert(more.begin(), {"batch", direction, "--records", records});
  return run_zstdfs(more, {input, ""});
}

std::string compressed(const std::string& input, const std::vector<std::string>& more = {},
                       const std::string& records = "lines") {
  const CommandResult result = batch("compress", input, more, records);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.out;
}

void expect_round_trip(const std::string& input, const std::vector<std::string>& more = {},
                       const std::string& records = "lines") {
  const CommandResult result = batch("decompress", compressed(input, more, records), more, records);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.out == input) << input.size() << " bytes became " << result.out.size();
}

std::string length_prefixed(const std::vector<std::string>& records) {
  std::string text;
  for (const std::string& record : records) {
    const auto bytes = static_cast<std::uint32_t>(record.size());
    text.append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
    text += record;
  }
  return text;
}

/// The frames of a stream.
std::vector<Bytes> frames_of_stream(const std::string& stream) {
  std::vector<Bytes> frames;
  const Bytes bytes = bytes_of(stream);
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = load_le<std::uint32_t>(bytes, at);
    at += sizeof(length);
    const ByteSpan frame = ByteSpan(bytes).subspan(at, length);
    frames.emplace_back(frame.begin(), frame.end());
    at += length;
  }
  return frames;
}

std::string frame_of(const std::string& content) {
  const Bytes frame = compress(bytes_of(content));
  return {reinterpret_cast<const char*>(frame.data()), frame.size()};
}

/// Writes a dictionary for sample_record()s.
void write_dictionary(const TempStore& store, const std::string& name, std::uint64_t first) {
  std::vector<Bytes> records;
  std::vector<ByteSpan> samples;
  for (std::uint64_t i = first; i < first + 500; ++i) {
    records.push_back(bytes_of(sample_record(i)));
  }
  for (const Bytes& record : records) samples.emplace_back(record);
  TrainingOptions options;
  options.dict_id = static_cast<std::uint32_t>(100000 + first);
  store.write(name, train_dictionary(4096, samples, options)->as_bytes());
}

TEST(BatchRecords, LinesComeBackExactly) {
  const std::string nul("a\0b\n\0", 5);
  for (const std::string& input :
       {std::string(), std::string("\n"), std::string("\n\n\n"), std::string("no newline"),
        std::string("one\ntwo"), std::string("one\r\ntwo\r\n\n"), nul, sample_records(0, 3000),
        std::string(3 << 20, 'x') + "\n" + "y"}) {
    expect_round_trip(input);
  }
}

TEST(BatchRecords, ManyGroupsComeBackExactly) {
  expect_round_trip(sample_records(0, 70000), {"--threads", "3"});
}

TEST(BatchRecords, LengthPrefixedRecordsComeBackExactly) {
  for (const auto& records :
       {std::vector<std::string>{}, {""}, {"", ""}, {"a", "", "line\nline"}}) {
    expect_round_trip(length_prefixed(records), {}, "length-prefixed");
  }
}

TEST(BatchRecords, EachRecordIsAnOrdinaryFrame) {
  const TempStore store;
  write_dictionary(store, "d", 0);
  const std::string plain = compressed(sample_records(0, 3));
  const std::string with_dictionary =
      compressed(sample_records(0, 3), {"--dictionary-file", store.path("d"), "--no-check"});
  EXPECT_LT(with_dictionary.size() * 2, plain.size());

  std::string text;
  for (const Bytes& frame : frames_of_stream(plain)) {
    const FrameParameters parameters = get_frame_parameters(frame);
    EXPECT_TRUE(parameters.has_checksum);
    EXPECT_EQ(parameters.dict_id, 0u);
    const Bytes content = decompress(frame);
    EXPECT_EQ(parameters.content_size, content.size());
    text.append(reinterpret_cast<const char*>(content.data()), content.size());
  }
  EXPECT_EQ(text, sample_records(0, 3));
  for (const Bytes& frame : frames_of_stream(with_dictionary)) {
    EXPECT_FALSE(get_frame_parameters(frame).has_checksum);
    EXPECT_EQ(get_frame_parameters(frame).dict_id, 100000u);
  }
  const CommandResult back =
      batch("decompress", with_dictionary, {"--dictionary-file", store.path("d")});
  EXPECT_EQ(back.out, sample_records(0, 3)) << back.error;
}

TEST(BatchRecords, WhereverAStreamIsCutTheWholeRecordsComeOutAndTheOtherIsNamed) {
  const std::string input = "one\ntwo\nthree";
  const std::string stream = compressed(input);
  std::size_t ends[4] = {0};
  for (std::size_t i = 0; i < 3; ++i)
    ends[i + 1] = ends[i] + 4 + frames_of_stream(stream)[i].size();
  ASSERT_EQ(ends[3], stream.size());
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    const auto whole = static_cast<std::size_t>(std::upper_bound(ends, ends + 4, cut) - ends) - 1;
    const CommandResult result = batch("decompress", stream.substr(0, cut));
    EXPECT_EQ(result.out, input.substr(0, whole * 4));
    const bool at_an_end = ends[whole] == cut;
    EXPECT_EQ(result.exit_code, at_an_end ? 0 : 1);
    if (at_an_end) continue;
    EXPECT_THAT(result.error, HasSubstr("record " + std::to_string(whole) + " at offset " +
                                        std::to_string(ends[whole]) + ": the stream ends"));
  }
}

TEST(BatchRecords, ADamagedRecordIsNamedAndThoseBeforeItComeOut) {
  std::string stream = compressed("one\ntwo\nthree\n");
  const std::size_t second = 4 + frames_of_stream(stream)[0].size();
  stream[second + 4 + frames_of_stream(stream)[1].size() - 1] ^= 1;  // its checksum
  const CommandResult result = batch("decompress", stream, {"--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "one\n");
  EXPECT_THAT(result.error, HasSubstr("record 1 at offset " + std::to_string(second)));
  EXPECT_THAT(result.error, HasSubstr("\"failures\": 1"));
  EXPECT_THAT(result.error, HasSubstr("\"records\": 1,"));
}

TEST(BatchRecords, HostileStreamsAreRefusedBeforeMemoryIsTaken) {
  const CommandResult length = batch("decompress", "\xff\xff\xff\xff hello");
  EXPECT_EQ(length.exit_code, 1);
  EXPECT_THAT(length.error, HasSubstr("record 0 at offset 0: it is said to have 4294967295 bytes"));

  const CommandResult text = batch("decompress", length_prefixed({"this is no frame"}));
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.error, HasSubstr("is no zstd frame"));

  const std::string bomb = length_prefixed({frame_of("ok"), frame_of(std::string(2 << 20, 'x'))});
  const CommandResult large = batch("decompress", bomb, {"--max-record-size", "1MiB"});
  EXPECT_EQ(large.exit_code, 1);
  EXPECT_EQ(large.out, "ok");
  EXPECT_THAT(large.error, HasSubstr("record 1 at offset"));
  EXPECT_THAT(large.error, HasSubstr("--max-record-size"));

  std::string lie = frame_of(std::string(300, 'x'));
  lie[5] = '\xff';  // of the content size, which has two bytes here
  lie[6] = '\xff';
  EXPECT_EQ(batch("decompress", length_prefixed({lie})).exit_code, 1);

  EXPECT_EQ(batch("decompress", length_prefixed({frame_of("a") + "more"})).exit_code, 1);
  EXPECT_EQ(batch("decompress", length_prefixed({""})).exit_code, 1);
}

TEST(BatchRecords, RecordsThatAreTooLargeAreRefused) {
  const CommandResult result =
      batch("compress", "short\n" + std::string(2000, 'x') + "\n", {"--max-record-size", "1KiB"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("record 1 at offset 6: the line has more than 1.0 KiB"));
  EXPECT_EQ(frames_of_stream(result.out).size(), 1u);
}

TEST(BatchRecords, DictionariesThatCannotBeUsedAreNamed) {
  const TempStore store;
  write_dictionary(store, "d", 0);
  write_dictionary(store, "other", 5000);
  store.write("text", "not a dictionary");
  const auto error_of = [&](const std::string& dictionary) {
    const CommandResult result =
        batch("compress", "x\n", {"--dictionary-file", store.path(dictionary)});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    return result.error;
  };
  EXPECT_THAT(error_of("missing"), HasSubstr("missing: No such file or directory"));
  EXPECT_THAT(error_of("text"), HasSubstr("text: is no zstd dictionary"));
  EXPECT_THAT(error_of(""), HasSubstr("Is a directory"));

  const std::string stream = compressed("x\n", {"--dictionary-file", store.path("d")});
  const CommandResult without = batch("decompress", stream);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_THAT(without.error, HasSubstr("with the dictionary 100000; give that"));
  const CommandResult wrong =
      batch("decompress", stream, {"--dictionary-file", store.path("other")});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.error, HasSubstr("with the dictionary 100000, not with 105000"));
}

TEST(BatchRecords, AFullDiskIsReported) {
  for (const std::string direction : {"compress", "decompress"}) {
    const std::string input = direction == "compress" ? "x\n" : compressed("x\n");
    const CommandResult result =
        run_zstdfs({"batch", direction, "--records", "lines"}, {input, "/dev/full"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.error, HasSubstr("standard output: No space left on device"));
  }
}

TEST(BatchRecords, TheSummaryGoesWhereTheRecordsDoNot) {
  const std::string input = sample_records(0, 100);
  const CommandResult result = batch("compress", input, {"--json"});
  const auto summary = nlohmann::json::parse(result.error);
  EXPECT_EQ(summary.at("records"), 100);
  EXPECT_EQ(summary.at("input_bytes"), input.size());
  EXPECT_EQ(summary.at("output_bytes"), result.out.size());
  EXPECT_EQ(summary.at("failures"), 0);
}

TEST(BatchRecords, MistakesOnTheCommandLineAreTwo) {
  EXPECT_EQ(run_zstdfs({"batch"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"batch", "explode"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"batch", "compress"}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"batch", "compress", "--nonsense", "f"}).exit_code, 2);
  EXPECT_EQ(batch("compress", "", {"file"}).exit_code, 2);
  EXPECT_EQ(batch("compress", "", {}, "words").exit_code, 2);
  EXPECT_EQ(batch("compress", "", {"--level", "0"}).exit_code, 2);
  EXPECT_EQ(batch("decompress", "", {"--level", "3"}).exit_code, 2);
  EXPECT_EQ(batch("compress", "", {"--max-record-size", "2GiB"}).exit_code, 2);
  EXPECT_EQ(batch("compress", "", {"--suffix", ""}).exit_code, 2);
  EXPECT_EQ(run_zstdfs({"batch", "compress", "--help"}).exit_code, 0);
}

TEST(BatchRecords, OptionsForFilesAreRefused) {
  for (const std::string direction : {"compress", "decompress"}) {
    const CommandResult result =
        batch(direction, "a\n", {"--remove", "--suffix", ".q", "--output-dir", "/nope"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.error, HasSubstr("for files only: --output-dir, --suffix, --remove"));
  }
  // As if they were not there.
  EXPECT_EQ(batch("compress", "a\n", {"--keep"}).exit_code, 0);
}

TEST(BatchRecords, TheErrorNamesTheOptionForTheDictionary) {
  const TempStore store;
  write_dictionary(store, "d", 0);
  const std::string frames =
      compressed(sample_records(0, 3), {"--dictionary-file", store.path("d")});
  EXPECT_THAT(batch("decompress", frames).error, HasSubstr("give that with --dictionary-file"));
}

}  // namespace
}  // namespace zstdfs::test
