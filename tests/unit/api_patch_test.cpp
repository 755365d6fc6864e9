#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/api_decompression_frames.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/frame_parameters.hpp"
#include "zstdfs/frames.hpp"
#include "zstdfs/patch.hpp"

namespace zstdfs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What a new version may be: the old one with pieces changed, moved, added and removed.
Bytes edited(ByteSpan old_version, std::uint64_t seed) {
  Random random(seed);
  Bytes result;
  std::size_t at = 0;
  while (at < old_version.size()) {
    const std::size_t piece =
        std::min<std::size_t>(old_version.size() - at, 1 + random.below(30000));
    if (random.chance(90)) {
      const ByteSpan kept = old_version.subspan(at, piece);
      result.insert(result.end(), kept.begin(), kept.end());
    }
    if (random.chance(20)) {
      const Bytes added = random_bytes(random.below(300), random.next());
      result.insert(result.end(), added.begin(), added.end());
    }
    at += piece;
  }
  const auto middle = static_cast<std::ptrdiff_t>(random.below(result.size() + 1));
  std::rotate(result.begin(), result.begin() + middle, result.end());
  return result;
}

Bytes streamed_patch(ByteSpan old_version, ByteSpan new_version,
                     const PatchStreamOptions& options = {}) {
  PiecewiseSource source(new_version, 70000);
  PiecewiseSink sink(5000);
  PatchStreamOptions with_size = options;
  with_size.size = new_version.size();
  const PatchProgress result = make_patch(old_version, source, sink, with_size);
  EXPECT_EQ(result, (PatchProgress{new_version.size(), sink.content.size()}));
  return sink.content;
}

Bytes streamed_apply(ByteSpan old_version, ByteSpan patch, const ApplyStreamOptions& options = {}) {
  PiecewiseSource source(patch, 777);
  PiecewiseSink sink(50000);
  const PatchProgress result = apply_patch(old_version, source, sink, options);
  EXPECT_EQ(result, (PatchProgress{patch.size(), sink.content.size()}));
  return sink.content;
}

TEST(ApiPatch, IsSmallAndMakesTheNewVersion) {
  const Bytes old_version = compressible_bytes(1000000, 1);
  const Bytes new_version = edited(old_version, 1);
  const Bytes patch = make_patch(old_version, new_version);
  EXPECT_LT(patch.size(), new_version.size() / 50);
  EXPECT_LT(patch.size(), compress(new_version).size() / 20);
  EXPECT_EQ(apply_patch(old_version, patch), new_version);
  EXPECT_TRUE(get_frame_parameters(patch).has_checksum);
  EXPECT_EQ(make_patch(old_version, new_version), patch);
}

TEST(ApiPatch, DoesNotDependOnWhereTheVersionsAre) {
  const Bytes both = compressible_bytes(200000, 2);
  const ByteSpan old_version = ByteSpan(both).first(100000);
  const ByteSpan behind_it = ByteSpan(both).last(100000);
  const Bytes elsewhere(behind_it.begin(), behind_it.end());
  EXPECT_EQ(make_patch(old_version, behind_it), make_patch(old_version, elsewhere));
}

// Property: any pair of versions, in memory and streamed, at any level, with and without threads.
TEST(ApiPatch, RandomVersionsComeBack) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 15 : 40); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::size_t bytes = random.chance(20) ? random.below(10) : random.below(400000);
    const Bytes old_version =
        random.chance(50) ? compressible_bytes(bytes, seed) : random_bytes(bytes, seed);
    const Bytes new_version =
        random.chance(80) ? edited(old_version, seed) : text_bytes(random.below(300000), seed);
    const PatchOptions options{.level = static_cast<int>(random.below(15)) - 2,
                               .write_checksum = random.chance(50),
                               .threads = random.chance(20) ? 2 : 0};
    const Bytes patch = make_patch(old_version, new_version, options);
    const Bytes streamed = streamed_patch(old_version, new_version, {.patch = options});
    ASSERT_EQ(apply_patch(old_version, patch), new_version);
    ASSERT_EQ(apply_patch(old_version, streamed), new_version);
    ASSERT_EQ(streamed_apply(old_version, patch), new_version);
    ASSERT_EQ(streamed_apply(old_version, streamed), new_version);
  }
}

