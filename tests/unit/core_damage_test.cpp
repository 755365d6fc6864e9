#include "tests/unit/core_container_builder.hpp"

// Broken containers: whatever is read is right, or reading it is a CorruptError.

namespace zstdfs::test {
namespace {

/// Reads every frame of what load_container makes of `file`. Returns how many frames were read;
/// those must hold what the undamaged container holds at their place.
std::size_t frames_read_right(ByteSpan file, const Bytes& content) {
  const MemorySource source(file);
  const LoadedContainer loaded = load_container(source);
  EXPECT_LE(loaded.index.logical_bytes(), loaded.logical_bytes);
  std::size_t right = 0;
  for (const FrameEntry& frame : loaded.index) {
    Bytes out(frame.logical_bytes);
    try {
      read_frame(source, frame, out);
    } catch (const CorruptError&) {
      continue;
    }
    if (frame.logical_end() > content.size()) {
      ADD_FAILURE() << "content from nowhere";
      continue;
    }
    const auto expected = ByteSpan(content).subspan(frame.logical_offset, frame.logical_bytes);
    EXPECT_TRUE(std::ranges::equal(out, expected));
    ++right;
  }
  return right;
}

ContainerBuilder short_container() {
  ContainerBuilder builder = ContainerBuilder::of_short_form();
  builder.data(bytes_of("The only frame. The only frame. The only frame. The only frame."));
  return builder;
}

TEST(Damage, OneFlippedBitCostsAtMostOneFrame) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    SCOPED_TRACE(bit);
    Bytes flipped = file;
    flipped[bit / 8] ^= std::byte(1u << bit % 8);
    EXPECT_GE(frames_read_right(flipped, builder.content()), builder.index().size() - 1);
    EXPECT_EQ(load_container(MemorySource(flipped)).logical_bytes, builder.content().size());
  }
}

TEST(Damage, ADamagedSignatureCostsNothing) {
  for (const ContainerBuilder& builder : {small_container(), short_container()}) {
    const Bytes file = builder.finish();
    for (std::size_t i = 0; i < kContainerSignatureBytes; ++i) {
      SCOPED_TRACE(i);
      Bytes wrong = file;
      for (std::size_t at = i; at < kContainerSignatureBytes; at += 5) wrong[at] ^= std::byte{0x15};
      const MemorySource source(wrong);
      ASSERT_TRUE(is_container(source));
      EXPECT_TRUE(ContainerPrefix(source).was_damaged());
      EXPECT_EQ(frames_read_right(wrong, builder.content()), builder.index().size());
      EXPECT_TRUE(load_container(source).sealed);
      EXPECT_EQ(read_container_header(source), read_container_header(MemorySource(file)));
      // Something else is wrong as well: nothing tells any more that it was a container.
      wrong[kContainerSignatureBytes + 6] ^= std::byte{1};
      EXPECT_EQ(is_container(MemorySource(wrong)), has_container_signature(wrong));
    }
    EXPECT_FALSE(ContainerPrefix(MemorySource(file)).was_damaged());
  }
}

TEST(Damage, OneWrongByteOutsideTheFramesCostsNothingAndIsTold) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  for (std::size_t i = kContainerSignatureBytes; i < file.size(); ++i) {
    if (i >= kContainerHeaderBytes && i < builder.index().frames_end()) continue;
    SCOPED_TRACE(i);
    Bytes wrong = file;
    wrong[i] ^= std::byte{0xFF};
    EXPECT_EQ(frames_read_right(wrong, builder.content()), builder.index().size());
    const LoadedContainer loaded = load_container(MemorySource(wrong));
    EXPECT_FALSE(loaded.sealed);
    EXPECT_NE(loaded.damage, "");
    EXPECT_EQ(loaded.header_intact, i >= kContainerHeaderBytes);
  }
}

TEST(Damage, FrameUnderADamagedTableIsFoundOut) {
  const ContainerBuilder builder = small_container();
  Bytes file = builder.finish();
  file[file.size() - 20] ^= std::byte{1};
  for (std::size_t i = kContainerHeaderBytes; i < builder.index().frames_end(); ++i) {
    SCOPED_TRACE(i);
    Bytes worse = file;
    worse[i] ^= std::byte{0x01};
    frames_read_right(worse, builder.content());
    const LoadedContainer loaded = load_container(MemorySource(worse));
    EXPECT_EQ(loaded.logical_bytes, builder.content().size());
    EXPECT_NE(loaded.damage, "");
  }
}

TEST(Damage, EveryTruncationGivesTheWholeFramesBeforeIt) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  for (std::size_t n = kContainerSignatureBytes; n < file.size(); ++n) {
    SCOPED_TRACE(n);
    const auto whole = static_cast<std::size_t>(std::ranges::count_if(
        builder.index(), [&](const FrameEntry& frame) { return frame.stored_end() <= n; }));
    const ByteSpan cut = ByteSpan(file).first(n);
    EXPECT_EQ(frames_read_right(cut, builder.content()), whole);
    const LoadedContainer loaded = load_container(MemorySource(cut));
    EXPECT_FALSE(loaded.sealed);
    EXPECT_EQ(loaded.index.size(), whole);
    EXPECT_EQ(loaded.damage.empty(), n == builder.index().frames_end()) << loaded.damage;
  }
}

