#include <gmock/gmock.h>

#include "tests/unit/core_container_builder.hpp"
#include "zstdfs/dictionary.hpp"

namespace zstdfs::test {
namespace {

Bytes decoded(ByteSpan frame, std::size_t content_bytes) {
  Bytes out(content_bytes);
  FrameDecoder().decode(frame, out, 0);
  return out;
}

TEST(FrameCodec, ContentOfEverySizeComesBack) {
  FrameEncoder encoder;
  for (const std::size_t size : {0u, 1u, 2u, 255u, 256u, 257u, 4096u, 65535u, 65792u, 131072u,
                                 131073u, 1u << 20, kMaxChunkBytes}) {
    for (const Bytes& content : {compressible_bytes(size, 1), random_bytes(size, 2), Bytes(size)}) {
      EXPECT_EQ(decoded(encoder.encode(content, 1), size), content) << size;
    }
  }
}

TEST(FrameCodec, EveryLevelComesBack) {
  const Bytes content = compressible_bytes(100000, 3);
  FrameEncoder encoder;
  for (int level = -7; level <= 22; ++level) {
    EXPECT_EQ(decoded(encoder.encode(content, level), content.size()), content) << level;
  }
}

TEST(FrameCodec, FramesCarrySizeAndChecksum) {
  const Bytes content = compressible_bytes(5000, 4);
  const Bytes frame = FrameEncoder().encode(content, 3);
  EXPECT_EQ(load_le<std::uint32_t>(frame, 0), 0xFD2FB528u);
  EXPECT_NE(frame[4] & std::byte{0x04}, std::byte{0});
  EXPECT_EQ(load_le<std::uint32_t>(frame, frame.size() - 4), content_checksum(content));
  EXPECT_EQ(frame.capacity(), frame.size());
}

TEST(FrameCodec, ChecksumOfNothing) {
  EXPECT_EQ(content_checksum({}), 0x51D8E999u);
}

TEST(FrameCodec, MovedEncoderAndDecoderWork) {
  FrameEncoder encoder;
  FrameEncoder moved_encoder = std::move(encoder);
  const Bytes content = bytes_of("moved");
  const Bytes frame = moved_encoder.encode(content, 3);
  FrameDecoder decoder;
  FrameDecoder moved_decoder = std::move(decoder);
  Bytes out(content.size());
  moved_decoder.decode(frame, out, 0);
  EXPECT_EQ(out, content);
}

TEST(FrameCodec, WrongContentSizeIsCorrupt) {
  const Bytes frame = FrameEncoder().encode(bytes_of("hello"), 3);
  EXPECT_THROW(decoded(frame, 4), CorruptError);
  EXPECT_THROW(decoded(frame, 6), CorruptError);
  EXPECT_THROW(decoded(frame, 0), CorruptError);
}

TEST(FrameCodec, EveryTruncationIsCorrupt) {
  const Bytes content = compressible_bytes(500, 5);
  const Bytes frame = FrameEncoder().encode(content, 3);
  for (std::size_t n = 0; n < frame.size(); ++n) {
    EXPECT_THROW(decoded(ByteSpan(frame).first(n), content.size()), CorruptError) << n;
  }
}

// Bits that mean nothing may be flipped without harm; no flip may give other content.
TEST(FrameCodec, EveryFlippedBitIsCorruptOrHarmless) {
  const Bytes content = compressible_bytes(500, 6);
  const Bytes frame = FrameEncoder().encode(content, 3);
  std::size_t corrupt = 0;
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes flipped = frame;
    flipped[bit / 8] ^= std::byte(1u << bit % 8);
    try {
      EXPECT_EQ(decoded(flipped, content.size()), content) << bit;
    } catch (const CorruptError&) {
      ++corrupt;
    }
  }
  EXPECT_GT(corrupt, frame.size() * 8 - 24);
}

TEST(FrameCodec, TwoFramesAreNotOne) {
  FrameEncoder encoder;
  Bytes two = encoder.encode(bytes_of("one"), 3);
  append_to(two, encoder.encode(bytes_of("two"), 3));
  EXPECT_THROW(decoded(two, 6), CorruptError);
  EXPECT_THROW(decoded(two, 3), CorruptError);
}

TEST(FrameCodec, FrameWithoutChecksumIsCorrupt) {
  // One raw block with the content "abc", single segment, no checksum flag.
  Bytes frame = bytes_of(std::string("\x28\xB5\x2F\xFD\x20\x03\x19\x00\x00", 9) + "abc");
  EXPECT_THROW(decoded(frame, 3), CorruptError);
  frame[4] = std::byte{0x24};
  append_le(frame, content_checksum(bytes_of("abc")));
  EXPECT_EQ(decoded(frame, 3), bytes_of("abc"));
}

TEST(FrameCodec, SkippableFrameIsCorrupt) {
  const Bytes skippable = bytes_of(std::string("\x50\x2A\x4D\x18\x08\x00\x00\x00", 8) + "12345678");
  EXPECT_THROW(decoded(skippable, 0), CorruptError);
}

TEST(FrameCodec, ErrorNamesTheOffset) {
  const Bytes frame = bytes_of("no frame at all, only text");
  Bytes out(10);
  try {
    FrameDecoder().decode(frame, out, 4711);
    ADD_FAILURE() << "text was taken for a frame";
  } catch (const CorruptError& error) {
    EXPECT_EQ(error.stored_offset(), 4711u);
    EXPECT_NE(std::string(error.what()).find("4711"), std::string::npos);
  }
}

TEST(FrameCodec, DecoderWorksAfterAnError) {
  const Bytes content = bytes_of("content");
  Bytes frame = FrameEncoder().encode(content, 3);
  Bytes bad = frame;
  bad.back() ^= std::byte{1};
  FrameDecoder decoder;
  Bytes out(content.size());
  EXPECT_THROW(decoder.decode(bad, out, 0), CorruptError);
  decoder.decode(frame, out, 0);
  EXPECT_EQ(out, content);
}

TEST(FrameCodec, ZstdErrorCarriesTheCode) {
  try {
    ZstdError::check(static_cast<std::size_t>(-20), "test");  // corruption_detected
    ADD_FAILURE() << "an error passed";
  } catch (const ZstdError& error) {
    EXPECT_EQ(error.code(), 20);
    EXPECT_NE(std::string(error.what()).find("test"), std::string::npos);
  }
  EXPECT_EQ(ZstdError::check(17, "test"), 17u);
}

/// One dictionary, by its id.
class OneDictionary final : public DictionarySource {
 public:
  explicit OneDictionary(const ZstdCompressionDict& dictionary) : dictionary_(dictionary) {}

  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const override {
    if (id != dictionary_.dict_id()) throw MissingDictionaryError(id, "there is another one");
    return dictionary_.digested();
  }

