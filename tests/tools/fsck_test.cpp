#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/container.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kChunk = 4096;
constexpr int kClean = 0;
constexpr int kErrors = 4;
constexpr int kOperational = 8;
constexpr int kUsage = 16;

ContainerBuilder some_container() {
  return container_of(text_bytes(5 * kChunk, 1), kChunk);
}

TEST(Fsck, ACleanStoreIsZero) {
  const TempStore store;
  store.write("dir/f", some_container().sealed());
  store.write("raw", "text");
  ContainerBuilder special(kChunk);
  special.zeros(kMaxChunkBytes + 4096).padding(40).chunk(text_bytes(kChunk, 3));
  store.write("special", special.sealed());
  store.write("empty-container", ContainerBuilder(kChunk).sealed());

  const CommandResult text = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(text.exit_code, kClean) << text.out << text.error;
  EXPECT_THAT(text.out, HasSubstr("clean"));
  const auto json = run_zstdfs({"fsck", "--json", store.path()}).json();
  EXPECT_EQ(json.at("clean"), true);
  EXPECT_EQ(json.at("containers"), 3);
  EXPECT_EQ(json.at("raw_files"), 1);
  EXPECT_EQ(json.at("frames_verified"), 5 + 2);
  EXPECT_TRUE(json.at("problems").empty());
}

TEST(Fsck, VerboseNamesEveryFile) {
  const TempStore store;
  store.write("dir/f", some_container().sealed());
  store.write("raw", "text");
  const CommandResult result = run_zstdfs({"fsck", "-v", store.path()});
  EXPECT_THAT(result.out, AllOf(HasSubstr("dir/f: ok, 5 frames"), HasSubstr("raw: ok, raw")));
}

/// The logical content of a container, every frame verified. Throws CorruptError.
Bytes content_of_frames(const Bytes& stored) {
  const MemorySource source(stored);
  Bytes content;
  for (const FrameEntry& frame : load_container(source).index) {
    content.resize(frame.logical_end());
    read_frame(source, frame, MutableByteSpan(content).subspan(frame.logical_offset));
  }
  return content;
}

// Wherever one bit of a container is turned, fsck says so and names the file. The exception are the
// few bits that mean nothing to a zstd decoder: then the content must be what it was.
TEST(Fsck, ATurnedBitIsFoundWhereverItIs) {
  const TempStore store;
  const Bytes content = text_bytes(2 * kChunk, 1);
  const Bytes intact = container_of(content, kChunk).sealed();
  int harmless = 0;
  const std::size_t step = ZSTDFS_SANITIZED ? 67 : 7;
  for (std::size_t at = 0; at < intact.size(); at += step) {
    SCOPED_TRACE(at);
    Bytes damaged = intact;
    damaged[at] ^= std::byte{0x10};
    store.write("f", damaged);
    const CommandResult result = run_zstdfs({"fsck", "--json", store.path()});
    if (result.exit_code == kClean) {
      ++harmless;
      ASSERT_EQ(content_of_frames(damaged), content);
      continue;
    }
    ASSERT_EQ(result.exit_code, kErrors) << result.out << result.error;
    ASSERT_EQ(result.json().at("problems").at(0).at("path"), "f");
  }
  EXPECT_LE(harmless, 3);
}

TEST(Fsck, ADamagedFrameIsNamedByItsOffsetAndTheOthersAreStillChecked) {
  const TempStore store;
  const ContainerBuilder builder = some_container();
  Bytes stored = builder.sealed();
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}}) {
    stored[builder.index()[i].stored_end() - 1] ^= std::byte{1};  // of the content checksum
  }
  store.write("f", stored);
  const CommandResult result = run_zstdfs({"fsck", "--json", store.path()});
  ASSERT_EQ(result.exit_code, kErrors);
  const auto damage = result.json().at("problems").at(0).at("damage");
  ASSERT_EQ(damage.size(), 2) << damage;
  EXPECT_EQ(damage.at(0).at("stored_offset"), builder.index()[1].stored_offset);
  EXPECT_EQ(damage.at(1).at("stored_offset"), builder.index()[3].stored_offset);

  const CommandResult text = run_zstdfs({"fsck", store.path()});
  EXPECT_THAT(text.out, HasSubstr("f: stored offset " +
                                  std::to_string(builder.index()[1].stored_offset) + ": "));
  EXPECT_THAT(text.out, HasSubstr("1 damaged"));
}