TEST(ApiPatch, AnOldVersionMayBeAnything) {
  // Also what begins like a dictionary with entropy tables, a frame, or a patch.
  const Bytes text = text_bytes(5000, 17);
  Bytes like_dictionary(4);
  store_le(MutableByteSpan(like_dictionary), 0, kDictionaryMagicNumber);
  for (const Bytes& start : {like_dictionary, make_patch({}, text), frame_of(text)}) {
    const Bytes old_version = joined({start, text});
    const Bytes patch = make_patch(old_version, text);
    EXPECT_LT(patch.size(), 50U);
    EXPECT_EQ(apply_patch(old_version, patch), text);
    EXPECT_EQ(streamed_apply(old_version, patch), text);
  }
}

TEST(ApiPatch, EmptyVersionsAreVersions) {
  const Bytes text = text_bytes(1000, 3);
  EXPECT_EQ(apply_patch({}, make_patch({}, text)), text);
  EXPECT_EQ(apply_patch(text, make_patch(text, {})), Bytes());
  EXPECT_EQ(apply_patch({}, make_patch({}, {})), Bytes());
  EXPECT_EQ(streamed_apply(text, streamed_patch(text, {})), Bytes());
}

// The whole of the old version stays in reach, to the end of the new one: also where the new one is
// much smaller or larger, and at levels whose own window is smaller than that.
TEST(ApiPatch, FindsWhatIsFarAway) {
  const Bytes old_version = random_bytes(6000000, 4);
  const Bytes start(old_version.begin(), old_version.begin() + 3000);
  const Bytes small = make_patch(old_version, start, {.level = 1});
  EXPECT_LT(small.size(), 100U);
  EXPECT_EQ(apply_patch(old_version, small), start);
  const Bytes noise = random_bytes(5000000, 5);
  const Bytes large = joined({noise, start});
  EXPECT_LT(make_patch(old_version, large, {.level = 1}).size(), noise.size() + 1000);
}

TEST(ApiPatch, AnotherOldVersionIsFound) {
  const Bytes old_version = compressible_bytes(100000, 6);
  Bytes other = old_version;
  for (std::size_t at = 0; at < other.size(); at += 1000) other[at] ^= std::byte{1};
  const Bytes patch = make_patch(old_version, edited(old_version, 6));
  for (const ByteSpan wrong : {ByteSpan(other), ByteSpan(other).first(90000), ByteSpan()}) {
    const auto apply = [&] { apply_patch(wrong, patch); };
    EXPECT_THAT(message_of<ZstdError>(apply), HasSubstr("made for another old version"));
    EXPECT_THAT(message_of<ZstdError>([&] { streamed_apply(wrong, patch); }),
                HasSubstr("made for another old version"));
  }
  EXPECT_EQ(zstd_error_of([&] { apply_patch(other, patch); }), ZSTD_error_checksum_wrong);
  // Without a checksum nothing tells.
  const Bytes unchecked =
      make_patch(old_version, edited(old_version, 6), {.write_checksum = false});
  EXPECT_NE(apply_patch(other, unchecked), edited(old_version, 6));
}

TEST(ApiPatch, EveryTruncationAndMoreIsAnError) {
  const Bytes old_version = text_bytes(2000, 7);
  const Bytes patch = make_patch(old_version, edited(old_version, 7));
  for (std::size_t bytes = 0; bytes < patch.size(); ++bytes) {
    const ByteSpan cut = ByteSpan(patch).first(bytes);
    EXPECT_EQ(zstd_error_of([&] { apply_patch(old_version, cut); }), ZSTD_error_srcSize_wrong);
    EXPECT_EQ(zstd_error_of([&] { streamed_apply(old_version, cut); }), ZSTD_error_srcSize_wrong);
  }
  for (const Bytes& more : {bytes_of("x"), patch}) {
    const Bytes longer = joined({patch, more});
    EXPECT_THAT(message_of<ZstdError>([&] { apply_patch(old_version, longer); }),
                HasSubstr("extra data"));
    EXPECT_THAT(message_of<ZstdError>([&] { streamed_apply(old_version, longer); }),
                HasSubstr("extra data"));
  }
  const Bytes skippable = write_skippable_frame(bytes_of("no patch"));
  EXPECT_EQ(zstd_error_of([&] { apply_patch(old_version, skippable); }), ZSTD_error_prefix_unknown);
  EXPECT_EQ(zstd_error_of([&] { streamed_apply(old_version, skippable); }),
            ZSTD_error_prefix_unknown);
}

