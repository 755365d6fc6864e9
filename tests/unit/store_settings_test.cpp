// What policy and attributes decide about a file, dictionaries, and recompression.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "fs/store/dictionaries.hpp"
#include "fs/store/log.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/store_paths.hpp"
#include "tests/unit/store_fixture.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::test {
namespace {

using store::Recompression;
using store::RecompressionPlan;
using store::Settings;
using testing::HasSubstr;

Bytes record(std::uint64_t seed) {
  Random random(seed);
  return bytes_of("{\"name\": \"record " + std::to_string(random.next()) +
                  "\", \"state\": \"settled\", \"owner\": " + std::to_string(random.below(13)) +
                  ", \"remarks\": [\"none so far\", \"" + std::to_string(random.below(90)) +
                  "\"]}");
}

Bytes trained_dictionary(std::uint32_t id) {
  std::vector<Bytes> samples;
  for (std::uint64_t i = 0; i < 500; ++i) samples.push_back(record(i));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  const auto trained = train_dictionary(4096, spans, {.k = 64, .d = 8, .dict_id = id});
  return Bytes(trained->as_bytes().begin(), trained->as_bytes().end());
}

/// Replaces a file of a disk.
void put_on(FaultyDisk& disk, const std::string& path, ByteSpan content) {
  const auto volume = disk.volume();
  volume->remove(path);
  volume->create(path, 0600)->write_at(0, content);
}

void append_to(Bytes& out, ByteSpan more) {
  out.insert(out.end(), more.begin(), more.end());
}

Bytes compact_container_of_version_two(ByteSpan content) {
  const Bytes frame = FrameEncoder().encode(content, kDefaultLevel);
  FrameIndex index;
  index.append(index.frames_begin(), static_cast<std::uint32_t>(frame.size()),
               static_cast<std::uint32_t>(content.size()),
               load_le<std::uint32_t>(frame, frame.size() - 4));
  ContainerHeader header;
  header.compact = true;
  EXPECT_TRUE(store::seal(header, index, 0).empty());
  Bytes file = encode_container_header(header);
  append_to(file, frame);
  return file;
}

std::vector<std::string> names_on(FaultyDisk& disk, const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : disk.volume()->list(directory)) names.push_back(entry.name);
  return names;
}

class StoreSettings : public testing::Test {
 protected:
  void set_policy(const std::string& rules) {
    const std::string text = R"({"version": 1, "rules": [)" + rules + "]}";
    put_on(disk, ".zstdfs/policy.json", bytes_of(text));
    ASSERT_TRUE(store.reopen());
  }

  void write_file(const std::string& path, ByteSpan bytes) {
    const auto file = store.open_file(path);
    file->write(0, bytes);
    file->flush();
    store.store->close_file(file);
    EXPECT_TRUE(store.store->settle_now());
  }
  void write_at(const std::string& path, std::uint64_t offset, ByteSpan bytes) {
    const auto file = store.open_file(path);
    file->write(offset, bytes);
    file->flush();
    store.store->close_file(file);
    EXPECT_TRUE(store.store->settle_now());
  }
  Bytes read_file(const std::string& path) {
    const auto file = store.open_file(path);
    Bytes content = StoreOnDisk::read_all(*file);
    store.store->close_file(file);
    return content;
  }
  store::RecompressionResult recompress(const std::string& path,
                                        store::SettingsChoice choice = {}) {
    const auto file = store.open_file(path);
    const auto result = file->recompress(choice);
    store.store->close_file(file);
    EXPECT_TRUE(store.store->settle_now());
    return result;
  }

  Bytes stored(const std::string& path) { return *disk.content(path); }
  bool is_stored_as_container(const std::string& path) {
    return is_container(MemorySource(stored(path)));
  }
  ContainerHeader header(const std::string& path) { return *decode_container_header(stored(path)); }
  std::uint32_t install(std::uint32_t id) {
    const auto volume = disk.volume();
    return store::DictionaryFiles(*volume).install(trained_dictionary(id));
  }

  StoreOnDisk store{store::StoreOptions()};
  FaultyDisk& disk = store.disk;
};

