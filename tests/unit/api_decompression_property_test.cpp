#include <gtest/gtest.h>

#include <iterator>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"

// Random frames, cut into random pieces: every way to decompress them gives the same bytes.

namespace zstdfs {
namespace {

using test::frame_of;
using test::Random;

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

/// Gives pieces of random sizes.
CallbackSource random_source(Random& random, ByteSpan bytes) {
  return CallbackSource([&random, inner = SpanSource(bytes)](MutableByteSpan out) mutable {
    return inner.read(out.first(std::min(out.size(), random_piece(random))));
  });
}

using Way = Bytes (*)(ZstdDecompressor&, const Sample&, Random&);

Bytes by_one_shot(ZstdDecompressor& decompressor, const Sample& sample, Random&) {
  return decompressor.decompress(
      sample.stored, {.max_output_size = sample.content.size() + 1, .read_across_frames = true});
}

Bytes by_object(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  ZstdDecompressionObj object =
      decompressor.decompressobj({.write_size = random_piece(random), .read_across_frames = true});
  Bytes all;
  for (ByteSpan rest = sample.stored; !rest.empty() || !object.needs_input();) {
    const ByteSpan now = rest.first(std::min(rest.size(), random_piece(random)));
    const Bytes input = test::joined({object.unconsumed_tail(), now});
    rest = rest.subspan(now.size());
    const Bytes out = object.decompress(input, random_piece(random));
    all.insert(all.end(), out.begin(), out.end());
  }
  EXPECT_TRUE(object.eof());
  return all;
}

Bytes by_reader(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  CallbackSource source = random_source(random, sample.stored);
  ZstdDecompressionReader reader = decompressor.stream_reader(
      source, {.read_size = random_piece(random), .read_across_frames = random.chance(50)});
  Bytes all;
  for (std::size_t n = 1; n != 0;) {
    const std::size_t at = all.size();
    all.resize(at + random_piece(random));
    const MutableByteSpan room = MutableByteSpan(all).subspan(at);
    n = random.chance(50) ? reader.readinto(room) : reader.readinto1(room);
    all.resize(at + n);
  }
  return all;
}

Bytes by_range(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  CallbackSource source = random_source(random, sample.stored);
  Bytes all;
  for (const ByteSpan piece : decompressor.read_to_iter(source, {.read_size = random_piece(random),
                                                                .write_size = random_piece(random),
                                                                .read_across_frames = true})) {
    all.insert(all.end(), piece.begin(), piece.end());
  }
  return all;
}

Bytes by_writer(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  Bytes all;
  BytesSink sink(all);
  ZstdDecompressionWriter writer =
      decompressor.stream_writer(sink, {.write_size = random_piece(random)});
  for (ByteSpan rest = sample.stored; !rest.empty();) {
    const ByteSpan now = rest.first(std::min(rest.size(), random_piece(random)));
    writer.write(now);
    rest = rest.subspan(now.size());
  }
  writer.close();
  return all;
}

Bytes by_copy(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  Bytes all;
  CallbackSource source = random_source(random, sample.stored);
  BytesSink sink(all);
  decompressor.copy_stream(source, sink,
                           {.read_size = random_piece(random), .write_size = random_piece(random)});
  return all;
}

Bytes by_chunker(ZstdDecompressor& decompressor, const Sample& sample, Random& random) {
  Bytes all;
  const auto append = [&](ByteChunks chunks) {
    for (const ByteSpan piece : chunks) all.insert(all.end(), piece.begin(), piece.end());
  };
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = random_piece(random)});
  for (ByteSpan rest = sample.stored; !rest.empty();) {
    const ByteSpan now = rest.first(std::min(rest.size(), random_piece(random)));
    append(chunker.decompress(now));
    if (random.chance(10)) append(chunker.flush());
    rest = rest.subspan(now.size());
  }
  append(chunker.finish());
  return all;
}

constexpr Way kWays[] = {by_one_shot, by_object, by_reader, by_range,
                         by_writer,   by_copy,   by_chunker};

TEST(DecompressionProperties, EveryWayGivesTheSameBytes) {
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 20 : 60); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Sample sample = random_sample(random);
    ZstdDecompressor decompressor = decompressor_for(sample);
    for (const Way way : kWays) {
      ASSERT_EQ(way(decompressor, sample, random), sample.content)
          << "way " << (&way - std::begin(kWays));
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
    for (const Way way : kWays) {
      if (way == by_object) continue;  // it cannot know that no more will come; see eof()
      EXPECT_THROW(way(decompressor, sample, random), ZstdError);
    }
    sample.stored = whole;
    for (std::uint64_t bits = 1 + random.below(3); bits != 0; --bits) {
      sample.stored[static_cast<std::size_t>(random.below(whole.size()))] ^=
          static_cast<std::byte>(1u << random.below(8));
    }
    for (const Way way : kWays) {
      if (way == by_object) continue;
      try {
        const Bytes got = way(decompressor, sample, random);
        EXPECT_LE(got.size(), whole.size() * 140'000);
      } catch (const ZstdError& error) {
        EXPECT_NE(error.code(), ZSTD_error_no_error);
      }
    }
  }
}

}  // namespace
}  // namespace zstdfs