TEST(ApiPatch, DamageIsFound) {
  const Bytes old_version = text_bytes(3000, 8);
  const Bytes new_version = edited(old_version, 8);
  const Bytes patch = make_patch(old_version, new_version);
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    Bytes damaged = patch;
    damaged[random.below(damaged.size())] ^= static_cast<std::byte>(1 + random.below(255));
    // A bit of the header that nobody looks at may be the one.
    const auto is_found = [&](auto apply) {
      try {
        return apply() == new_version;
      } catch (const ZstdError&) {
        return true;
      }
    };
    EXPECT_TRUE(is_found([&] { return apply_patch(old_version, damaged); })) << seed;
    EXPECT_TRUE(is_found([&] { return streamed_apply(old_version, damaged); })) << seed;
  }
}

TEST(ApiPatch, OutputIsLimited) {
  const Bytes old_version = text_bytes(1000, 9);
  const Bytes zeros(300000);
  const Bytes patch = make_patch(old_version, zeros);
  EXPECT_EQ(apply_patch(old_version, patch, {.max_output_size = 300000}), zeros);
  EXPECT_EQ(streamed_apply(old_version, patch, {.max_output_size = 300000}), zeros);
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { apply_patch(old_version, patch, {.max_output_size = 299999}); },
           [&] { streamed_apply(old_version, patch, {.max_output_size = 299999}); }}) {
    EXPECT_EQ(zstd_error_of(call), ZSTD_error_dstSize_tooSmall);
    EXPECT_THAT(message_of<ZstdError>(call), HasSubstr("more than 299999 bytes"));
  }
  // A frame that does not say how much it holds.
  const Bytes unsized = frame_of(zeros, {.content_size = false, .prefix = old_version});
  EXPECT_EQ(apply_patch(old_version, unsized), zeros);
  EXPECT_EQ(zstd_error_of([&] { apply_patch(old_version, unsized, {.max_output_size = 299999}); }),
            ZSTD_error_dstSize_tooSmall);
}

TEST(ApiPatch, AWindowThatTheVersionsDoNotJustifyIsRefused) {
  const Bytes old_version = text_bytes(1000, 10);
  // A frame that asks for 1 GiB and says nothing of its content.
  const Bytes greedy = frame_of(text_bytes(200000, 10),
                                {.content_size = false, .prefix = old_version, .window_log = 30});
  EXPECT_THAT(message_of<ZstdError>([&] { streamed_apply(old_version, greedy); }),
              AllOf(HasSubstr("more memory"), HasSubstr("max_output_size allows it")));
  EXPECT_EQ(
      zstd_error_of([&] { streamed_apply(old_version, greedy, {.max_output_size = 400000}); }),
      ZSTD_error_frameParameter_windowTooLarge);
  // In memory no window is taken.
  EXPECT_EQ(apply_patch(old_version, greedy), text_bytes(200000, 10));
}

TEST(ApiPatch, ProgressIsTold) {
  const Bytes old_version = compressible_bytes(500000, 11);
  const Bytes new_version = edited(old_version, 11);
  std::vector<PatchProgress> told;
  const auto tell = [&](const PatchProgress& progress) { told.push_back(progress); };
  const Bytes patch =
      streamed_patch(old_version, new_version, {.read_size = 100000, .progress = tell});
  ASSERT_GT(told.size(), 4U);
  EXPECT_EQ(told.front().read, 70000U);
  EXPECT_EQ(told.back(), (PatchProgress{new_version.size(), patch.size()}));
  told.clear();
  EXPECT_EQ(streamed_apply(old_version, patch, {.progress = tell}), new_version);
  ASSERT_GT(told.size(), 1U);
  EXPECT_EQ(told.back(), (PatchProgress{patch.size(), new_version.size()}));
}

TEST(ApiPatch, TheNewVersionsSizeHasToBeKnownAndRight) {
  const Bytes old_version = text_bytes(1000, 12);
  const Bytes new_version = text_bytes(2000, 13);
  PiecewiseSink sink(5000);
  PiecewiseSource unknown(new_version, 100);
  EXPECT_THROW(make_patch(old_version, unknown, sink), std::invalid_argument);
  for (const std::uint64_t wrong : {0U, 1999U, 2001U}) {
    PiecewiseSource source(new_version, 100);
    EXPECT_EQ(zstd_error_of([&] { make_patch(old_version, source, sink, {.size = wrong}); }),
              ZSTD_error_srcSize_wrong);
    if (wrong == 0) continue;
    SpanSource nothing{ByteSpan()};
    EXPECT_EQ(zstd_error_of([&] { make_patch(old_version, nothing, sink, {.size = wrong}); }),
              ZSTD_error_srcSize_wrong);
  }
  SpanSource knows(new_version);
  Bytes patch;
  BytesSink patch_sink(patch);
  make_patch(old_version, knows, patch_sink);
  EXPECT_EQ(apply_patch(old_version, patch), new_version);
}