TEST_F(StoreSettings, ARuleDecides) {
  set_policy(R"({"path": "*.log", "level": 12, "chunk_size": "16 KiB"},
                {"path": "*.raw", "store": "raw"})");
  const Bytes content = text_bytes(100000, 1);
  for (const char* const name : {"a.log", "a.raw", "a"}) write_file(name, content);
  EXPECT_EQ(header("a.log").level, 12);
  EXPECT_EQ(header("a.log").chunk_bytes, 16u << 10);
  EXPECT_EQ(stored("a.raw"), content);
  EXPECT_EQ(header("a").level, kDefaultLevel);
}

TEST_F(StoreSettings, WhatLooksLikeAContainerIsOneWhateverTheRuleSays) {
  set_policy(R"({"store": "raw"})");
  Bytes content = encode_container_header({});
  content.resize(10000);
  write_file("f", content);
  EXPECT_TRUE(is_stored_as_container("f"));
  EXPECT_EQ(read_file("f"), content);
  Bytes large = encode_container_header({});
  large.resize(5u << 20);
  write_file("large", large);
  EXPECT_EQ(read_file("large"), large);
}

TEST_F(StoreSettings, AStreamBecomesRawWhereTheRuleSaysSo) {
  set_policy(R"({"store": "raw"})");
  const Bytes content = text_bytes(5u << 20, 1);
  write_file("f", content);
  EXPECT_EQ(stored("f"), content);
}

TEST_F(StoreSettings, RecordsAreSmallWithADictionaryAndSavingsInBytes) {
  install(40000);
  set_policy(R"({"path": "*.bytes", "saving": "bytes"},
                {"path": "*.dict", "saving": "bytes", "dictionary": 40000})");
  const Bytes content = record(1000);
  for (const char* const name : {"a", "a.bytes", "a.dict"}) write_file(name, content);
  EXPECT_EQ(stored("a"), content);
  EXPECT_EQ(stored("a.bytes"), content) << "a frame alone does not save enough";
  EXPECT_LT(stored("a.dict").size() + 20, content.size() + kContainerHeaderBytes);
  EXPECT_EQ(read_file("a.dict"), content);
}

TEST_F(StoreSettings, AContainerThatSavesBytesHasNoSeekTableForOneFrame) {
  set_policy(R"({"saving": "bytes", "chunk_size": "4 KiB"})");
  const Bytes content = text_bytes(4000, 1);
  write_file("f", content);
  ASSERT_TRUE(is_stored_as_container("f"));
  const LoadedContainer one = load_container(MemorySource(stored("f")));
  EXPECT_TRUE(one.sealed);
  EXPECT_EQ(one.index.frames_end(), stored("f").size());
  EXPECT_EQ(one.damage, "");

  // It grows beyond one frame, and gets its table.
  const Bytes more = text_bytes(20000, 2);
  write_at("f", content.size(), more);
  const LoadedContainer several = load_container(MemorySource(stored("f")));
  EXPECT_TRUE(several.sealed);
  EXPECT_GT(several.index.size(), 1u);
  EXPECT_LT(several.index.frames_end(), stored("f").size());
  Bytes both = content;
  both.insert(both.end(), more.begin(), more.end());
  EXPECT_EQ(read_file("f"), both);
}

TEST_F(StoreSettings, ASmallContainerThatSavesBytesHasAShortHeaderWhateverHappensToIt) {
  set_policy(R"({"saving": "bytes"})");
  Bytes content = text_bytes(3000, 1);
  const auto expect_short = [&](bool is_short) {
    EXPECT_EQ(read_file("f"), content);
    EXPECT_EQ(header("f").is_short, is_short);
    EXPECT_TRUE(load_container(MemorySource(stored("f"))).sealed);
  };
  write_file("f", content);
  expect_short(true);
  EXPECT_EQ(header("f").durable_bytes, 0u);

  write_at("f", 1000, text_bytes(500, 2));
  std::ranges::copy(text_bytes(500, 2), content.begin() + 1000);
  expect_short(true);
  EXPECT_EQ(header("f").durable_bytes, header("f").stored_bytes) << "it was rewritten as a whole";

  write_at("f", 3000, text_bytes(1096, 3));
  append_to(content, text_bytes(1096, 3));
  expect_short(true);
  ASSERT_TRUE(store.reopen());
  expect_short(true);

  write_at("f", 4096, text_bytes(9000, 4));
  append_to(content, text_bytes(9000, 4));
  expect_short(false);

  const auto file = store.open_file("f");
  file->truncate(2000);
  file->flush();
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  content.resize(2000);
  expect_short(true);

  // Streamed, without a pause in which it could be rewritten.
  write_at("f", 2000, text_bytes(20u << 20, 5));
  append_to(content, text_bytes(20u << 20, 5));
  expect_short(false);
}

