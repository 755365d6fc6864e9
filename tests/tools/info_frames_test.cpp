#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/frames.hpp"

namespace zstdfs::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr std::uint32_t kChunk = 4096;

Bytes concatenated(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

Json frames_of_file(const std::string& path, int exit_code = 0) {
  const CommandResult result = run_zstdfs({"info", "--frames", "--json", path});
  EXPECT_EQ(result.exit_code, exit_code) << result.error;
  return result.json().at(0);
}

std::vector<std::string> kinds_of(const Json& info) {
  std::vector<std::string> kinds;
  for (const Json& frame : info.at("frame_list")) kinds.push_back(frame.at("kind"));
  return kinds;
}

/// A frame that does not say how much it holds, and has no checksum: what a pipe gets.
Bytes frame_of_unknown_size(ByteSpan content) {
  CompressorOptions options;
  options.write_content_size = false;
  options.write_checksum = false;
  return ZstdCompressor(options).compress(content);
}

TEST(InfoFrames, AContainersFramesAreListedWithAllThatTheySay) {
  const TempStore store;
  ContainerBuilder builder(kChunk);
  builder.chunk(text_bytes(kChunk, 1)).padding(100).zeros(1 << 20).chunk(text_bytes(1000, 2));
  store.write("f", builder.sealed());

  const Json info = frames_of_file(store.path("f"));
  EXPECT_THAT(kinds_of(info),
              ElementsAre("header", "data", "padding", "zeros", "data", "seek table"));
  EXPECT_EQ(info.at("frame_problem"), nullptr);
  const Json& list = info.at("frame_list");
  const FrameEntry& last = builder.index()[2];
  EXPECT_EQ(list.at(4).at("stored_offset"), last.stored_offset);
  EXPECT_EQ(list.at(4).at("stored_bytes"), last.stored_bytes);
  EXPECT_EQ(list.at(4).at("logical_offset"), kChunk + (1 << 20));
  EXPECT_EQ(list.at(4).at("logical_bytes"), 1000);
  EXPECT_EQ(list.at(4).at("dictionary_id"), 0);
  std::array<char, 16> checksum{};
  std::snprintf(checksum.data(), checksum.size(), "%08x", last.checksum);
  EXPECT_EQ(list.at(4).at("checksum"), checksum.data());
  EXPECT_EQ(list.at(2).at("stored_bytes"), 100);
  EXPECT_FALSE(list.at(2).contains("logical_bytes"));
}

// Every stored byte belongs to one frame.
TEST(InfoFrames, FramesFollowEachOtherWithoutGaps) {
  const TempStore store;
  const Bytes stored = container_of(text_bytes(10 * kChunk + 7, 3), kChunk).sealed();
  store.write("f", stored);
  std::uint64_t at = 0;
  const Json info = frames_of_file(store.path("f"));
  for (const Json& frame : info.at("frame_list")) {
    EXPECT_EQ(frame.at("stored_offset"), at);
    at += frame.at("stored_bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(at, stored.size());
}

TEST(InfoFrames, AnyZstdFileIsListed) {
  const TempStore store;
  const Bytes note = write_skippable_frame(text_bytes(50, 1), 6);
  const Bytes known = FrameEncoder().encode(text_bytes(5000, 1), 3);
  const Bytes unknown = frame_of_unknown_size(text_bytes(3000, 2));
  store.write("own.zst", concatenated({known, note, unknown, known}));

  const Json info = frames_of_file(store.path("own.zst"));
  EXPECT_EQ(info.at("form"), "raw");
  EXPECT_THAT(kinds_of(info), ElementsAre("data", "skippable", "data", "data"));
  const Json& list = info.at("frame_list");
  EXPECT_EQ(list.at(1).at("magic"), 0x184D2A56);
  EXPECT_EQ(list.at(2).at("logical_offset"), 5000);
  EXPECT_EQ(list.at(2).at("logical_bytes"), nullptr);
  EXPECT_EQ(list.at(2).at("checksum"), nullptr);
  EXPECT_EQ(list.at(3).at("logical_offset"), nullptr);  // nobody knows where it begins
  EXPECT_EQ(list.at(3).at("logical_bytes"), 5000);
}

TEST(InfoFrames, TheTableShowsADashForWhatIsNotKnown) {
  const TempStore store;
  store.write("own.zst", frame_of_unknown_size(text_bytes(3000, 2)));
  const CommandResult result = run_zstdfs({"info", "--frames", store.path("own.zst")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr("DICTIONARY"));
  EXPECT_THAT(result.out, testing::ContainsRegex("0 +data +0 +[0-9]+ +0 +- +- +-\n"));
}

TEST(InfoFrames, ATruncatedFileIsListedUpToThere) {
  const TempStore store;
  const Bytes frame = FrameEncoder().encode(text_bytes(5000, 1), 3);
  Bytes cut = concatenated({frame, frame});
  cut.resize(cut.size() - 1);
  store.write("cut.zst", cut);

  const Json info = frames_of_file(store.path("cut.zst"), /*exit_code=*/1);
  EXPECT_THAT(kinds_of(info), ElementsAre("data"));
  EXPECT_EQ(info.at("frame_problem").at("stored_offset"), frame.size());
  EXPECT_EQ(info.at("frame_problem").at("reason"), "truncated");
  const CommandResult table = run_zstdfs({"info", "--frames", store.path("cut.zst")});
  EXPECT_EQ(table.exit_code, 1);
  EXPECT_THAT(table.out, HasSubstr("data"));
  EXPECT_THAT(table.error, HasSubstr("stored offset " + std::to_string(frame.size())));
}

TEST(InfoFrames, GarbageBetweenFramesIsNamed) {
  const TempStore store;
  const Bytes frame = FrameEncoder().encode(text_bytes(5000, 1), 3);
  store.write("bad.zst", concatenated({frame, random_bytes(100, 1), frame}));
  const Json info = frames_of_file(store.path("bad.zst"), /*exit_code=*/1);
  EXPECT_EQ(info.at("frame_problem").at("stored_offset"), frame.size());
  EXPECT_EQ(info.at("frame_problem").at("reason"), "not a zstd frame");
}

TEST(InfoFrames, ARawFileHasNoneAndThatIsNoMistake) {
  const TempStore store;
  store.write("plain", "nothing special");
  store.write("empty", "");
  const CommandResult result =
      run_zstdfs({"info", "--frames", store.path("plain"), store.path("empty")});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.out, HasSubstr("no zstd frames"));
  EXPECT_TRUE(frames_of_file(store.path("plain")).at("frame_list").empty());
}

TEST(Info, TellsHowAContainerIsWrittenOn) {
  const TempStore store;
  store.write("f", container_of(text_bytes(3 * kChunk, 1), kChunk).sealed());
  Bytes special = container_of(text_bytes(3 * kChunk, 1), kChunk).sealed();
  auto header = *decode_container_header(special);
  header.dictionary_id = 123456;
  header.long_distance_matching = true;
  header.compact = true;
  const Bytes encoded = encode_container_header(header);
  std::copy(encoded.begin(), encoded.end(), special.begin());
  store.write("g", special);

  const CommandResult result = run_zstdfs({"info", "--json", store.path("f"), store.path("g")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const Json infos = result.json();
  EXPECT_EQ(infos.at(0).at("dictionary_id"), 0);
  EXPECT_EQ(infos.at(0).at("saving"), "blocks");
  EXPECT_EQ(infos.at(0).at("long_distance_matching"), false);
  EXPECT_EQ(infos.at(1).at("dictionary_id"), 123456);
  EXPECT_EQ(infos.at(1).at("saving"), "bytes");
  EXPECT_EQ(infos.at(1).at("long_distance_matching"), true);
  EXPECT_THAT(run_zstdfs({"info", store.path("g")}).out, HasSubstr("123456   bytes   yes"));
}

TEST(Info, DamageIsSaidOnStandardErrorToo) {
  const TempStore store;
  Bytes stored = container_of(text_bytes(3 * kChunk, 1), kChunk).sealed();
  stored[stored.size() - 20] ^= std::byte{1};
  store.write("f", stored);
  const CommandResult result = run_zstdfs({"info", store.path("f")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("DAMAGED"));
  EXPECT_THAT(result.error, HasSubstr("seek table"));
}

TEST(Info, AFullOutputIsReported) {
  const TempStore store;
  store.write("f", "x");
  for (const char* option : {"--json", "--frames"}) {
    const CommandResult result =
        run_zstdfs({"info", option, store.path("f")}, {.input = "", .output_path = "/dev/full"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.error, HasSubstr("could not be written"));
  }
}

}  // namespace
}  // namespace zstdfs::test