TEST(Damage, AShortContainerIsSealedByItsFrame) {
  const ContainerBuilder builder = short_container();
  const Bytes file = builder.finish();
  const MemorySource source(file);
  const LoadedContainer loaded = load_container(source);
  EXPECT_TRUE(loaded.sealed);
  EXPECT_EQ(loaded.damage, "");
  EXPECT_EQ(loaded.index, builder.index());
  EXPECT_EQ(frames_read_right(file, builder.content()), 1u);
  EXPECT_EQ(logical_size(source), builder.content().size());
}

TEST(Damage, OneWrongByteOfAShortContainerIsTold) {
  const ContainerBuilder builder = short_container();
  const Bytes file = builder.finish();
  for (std::size_t i = kContainerSignatureBytes; i < file.size(); ++i) {
    SCOPED_TRACE(i);
    Bytes wrong = file;
    wrong[i] ^= std::byte{0x15};
    const bool in_frame = i >= kShortHeaderBytes;
    const LoadedContainer loaded = load_container(MemorySource(wrong));
    EXPECT_EQ(loaded.header_intact, in_frame);
    EXPECT_EQ(frames_read_right(wrong, builder.content()), in_frame ? 0u : 1u);
    // Within the content of the frame, its checksum tells.
    EXPECT_EQ(loaded.damage.empty(), loaded.sealed);
    if (in_frame) {
      EXPECT_EQ(loaded.logical_bytes, builder.content().size());
    } else {
      EXPECT_FALSE(loaded.sealed);
    }
  }
}

TEST(Damage, AShortContainerThatIsCutOrGrewIsNotSealed) {
  const ContainerBuilder builder = short_container();
  Bytes file = builder.finish();
  for (std::size_t n = kContainerSignatureBytes; n < file.size(); ++n) {
    SCOPED_TRACE(n);
    const LoadedContainer cut = load_container(MemorySource(ByteSpan(file).first(n)));
    EXPECT_FALSE(cut.sealed);
    EXPECT_EQ(cut.index.size(), 0u);
    EXPECT_NE(cut.damage, "");
  }
  append_to(file, builder.finish());
  const LoadedContainer grown = load_container(MemorySource(file));
  EXPECT_FALSE(grown.sealed);
  EXPECT_EQ(grown.index.size(), 1u);
  EXPECT_NE(grown.damage.find("follows the only frame"), std::string::npos) << grown.damage;
  EXPECT_EQ(frames_read_right(file, builder.content()), 1u);
}

TEST(Damage, AFrameThatIsTooLargeForAShortHeaderIsNone) {
  ContainerBuilder builder = ContainerBuilder::of_short_form();
  builder.data(Bytes(kMaxShortContentBytes, std::byte{7}));
  Bytes file = builder.finish();
  file.resize(kShortHeaderBytes);
  append_to(file, FrameEncoder().encode(Bytes(kMaxShortContentBytes + 1, std::byte{7}), 3));
  const LoadedContainer loaded = load_container(MemorySource(file));
  EXPECT_EQ(loaded.index.size(), 0u);
  EXPECT_NE(loaded.damage.find("too large"), std::string::npos) << loaded.damage;
}

TEST(Damage, SwappedFramesAreNotReadAsEachOther) {
  ContainerBuilder builder;
  builder.data(random_bytes(500, 1)).data(random_bytes(500, 2)).data(random_bytes(500, 3));
  Bytes file = builder.finish();
  const FrameEntry& a = builder.index()[0];
  const FrameEntry& b = builder.index()[1];
  ASSERT_EQ(a.stored_bytes, b.stored_bytes);
  std::swap_ranges(file.begin() + static_cast<std::ptrdiff_t>(a.stored_offset),
                   file.begin() + static_cast<std::ptrdiff_t>(a.stored_end()),
                   file.begin() + static_cast<std::ptrdiff_t>(b.stored_offset));
  EXPECT_TRUE(load_container(MemorySource(file)).sealed);
  EXPECT_EQ(frames_read_right(file, builder.content()), 1u);
}

TEST(Damage, FrameOfAnotherContentWithItsOwnChecksumIsCorrupt) {
  ContainerBuilder builder;
  builder.frame(FrameEncoder().encode(bytes_of("what is stored"), 3), bytes_of("what was meant"));
  const Bytes file = builder.finish();
  Bytes out(builder.content().size());
  EXPECT_THROW(read_frame(MemorySource(file), builder.index()[0], out), CorruptError);
}

TEST(Damage, SecondOfTwoConcatenatedContainersIsTold) {
  const ContainerBuilder builder = small_container();
  ContainerBuilder other;
  other.data(bytes_of("another file"));
  Bytes file = builder.finish();
  append_to(file, other.finish());
  EXPECT_EQ(frames_read_right(file, builder.content()), builder.index().size());
  const LoadedContainer loaded = load_container(MemorySource(file));
  EXPECT_FALSE(loaded.sealed);
  EXPECT_EQ(loaded.logical_bytes, builder.content().size());
  EXPECT_NE(loaded.damage.find("follow the seek table"), std::string::npos) << loaded.damage;
}