TEST(ApiPatch, RefusesWhatCannotBe) {
  EXPECT_THROW(make_patch({}, {}, {.level = 23}), std::invalid_argument);
  Bytes out;
  BytesSink sink(out);
  SpanSource source({});
  EXPECT_THROW(make_patch({}, source, sink, {.read_size = 0}), std::invalid_argument);
  EXPECT_THROW(make_patch({}, source, sink, {.write_size = 0}), std::invalid_argument);
  EXPECT_THROW(apply_patch({}, source, sink, {.read_size = 0}), std::invalid_argument);
  EXPECT_THROW(apply_patch({}, source, sink, {.write_size = 0}), std::invalid_argument);
}

TEST(ApiPatch, VersionsOfMoreThanAWindowAreRefused) {
  const std::size_t bytes = kMaxPatchableBytes + 1;
  void* const mapped =
      ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const ByteSpan huge(static_cast<const std::byte*>(mapped), bytes);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { make_patch(huge, {}); }),
              AllOf(HasSubstr("the old version has 2147483649 bytes"), HasSubstr("2147483648")));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { make_patch({}, huge); }),
              HasSubstr("the new version"));
  EXPECT_THROW(apply_patch(huge, make_patch({}, {})), std::invalid_argument);
  SpanSource source(huge);
  Bytes patch;
  BytesSink sink(patch);
  EXPECT_THROW(make_patch({}, source, sink), std::invalid_argument);
  EXPECT_THROW(apply_patch(huge, source, sink), std::invalid_argument);
  ::munmap(mapped, bytes);
}

/// Files for the zstd command.
class PatchCommand : public testing::Test {
 protected:
  void write(const std::string& name, ByteSpan content) const {
    std::ofstream(directory_.path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  Bytes read(const std::string& name) const {
    std::ifstream file(directory_.path(name), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return bytes_of(text);
  }
  bool run(const std::string& arguments) const {
    const std::string command = "cd '" + directory_.path() + "' && zstd -q -q -f " + arguments;
    return std::system(command.c_str()) == 0;
  }

 private:
  TempDirectory directory_;
};

TEST_F(PatchCommand, AppliesOurs) {
  const Bytes old_version = compressible_bytes(900000, 14);
  const Bytes new_version = edited(old_version, 14);
  write("old", old_version);
  for (const int level : {1, 3, 12}) {
    for (const bool streamed : {false, true}) {
      const PatchOptions options{.level = level};
      write("patch", streamed ? streamed_patch(old_version, new_version, {.patch = options})
                              : make_patch(old_version, new_version, options));
      ASSERT_TRUE(run("-d --patch-from=old patch -o new"));
      EXPECT_EQ(read("new"), new_version);
    }
  }
}

TEST_F(PatchCommand, MakesWhatWeApply) {
  const Bytes old_version = compressible_bytes(900000, 15);
  const Bytes new_version = edited(old_version, 15);
  write("old", old_version);
  write("new", new_version);
  for (const std::string level : {"-1", "-3", "-12", "-19 --single-thread", "-3 --long=31",
                                  "-3 --no-check", "-3 --no-content-size"}) {
    SCOPED_TRACE(level);
    ASSERT_TRUE(run(level + " --patch-from=old new -o patch"));
    const Bytes patch = read("patch");
    EXPECT_EQ(apply_patch(old_version, patch), new_version);
    EXPECT_EQ(streamed_apply(old_version, patch), new_version);
  }
}

TEST_F(PatchCommand, IsNotMuchBetter) {
  const Bytes old_version = compressible_bytes(2000000, 16);
  const Bytes new_version = edited(old_version, 16);
  write("old", old_version);
  write("new", new_version);
  ASSERT_TRUE(run("-3 --single-thread --patch-from=old new -o patch"));
  EXPECT_LE(make_patch(old_version, new_version).size(), read("patch").size() * 3 / 2);
}

}  // namespace
}  // namespace zstdfs::test
