#include <gtest/gtest.h>

#include <functional>

#include "tests/decompression_ways.hpp"
#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"

// Random frames, cut into random pieces: every way to decompress them gives the same bytes.

namespace zstdfs {
namespace {

using test::DecompressionWay;
using test::frame_of;
using test::kDecompressionWays;
using test::Random;
using test::Splits;

/// Frames one after the other, and what they hold.
struct Sample {
  bool magicless = false;
  Bytes dictionary;
  Bytes stored;
  Bytes content;
};

Bytes random_content(Random& random) {
  const auto size = static_cast<std::size_t>(random.below(1u << random.below(19)));
  return test::bytes_of_any_kind(size, random);
}

Sample random_sample(Random& random) {
  Sample sample;
  sample.magicless = random.chance(30);
  if (random.chance(30)) sample.dictionary = test::text_bytes(20'000, random.next());
  for (std::uint64_t frames = 1 + random.below(4); frames != 0; --frames) {
    if (!sample.magicless && random.chance(30)) {
      const Bytes skippable = test::skippable_frame(static_cast<std::size_t>(random.below(500)),
                                                    static_cast<unsigned>(random.below(16)));
      sample.stored.insert(sample.stored.end(), skippable.begin(), skippable.end());
    }
    const Bytes content = random_content(random);
    const Bytes frame =
        frame_of(content, {.level = static_cast<int>(random.below(8)) - 2,
                           .content_size = random.chance(50),
                           .checksum = random.chance(50),
                           .magicless = sample.magicless,
                           .raw_dictionary = sample.dictionary,
                           .window_log = random.chance(30) ? 10 + int(random.below(8)) : 0});
    sample.stored.insert(sample.stored.end(), frame.begin(), frame.end());
    sample.content.insert(sample.content.end(), content.begin(), content.end());
  }
  return sample;
}

ZstdDecompressor decompressor_for(const Sample& sample) {
  DecompressorOptions options{.format = sample.magicless ? 1 : 0,
                              .checksums = ChecksumPolicy::kVerifyIfPresent};
  if (!sample.dictionary.empty()) {
    options.dict_data =
        std::make_shared<ZstdCompressionDict>(sample.dictionary, DictType::kRawContent);
  }
  return ZstdDecompressor(options);
}

std::size_t random_piece(Random& random) {
  return static_cast<std::size_t>(1 + random.below(1u << random.below(18)));
}

Bytes decompressed(const DecompressionWay& way, ZstdDecompressor& decompressor,
                   const Sample& sample, Random& random) {
  const auto piece = [&random] { return random_piece(random); };
  const Splits splits{.fed = piece, .read = piece, .write = piece, .flushes = [&random] {
                        return random.chance(10);
                      }};
  Bytes all;
  BytesSink sink(all);
  way.decompress(decompressor, sample.stored, splits, sink);
  return all;
}

Bytes by_one_shot(ZstdDecompressor& decompressor, const Sample& sample) {
  return decompressor.decompress(
      sample.stored, {.max_output_size = sample.content.size() + 1, .read_across_frames = true});
}

TEST(DecompressionProperties, EveryWayGivesTheSameBytes) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 20 : 60); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Sample sample = random_sample(random);
    ZstdDecompressor decompressor = decompressor_for(sample);
    ASSERT_EQ(by_one_shot(decompressor, sample), sample.content);
    for (const DecompressionWay& way : kDecompressionWays) {
      ASSERT_EQ(decompressed(way, decompressor, sample, random), sample.content) << way.name;
    }
  }
}

TEST(DecompressionProperties, DamagedFramesNeverCrashAndCutOnesAreAlwaysNoticed) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 20 : 60); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Sample sample = random_sample(random);
    const Bytes whole = sample.stored;
    ZstdDecompressor decompressor = decompressor_for(sample);
    // The last frame is cut: at least the end of its last block is missing.
    sample.stored.resize(whole.size() - 1);
    EXPECT_THROW(by_one_shot(decompressor, sample), ZstdError);
    for (const DecompressionWay& way : kDecompressionWays) {
      EXPECT_THROW(decompressed(way, decompressor, sample, random), ZstdError) << way.name;
    }
    sample.stored = whole;
    for (std::uint64_t bits = 1 + random.below(3); bits != 0; --bits) {
      sample.stored[static_cast<std::size_t>(random.below(whole.size()))] ^=
          static_cast<std::byte>(1u << random.below(8));
    }
    const auto expect_no_crash = [&](const std::function<Bytes()>& decompress) {
      try {
        EXPECT_LE(decompress().size(), whole.size() * 140'000);
      } catch (const ZstdError& error) {
        EXPECT_NE(error.code(), ZSTD_error_no_error);
      }
    };
    expect_no_crash([&] { return by_one_shot(decompressor, sample); });
    for (const DecompressionWay& way : kDecompressionWays) {
      expect_no_crash([&] { return decompressed(way, decompressor, sample, random); });
    }
  }
}

}  // namespace
}  // namespace zstdfs