TEST_F(StoreSettings, ChangesOfASmallContainerSurviveACrash) {
  set_policy(R"({"saving": "bytes"})");
  Bytes content = text_bytes(3000, 1);
  write_file("f", content);
  auto file = store.open_file("f");
  file->sync(os::SyncKind::kDataAndTimes);
  store.sync_names();
  const Bytes more = text_bytes(20000, 2);
  file->write(content.size(), more);
  append_to(content, more);
  file->sync(os::SyncKind::kData);
  EXPECT_TRUE(header("f").is_short) << "it was changed in place";
  store.store->close_file(file);
  file.reset();  // before its store
  store.crash(Survival::random(1));
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(StoreSettings, AWriteLogIsNotForTheSameContentWrittenAgain) {
  set_policy(R"({"saving": "bytes"})");
  const Bytes content = text_bytes(3000, 1);
  write_file("f", content);
  auto file = store.open_file("f");
  file->write(100, text_bytes(50, 2));
  file->sync(os::SyncKind::kDataAndTimes);
  store.sync_names();
  // What a state file sees: back to what it was, by way of nothing.
  file->truncate(0);
  file->write(0, content);
  file->flush();
  store.store->close_file(file);
  file.reset();  // before its store
  store.crash(Survival::everything());
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(StoreSettings, AFileThatExceedsABlockByLittleIsCompressedHarder) {
  set_policy(R"({"level": 1})");
  const std::uint64_t block = 4096;
  int saved = 0;
  for (std::size_t bytes = 8000; bytes < 40000; bytes += 500) {
    const Bytes content = text_bytes(bytes, bytes);
    write_file("f", content);
    const std::uint64_t usual =
        kContainerHeaderBytes + 41 + FrameEncoder().encode(content, 1).size();
    const std::uint64_t now = stored("f").size();
    EXPECT_LE((now + block - 1) / block, (usual + block - 1) / block) << bytes;
    if (now <= usual / block * block) ++saved;
    EXPECT_EQ(read_file("f"), content);
    EXPECT_TRUE(disk.volume()->remove("f"));
  }
  EXPECT_GT(saved, 0);
}

TEST_F(StoreSettings, RecompressionGoesByThePolicyOfNow) {
  set_policy("{}");
  write_file("f", text_bytes(100000, 1));
  put_on(disk, ".zstdfs/policy.json", bytes_of(R"({"version": 1, "rules": [{"level": 12}]})"));
  EXPECT_EQ(recompress("f").outcome, Recompression::kDone);
  EXPECT_EQ(header("f").level, 12);
}

TEST_F(StoreSettings, ASmallContainerWhoseFrameIsCutOffCanBeWrittenAnew) {
  set_policy(R"({"saving": "bytes"})");
  write_file("f", text_bytes(3000, 1));
  Bytes cut = stored("f");
  for (const std::size_t bytes : {kShortHeaderBytes, kShortHeaderBytes + 20, cut.size() - 1}) {
    SCOPED_TRACE(bytes);
    cut = stored("f");
    cut.resize(bytes);
    put_on(disk, "cut", cut);
    ASSERT_TRUE(store.reopen());
    const Bytes content = text_bytes(2000, 2);
    write_at("cut", 0, content);
    EXPECT_EQ(read_file("cut"), content);
    EXPECT_TRUE(load_container(MemorySource(stored("cut"))).sealed);
  }
}

TEST_F(StoreSettings, ASmallContainerWithADamagedHeaderCanBeWrittenOn) {
  set_policy(R"({"saving": "bytes"})");
  Bytes content = text_bytes(3000, 1);
  write_file("f", content);
  Bytes damaged = stored("f");
  damaged[20] ^= std::byte{1};
  put_on(disk, "damaged", damaged);
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("damaged"), content);
  write_at("damaged", 3000, text_bytes(500, 2));
  append_to(content, text_bytes(500, 2));
  EXPECT_EQ(read_file("damaged"), content);
  EXPECT_TRUE(load_container(MemorySource(stored("damaged"))).sealed);
}

TEST_F(StoreSettings, RecompressionShortensOlderHeaders) {
  set_policy(R"({"saving": "bytes"})");
  const Bytes content = text_bytes(3000, 1);
  put_on(disk, "f", compact_container_of_version_two(content));
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("f"), content);
  EXPECT_EQ(recompress("f").outcome, store::Recompression::kDone);
  EXPECT_TRUE(header("f").is_short);
  EXPECT_EQ(read_file("f"), content);
  EXPECT_EQ(recompress("f").outcome, store::Recompression::kAsWanted);
}