 private:
  const ZstdCompressionDict& dictionary_;
};

std::shared_ptr<ZstdCompressionDict> trained_dictionary(std::uint32_t id) {
  std::vector<Bytes> samples;
  for (int i = 0; i < 500; ++i) {
    const std::string text = "{\"name\": \"record " + std::to_string(i * 7919) +
                             "\", \"state\": \"settled\", \"owner\": " + std::to_string(i % 13) +
                             ", \"remarks\": [\"none so far\"]}";
    samples.push_back(bytes_of(text));
  }
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  return train_dictionary(4096, spans, {.k = 64, .d = 8, .dict_id = id});
}

TEST(FrameCodec, FramesNameTheirDictionaryAndNeedIt) {
  const auto dictionary = trained_dictionary(40000);
  const OneDictionary source(*dictionary);
  const Bytes content = bytes_of("{\"name\": \"record 12\", \"state\": \"settled\"}");
  FrameEncoder encoder;
  for (const int level : {-3, 1, 3, 12, 19, 22}) {
    SCOPED_TRACE(level);
    const FrameRecipe recipe{.level = level, .dictionary = dictionary->digested_for(level)};
    const Bytes frame = encoder.encode(content, recipe);
    EXPECT_LT(frame.size(), encoder.encode(content, level).size());
    Bytes out(content.size());
    FrameDecoder().decode(frame, out, 0, source);
    EXPECT_EQ(out, content);
    EXPECT_THROW(FrameDecoder().decode(frame, out, 0), MissingDictionaryError);
  }
}

TEST(FrameCodec, AnEncoderForgetsTheDictionaryOfTheFrameBefore) {
  const auto dictionary = trained_dictionary(40000);
  const Bytes content = bytes_of("{\"name\": \"record 12\", \"state\": \"settled\"}");
  FrameEncoder encoder;
  encoder.encode(content, {.level = 3, .dictionary = dictionary->digested_for(3)});
  EXPECT_EQ(decoded(encoder.encode(content, 3), content.size()), content);
}

TEST(FrameCodec, AMissingDictionarySaysItsId) {
  const auto dictionary = trained_dictionary(40001);
  const Bytes content = bytes_of("anything");
  const Bytes frame =
      FrameEncoder().encode(content, {.level = 3, .dictionary = dictionary->digested_for(3)});
  try {
    decoded(frame, content.size());
    FAIL();
  } catch (const MissingDictionaryError& error) {
    EXPECT_EQ(error.id(), 40001u);
    EXPECT_THAT(error.what(), testing::HasSubstr("dictionary 40001 is missing"));
  }
}

TEST(FrameCodec, LongDistanceMatchingFindsWhatIsFarBack) {
  // The same 64 KiB again after 4 MiB of noise: a window of level 1 does not reach so far.
  const Bytes block = random_bytes(64u << 10, 1);
  const Bytes noise = random_bytes(4u << 20, 2);
  Bytes content = block;
  content.insert(content.end(), noise.begin(), noise.end());
  content.insert(content.end(), block.begin(), block.end());
  FrameEncoder encoder;
  const Bytes plain = encoder.encode(content, 1);
  const Bytes frame = encoder.encode(content, {.level = 1, .long_distance_matching = true});
  EXPECT_LT(frame.size() + (60u << 10), plain.size());
  EXPECT_EQ(decoded(frame, content.size()), content);
}

}  // namespace
}  // namespace zstdfs::test