TEST(Damage, HeaderOfAnotherContainerIsNotBelieved) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  Bytes other = builder.finish();
  const auto header = decode_container_header(file);
  ASSERT_TRUE(header);
  ContainerHeader wrong = *header;
  wrong.logical_bytes += 1000;  // consistent in itself, for this size and this table
  std::ranges::copy(encode_container_header(wrong), other.begin());
  const LoadedContainer loaded = load_container(MemorySource(other));
  EXPECT_FALSE(loaded.sealed);
  EXPECT_EQ(loaded.logical_bytes, builder.content().size() + 1000);
  EXPECT_NE(loaded.damage, "");
  EXPECT_EQ(frames_read_right(other, builder.content()), builder.index().size());
}

TEST(Damage, ChunkSizeIsGuessedWithoutAHeader) {
  const auto guessed = [](const ContainerBuilder& builder) {
    Bytes file = builder.finish();
    file[30] ^= std::byte{1};
    const LoadedContainer loaded = load_container(MemorySource(file));
    EXPECT_FALSE(loaded.header_intact);
    return loaded.header.chunk_bytes;
  };
  EXPECT_EQ(guessed(small_container()), kDefaultChunkBytes);
  EXPECT_EQ(guessed(ContainerBuilder()), kDefaultChunkBytes);
  EXPECT_EQ(guessed(ContainerBuilder().data(compressible_bytes(200000, 1)).zeros(2u << 20)),
            256u << 10);
  EXPECT_EQ(guessed(ContainerBuilder().data(compressible_bytes(kMaxChunkBytes, 1))),
            kMaxChunkBytes);
}

TEST(Damage, DurableContentThatIsMissingIsTold) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  // Cut at the end of a frame: nothing but the header knows that there was more.
  const LoadedContainer loaded =
      load_container(MemorySource(ByteSpan(file).first(builder.index()[1].stored_end())));
  EXPECT_EQ(loaded.index.size(), 2u);
  EXPECT_NE(loaded.damage.find("missing"), std::string::npos) << loaded.damage;
}

// So that nobody takes what is left for all of it.
TEST(Damage, WhatWasCutBelowTheDurableBytesIsAsLongAsItsHeaderSays) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  for (std::size_t n = kContainerHeaderBytes; n < builder.index().frames_end(); ++n) {
    SCOPED_TRACE(n);
    const MemorySource cut(ByteSpan(file).first(n));
    const LoadedContainer loaded = load_container(cut);
    EXPECT_EQ(loaded.logical_bytes, builder.content().size());
    EXPECT_LT(loaded.index.logical_bytes(), loaded.logical_bytes);
    EXPECT_EQ(logical_size(cut), loaded.logical_bytes);
  }
}

/// A source that reports how much memory a reader would have had to provide.
class LargestReadSource final : public RandomAccessSource {
 public:
  explicit LargestReadSource(ByteSpan bytes) : memory_(bytes) {}
  std::uint64_t size() const override { return memory_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    largest_ = std::max(largest_, out.size());
    return memory_.read_at(offset, out);
  }
  std::size_t largest() const { return largest_; }

 private:
  MemorySource memory_;
  mutable std::size_t largest_ = 0;
};

TEST(Damage, AbsurdEntriesTakeNoMemory) {
  const Bytes file = small_container().finish();
  const LargestReadSource source(file);
  FrameEntry frame = small_container().index()[0];
  const std::uint32_t stored_bytes = frame.stored_bytes;
  frame.stored_bytes = 0xFFFFFFFF;
  Bytes out(frame.logical_bytes);
  EXPECT_THROW(read_frame(source, frame, out), CorruptError);
  frame.stored_bytes = 3;
  EXPECT_THROW(read_frame(source, frame, out), CorruptError);
  frame.stored_bytes = stored_bytes;
  frame.logical_bytes = 64u << 20;
  Bytes large(frame.logical_bytes);
  EXPECT_THROW(read_frame(source, frame, large), CorruptError);
  EXPECT_EQ(source.largest(), 0u);
  frame.logical_bytes = static_cast<std::uint32_t>(out.size());
  frame.stored_offset = std::uint64_t{1} << 62;
  EXPECT_THROW(read_frame(source, frame, out), CorruptError);
  load_container(source);
  EXPECT_LE(source.largest(), file.size());
}

TEST(Damage, LargeFrameThatIsNotZerosIsCorrupt) {
  ContainerBuilder builder;
  builder.zeros(64u << 20);
  Bytes file = builder.finish();
  file[builder.index()[0].stored_offset + 13] = std::byte{1};  // a run of ones
  Bytes out(64u << 20);
  EXPECT_THROW(read_frame(MemorySource(file), builder.index()[0], out), CorruptError);
  EXPECT_FALSE(is_stored_zero_frame(MemorySource(file), builder.index()[0]));
}

}  // namespace
}  // namespace zstdfs::test