TEST_F(StoreSettings, FramesAreReadWithTheSecondCopyOfTheirDictionary) {
  install(40000);
  set_policy(R"({"dictionary": 40000})");
  const Bytes content = text_bytes(100000, 1);
  write_file("f", content);
  EXPECT_EQ(header("f").dictionary_id, 40000u);
  for (const std::string& name : names_on(disk, ".zstdfs/dicts")) {
    if (name.ends_with(".zdict")) put_on(disk, ".zstdfs/dicts/" + name, bytes_of("damaged"));
  }
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(StoreSettings, WithoutItsDictionaryAFileCannotBeReadAndStaysAsItIs) {
  install(40000);
  set_policy(R"({"dictionary": 40000})");
  write_file("f", text_bytes(100000, 1));
  auto file = store.open_file("f");
  file->sync(os::SyncKind::kDataAndTimes);
  store.store->close_file(file);
  file.reset();  // before its store
  store.sync_names();
  const Bytes before = stored("f");
  EXPECT_TRUE(store::DictionaryFiles(*disk.volume()).remove(40000));
  // Also where a loss of power makes recovery look at every frame.
  store.crash(Survival::random(1));
  try {
    read_file("f");
    FAIL() << "was read";
  } catch (const MissingDictionaryError& error) {
    EXPECT_EQ(error.id(), 40000u);
  }
  EXPECT_EQ(stored("f"), before);
  install(40000);
  EXPECT_EQ(read_file("f"), text_bytes(100000, 1));
}

TEST_F(StoreSettings, WritingGoesOnWithoutTheDictionaryAndTheLogSaysSoOnce) {
  set_policy(R"({"dictionary": 40000})");
  std::vector<std::string> lines;
  store::set_log_sink(
      [&lines](store::LogLevel, const std::string& line) { lines.push_back(line); });
  const Bytes content = text_bytes(100000, 1);
  for (const char* const name : {"f", "g", "h"}) write_file(name, content);
  store::set_log_sink([](store::LogLevel, const std::string&) {});
  EXPECT_EQ(read_file("f"), content);
  EXPECT_THAT(lines, testing::ElementsAre(HasSubstr("f: compressed without its dictionary")));
}

// As where an ordinary user's daemon may not read the attributes of a directory.
TEST_F(StoreSettings, ContentIsStoredWhereAttributesCannotBeRead) {
  const Bytes content = text_bytes(100000, 1);
  const auto file = store.open_file("f");
  file->write(0, content);
  disk.fail_calls({.kind = CallKind::kRead, .path_prefix = "f", .error = EACCES});
  file->flush();
  EXPECT_EQ(disk.failed_calls(), 1u);
  EXPECT_TRUE(is_stored_as_container("f"));
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  store.store->close_file(file);
}

TEST_F(StoreSettings, RecompressionFollowsThePolicy) {
  const Bytes content = text_bytes(500000, 1);
  write_file("f", content);
  EXPECT_EQ(recompress("f").outcome, Recompression::kAsWanted);
  set_policy(R"({"level": 15, "chunk_size": "64 KiB"})");
  const std::size_t before = stored("f").size();
  const auto result = recompress("f");
  EXPECT_EQ(result.outcome, Recompression::kDone);
  EXPECT_EQ(result.stored_bytes_before, before);
  EXPECT_EQ(result.stored_bytes_after, stored("f").size());
  EXPECT_EQ(header("f").level, 15);
  EXPECT_EQ(header("f").chunk_bytes, 64u << 10);
  EXPECT_EQ(read_file("f"), content);
  EXPECT_EQ(recompress("f").outcome, Recompression::kAsWanted);
}

TEST_F(StoreSettings, RecompressionToRawAndBack) {
  const Bytes content = text_bytes(500000, 1);
  write_file("f", content);
  EXPECT_EQ(recompress("f", {.form = Settings::Form::kRaw}).outcome, Recompression::kDone);
  EXPECT_EQ(stored("f"), content);
  EXPECT_EQ(recompress("f", {.form = Settings::Form::kRaw}).outcome, Recompression::kAsWanted);
  EXPECT_EQ(recompress("f").outcome, Recompression::kDone);
  EXPECT_TRUE(is_stored_as_container("f"));
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(StoreSettings, RecompressionLeavesWhatGainsNothing) {
  const Bytes noise = random_bytes(50000, 1);
  write_file("noise", noise);
  write_file("small", text_bytes(1000, 1));
  EXPECT_EQ(recompress("noise").outcome, Recompression::kNoGain);
  EXPECT_EQ(recompress("small").outcome, Recompression::kNoGain);
  EXPECT_EQ(stored("noise"), noise);
  EXPECT_TRUE(names_on(disk, ".zstdfs/journal").empty());
}

TEST_F(StoreSettings, ASparseFileIsNotWrittenOutAsRaw) {
  const auto file = store.open_file("f");
  file->write(200u << 20, bytes_of("end"));
  file->write(0, text_bytes(200000, 1));
  file->flush();
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  ASSERT_TRUE(is_stored_as_container("f"));
  EXPECT_EQ(recompress("f", {.form = Settings::Form::kRaw}).outcome, Recompression::kMostlyHoles);
  EXPECT_EQ(recompress("f", {.level = 7}).outcome, Recompression::kDone);
  EXPECT_LT(stored("f").size(), 1u << 20);
}

TEST_F(StoreSettings, WhatWouldBeTakenForAContainerStaysOne) {
  write_file("inner", text_bytes(100000, 1));
  write_file("f", stored("inner"));
  EXPECT_EQ(recompress("f", {.form = Settings::Form::kRaw}).outcome, Recompression::kLikeContainer);
}

TEST_F(StoreSettings, APlanSaysWhatRecompressionWouldDoAndChangesNothing) {
  write_file("f", text_bytes(500000, 1));
  set_policy(R"({"level": 15})");
  const Bytes before = stored("f");
  const auto file = store.open_file("f");
  store::RecompressionPlan plan = file->plan_recompression({.chunk_bytes = 65536});
  EXPECT_EQ(plan.outcome, Recompression::kDone);
  EXPECT_EQ(plan.wanted.level, 15);
  EXPECT_EQ(plan.wanted.chunk_bytes, 65536u);
  EXPECT_EQ(plan.stored_bytes, before.size());
  EXPECT_EQ(stored("f"), before);
  ASSERT_EQ(file->recompress({.chunk_bytes = 65536}).outcome, Recompression::kDone);
  plan = file->plan_recompression({.chunk_bytes = 65536});
  EXPECT_EQ(plan.outcome, Recompression::kAsWanted);
  store.store->close_file(file);
}

TEST_F(StoreSettings, RecompressionKeepsWhatIsInTheWriteLog) {
  Bytes content = text_bytes(500000, 1);
  write_file("f", content);
  auto file = store.open_file("f");
  const Bytes piece = random_bytes(5000, 2);
  file->write(1000, piece);
  file->flush();
  std::copy(piece.begin(), piece.end(), content.begin() + 1000);
  EXPECT_EQ(file->recompress({.level = 9}).outcome, Recompression::kDone);
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  store.store->close_file(file);
  file.reset();  // before its store
  EXPECT_TRUE(names_on(disk, ".zstdfs/journal").empty());
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("f"), content);
}

// Writers change the file while it is encoded: what they wrote is there afterwards.
TEST_F(StoreSettings, RecompressionBesideAWriter) {
  Bytes content = text_bytes(8u << 20, 1);
  write_file("f", content);
  auto file = store.open_file("f");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    Random random(3);
    while (!stop) {
      const std::size_t at = random.below(content.size() - 4096);
      const Bytes piece = random_bytes(1 + random.below(4096), random.next());
      std::copy(piece.begin(), piece.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
      file->write(at, piece);
      std::this_thread::sleep_for(std::chrono::milliseconds(random.below(40)));
    }
  });
  for (int level = 1; level <= 6; ++level) file->recompress({.level = level});
  stop = true;
  writer.join();
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  EXPECT_EQ(file->recompress({.level = 9}).outcome, Recompression::kDone);
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  store.store->close_file(file);
  file.reset();  // before its store
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(StoreSettings, RecompressionWithAMissingDictionaryChangesNothing) {
  write_file("f", text_bytes(100000, 1));
  const Bytes before = stored("f");
  const auto file = store.open_file("f");
  EXPECT_THROW(file->recompress({.dictionary_id = 40000}), MissingDictionaryError);
  store.store->close_file(file);
  EXPECT_EQ(stored("f"), before);
}

TEST(DictionaryFiles, AreThereTwiceAndDoNotChange) {
  FaultyDisk disk;
  const auto volume = disk.volume();
  volume->make_directory(".zstdfs", 0700);
  store::DictionaryFiles files(*volume);
  const Bytes dictionary = trained_dictionary(40000);
  EXPECT_EQ(files.install(dictionary), 40000u);
  EXPECT_EQ(files.install(dictionary), 40000u);
  EXPECT_EQ(files.read(40000), dictionary);
  ASSERT_EQ(files.list().size(), 1u);
  EXPECT_TRUE(files.list()[0].whole());
  EXPECT_EQ(files.list()[0].bytes, dictionary.size());

  Bytes other = dictionary;
  other.back() ^= std::byte{1};
  EXPECT_THROW(files.install(other), std::invalid_argument);
  EXPECT_THROW(files.install(bytes_of("no dictionary")), std::invalid_argument);
  EXPECT_EQ(files.read(40000), dictionary);

  EXPECT_TRUE(files.remove(40000));
  EXPECT_FALSE(files.remove(40000));
  EXPECT_THROW(files.read(40000), MissingDictionaryError);
  EXPECT_TRUE(files.list().empty());
}

// Wherever the power goes, it can be installed again, and what was installed stays.
TEST(DictionaryFiles, AnInstallationCanBeInterruptedAtEveryCall) {
  const Bytes dictionary = trained_dictionary(40000);
  bool finished = false;
  for (std::uint64_t cut = 1; !finished; ++cut) {
    SCOPED_TRACE(cut);
    FaultyDisk disk;
    disk.volume()->make_directory(".zstdfs", 0700);
    disk.volume()->sync_directory("");
    disk.cut_power_after(cut);
    try {
      const auto volume = disk.volume();
      store::DictionaryFiles(*volume).install(dictionary);
      finished = true;
    } catch (const PowerCut&) {
    }
    disk.restart(Survival::nothing_unsynced());
    const auto volume = disk.volume();
    store::DictionaryFiles files(*volume);
    if (finished) {
      EXPECT_EQ(files.read(40000), dictionary);
    }
    for (const store::DictionaryCopies& copies : files.list()) EXPECT_TRUE(copies.usable());
    EXPECT_EQ(files.install(dictionary), 40000u);
    ASSERT_EQ(files.list().size(), 1u);
    EXPECT_TRUE(files.list()[0].whole());
  }
}

// A loss of power brings back names that nobody synced: what they lead to must still be readable.
TEST(DictionaryFiles, IsNotGoneBeforeWhatNeededIt) {
  FaultyDisk disk;
  const auto volume = disk.volume();
  volume->make_directory(".zstdfs", 0700);
  store::DictionaryFiles files(*volume);
  files.install(trained_dictionary(40000));
  volume->create("needs it", 0600)->sync(os::SyncKind::kData);
  volume->sync_directory("");
  volume->remove("needs it");
  EXPECT_TRUE(files.remove(40000));
  disk.restart(Survival::nothing_unsynced());
  EXPECT_FALSE(disk.content("needs it"));
}

TEST(DictionaryFiles, ACopyIsRestoredFromTheOther) {
  FaultyDisk disk;
  const auto volume = disk.volume();
  volume->make_directory(".zstdfs", 0700);
  store::DictionaryFiles files(*volume);
  const Bytes dictionary = trained_dictionary(40000);
  files.install(dictionary);
  const auto names = names_on(disk, store::kDictionaryDirectory);
  ASSERT_EQ(names.size(), 2u);
  for (const std::string& name : names) {
    put_on(disk, std::string(store::kDictionaryDirectory) + "/" + name, bytes_of("damaged"));
    EXPECT_FALSE(files.list()[0].whole());
    EXPECT_EQ(files.read(40000), dictionary);
    EXPECT_TRUE(files.restore(40000));
    EXPECT_TRUE(files.list()[0].whole());
    EXPECT_FALSE(files.restore(40000));
  }
  for (const std::string& name : names) {
    put_on(disk, std::string(store::kDictionaryDirectory) + "/" + name, bytes_of("damaged"));
  }
  EXPECT_FALSE(files.list()[0].usable());
  EXPECT_THROW(files.restore(40000), MissingDictionaryError);
}

}  // namespace
}  // namespace zstdfs::test