TEST(Fsck, SwappedFramesOfOneSizeAreFound) {
  const TempStore store;
  ContainerBuilder builder(kChunk);
  builder.chunk(random_bytes(kChunk, 1)).chunk(random_bytes(kChunk, 2));
  Bytes stored = builder.sealed();
  const FrameEntry a = builder.index()[0];
  const FrameEntry b = builder.index()[1];
  ASSERT_EQ(a.stored_bytes, b.stored_bytes);
  const auto begin = stored.begin();
  std::swap_ranges(begin + static_cast<std::ptrdiff_t>(a.stored_offset),
                   begin + static_cast<std::ptrdiff_t>(a.stored_end()),
                   begin + static_cast<std::ptrdiff_t>(b.stored_offset));
  store.write("f", stored);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, kErrors);
}

TEST(Fsck, ATruncatedContainerIsFound) {
  const TempStore store;
  const Bytes stored = some_container().sealed();
  for (const std::size_t bytes : {kContainerSignatureBytes, kContainerHeaderBytes - 1,
                                  kContainerHeaderBytes, stored.size() / 2, stored.size() - 1}) {
    SCOPED_TRACE(bytes);
    store.write("f", ByteSpan(stored).first(bytes));
    EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, kErrors);
  }
}

TEST(Fsck, AnInterruptedWriteIsNoDamage) {
  const TempStore store;
  const ContainerBuilder builder = some_container();
  Bytes stored = builder.unsealed(builder.index()[2].stored_end());
  stored.resize(stored.size() - 3);  // the last frame did not reach the disk as a whole
  store.write("f", stored);
  store.write(".zstdfs/state", R"({"clean": false})");
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kClean) << result.out;
  EXPECT_THAT(result.out, HasSubstr("f: a write was interrupted; the next mount repairs it"));
  EXPECT_THAT(result.out, HasSubstr("not unmounted cleanly"));
}

// Seal and header can reach the disk before a frame that was not synced.
TEST(Fsck, AfterAnUncleanEndOnlyWhatWasVouchedForMustBeThere) {
  const TempStore store;
  const ContainerBuilder builder = some_container();
  const FrameEntry last = builder.index()[builder.index().size() - 1];
  Bytes stored = builder.sealed(/*durable_bytes=*/last.stored_offset);
  stored[last.stored_end() - 1] ^= std::byte{1};
  store.write("f", stored);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, kErrors);
  store.write(".zstdfs/state", R"({"clean": false})");
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kClean) << result.out;
  EXPECT_THAT(result.out, HasSubstr("f: a write was interrupted"));
  stored[builder.index()[1].stored_end() - 1] ^= std::byte{1};
  store.write("f", stored);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, kErrors);
}

TEST(Fsck, MissingDurableFramesAreDamageAlsoInAnInterruptedFile) {
  const TempStore store;
  const ContainerBuilder builder = some_container();
  Bytes stored = builder.unsealed(builder.index().frames_end());
  stored.resize(stored.size() - 3);
  store.write("f", stored);
  store.write(".zstdfs/state", R"({"clean": false})");
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kErrors) << result.out;
  EXPECT_THAT(result.out, HasSubstr("stable storage"));
}

TEST(Fsck, PendingJournalFilesAreInformation) {
  const TempStore store;
  store.write("f", some_container().sealed());
  store.write(".zstdfs/journal/1.log", "");  // as a loss of power leaves one that was just begun
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kClean);
  EXPECT_THAT(result.out, HasSubstr("1 journal file is pending"));
  const auto json = run_zstdfs({"fsck", "--json", store.path()}).json();
  EXPECT_EQ(json.at("pending_journal_files").at(0), "1.log");
}

// A mount says the same, and goes on; so it is no damage, and nothing that could be repaired.
TEST(Fsck, AMistakeInThePolicyIsSaidAndIsNoDamage) {
  const TempStore store;
  const auto expect_said = [&](const std::string& policy, const std::string& what) {
    store.write(".zstdfs/policy.json", policy);
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"fsck", store.path()}, {"fsck", "--repair", store.path()}}) {
      const CommandResult result = run_zstdfs(command);
      EXPECT_EQ(result.exit_code, kClean);
      EXPECT_THAT(result.out, AllOf(HasSubstr(".zstdfs/policy.json: " + what), HasSubstr("clean")));
      EXPECT_EQ(read_file(store.path(".zstdfs/policy.json")), bytes_of(policy));
    }
    const auto json = run_zstdfs({"fsck", "--json", store.path()}).json();
    EXPECT_EQ(json.at("clean"), true);
    EXPECT_EQ(json.at("store_findings").at(0).at("kind"), "mistake");
  };
  expect_said("{\"version\": 1,\n \"defaults\": {\"level\": 40}}",
              "line 2, column 24: level 40 is not a number");
  expect_said("{\"version\": 1,\n \"rules\": [{\"dictionary\": 41000}]}",
              "the rule in line 2 names dictionary 41000, which is not in the store");
}

TEST(Fsck, AStoreThatIsInUseIsNotChecked) {
  const TempStore store;
  const auto lock = store.hold();
  ASSERT_NE(lock, nullptr);
  const CommandResult result = run_zstdfs({"fsck", "--wait", "0", store.path()});
  EXPECT_EQ(result.exit_code, kOperational);
  EXPECT_THAT(result.error, HasSubstr("in use by process " + std::to_string(::getpid())));
}

TEST(Fsck, ADaemonThatStillFinishesIsWaitedFor) {
  const TempStore store;
  auto lock = store.hold();
  ASSERT_NE(lock, nullptr);
  std::thread daemon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    lock.reset();
  });
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  daemon.join();
  EXPECT_EQ(result.exit_code, kClean) << result.error;
}

TEST(Fsck, ADamagedStoreFileIsAnError) {
  const TempStore store;
  for (const char* text : {"", "{", "[1]", R"({"id": "x"})", R"({"format": 0, "id": "x"})",
                           R"({"format": "1", "id": "x"})"}) {
    SCOPED_TRACE(text);
    store.write(".zstdfs/store.json", std::string_view(text));
    const CommandResult result = run_zstdfs({"fsck", store.path()});
    EXPECT_EQ(result.exit_code, kErrors);
    EXPECT_THAT(result.out, HasSubstr(".zstdfs/store.json: "));
  }
}

TEST(Fsck, ANewerStoreIsRefused) {
  const TempStore store;
  store.write(".zstdfs/store.json", R"({"format": 2, "id": "x"})");
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kOperational);
  EXPECT_THAT(result.error, HasSubstr("newer"));
}

TEST(Fsck, WhatIsNoStoreIsRefused) {
  const TempStore store;
  ASSERT_EQ(::mkdir(store.path("dir").c_str(), 0700), 0);
  const CommandResult result = run_zstdfs({"fsck", store.path("dir")});
  EXPECT_EQ(result.exit_code, kOperational);
  EXPECT_THAT(result.error, HasSubstr("is not a store"));
  EXPECT_EQ(run_zstdfs({"fsck", store.path("missing")}).exit_code, kOperational);
  EXPECT_EQ(run_zstdfs({"fsck"}).exit_code, kUsage);
  EXPECT_EQ(run_zstdfs({"fsck", "--nonsense", store.path()}).exit_code, kUsage);
}

TEST(Fsck, FollowsNoLinkAndOpensNoPipe) {
  const TempStore store;
  const TempStore elsewhere;
  Bytes damaged = some_container().sealed();
  damaged.resize(damaged.size() / 2);
  elsewhere.write("damaged", damaged);
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), store.path("dir-link").c_str()), 0);
  ASSERT_EQ(::symlink(elsewhere.path("damaged").c_str(), store.path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(store.path("pipe").c_str(), 0600), 0);
  const CommandResult result = run_zstdfs({"fsck", store.path()});
  EXPECT_EQ(result.exit_code, kClean) << result.out << result.error;
}

TEST(Fsck, NothingIsChanged) {
  const TempStore store;
  Bytes stored = some_container().sealed();
  stored[200] ^= std::byte{1};
  store.write("f", stored);
  struct stat before {};
  ASSERT_EQ(::stat(store.path("f").c_str(), &before), 0);
  EXPECT_EQ(run_zstdfs({"fsck", store.path()}).exit_code, kErrors);
  struct stat after {};
  ASSERT_EQ(::stat(store.path("f").c_str(), &after), 0);
  EXPECT_EQ(before.st_ctim.tv_sec, after.st_ctim.tv_sec);
  EXPECT_EQ(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
  EXPECT_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
}

TEST(Fsck, WhatIsNoTimeToWaitIsRefused) {
  const TempStore store;
  for (const char* const wrong : {"-1", "soon", "86401"}) {
    const CommandResult result = run_zstdfs({"fsck", "--wait", wrong, store.path()});
    EXPECT_EQ(result.exit_code, 16);
    EXPECT_THAT(result.error,
                HasSubstr('"' + std::string(wrong) + "\" is no number of seconds from 0 to 86400"));
  }
}

}  // namespace
}  // namespace zstdfs::test
