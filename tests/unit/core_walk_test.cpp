#include "tests/unit/core_container_builder.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs::test {
namespace {

FrameExtent extent_at(ByteSpan file, std::uint64_t offset) {
  const auto found = find_frame(MemorySource(file), offset);
  if (const auto* none = std::get_if<NoFrame>(&found)) {
    ADD_FAILURE() << none->reason;
    return {};
  }
  return std::get<FrameExtent>(found);
}

std::string reason_at(ByteSpan file, std::uint64_t offset) {
  const auto found = find_frame(MemorySource(file), offset);
  const auto* none = std::get_if<NoFrame>(&found);
  return none != nullptr ? none->reason : "a frame";
}

Bytes raw(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const unsigned value : values) bytes.push_back(std::byte(value));
  return bytes;
}

TEST(FrameWalk, FindsWhatTheEncoderMade) {
  FrameEncoder encoder;
  for (const std::size_t size : {0u, 1u, 300u, 70000u, 131072u, 500000u, kMaxChunkBytes}) {
    for (const Bytes& content : {compressible_bytes(size, 1), random_bytes(size, 2)}) {
      Bytes file(5);
      const Bytes frame = encoder.encode(content, 1);
      append_to(file, frame);
      append_to(file, bytes_of("what follows"));
      const FrameExtent extent = extent_at(file, 5);
      EXPECT_EQ(extent.kind, FrameExtent::Kind::kData);
      EXPECT_EQ(extent.stored_offset, 5u);
      EXPECT_EQ(extent.stored_bytes, frame.size());
      EXPECT_EQ(extent.content_bytes, size);
      EXPECT_EQ(extent.dictionary_id, 0u);
      EXPECT_EQ(extent.checksum, content_checksum(content));
    }
  }
}

TEST(FrameWalk, HeaderFieldsOfEverySize) {
  // An empty last raw block (01 00 00) after headers of all shapes.
  const Bytes plain = raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 1, 0, 0});
  EXPECT_EQ(extent_at(plain, 0).content_bytes, std::nullopt);
  EXPECT_EQ(extent_at(plain, 0).checksum, std::nullopt);
  EXPECT_EQ(extent_at(plain, 0).window_bytes, std::uint64_t{1} << 21);

  const Bytes eighths = raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x03, 1, 0, 0});
  EXPECT_EQ(extent_at(eighths, 0).window_bytes, 1024u + 3 * 128u);
  const Bytes widest = raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xFF, 1, 0, 0});
  EXPECT_EQ(extent_at(widest, 0).window_bytes, (std::uint64_t{1} << 41) / 8 * 15);

  const Bytes two_byte = raw({0x28, 0xB5, 0x2F, 0xFD, 0x40, 0x58, 0x34, 0x12, 1, 0, 0});
  EXPECT_EQ(extent_at(two_byte, 0).content_bytes, 0x1234u + 256u);
  const Bytes eight_byte =
      raw({0x28, 0xB5, 0x2F, 0xFD, 0xE3, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0});
  EXPECT_EQ(extent_at(eight_byte, 0).content_bytes, 0x0102030405060708u);
  EXPECT_EQ(extent_at(eight_byte, 0).window_bytes, 0x0102030405060708u);
  EXPECT_EQ(extent_at(eight_byte, 0).dictionary_id, 0x01020304u);
  const Bytes short_id = raw({0x28, 0xB5, 0x2F, 0xFD, 0x22, 4, 3, 0, 1, 0, 0});
  EXPECT_EQ(extent_at(short_id, 0).dictionary_id, 0x0304u);
  EXPECT_EQ(extent_at(short_id, 0).stored_bytes, short_id.size());
}

TEST(FrameWalk, SkippableFrames) {
  for (unsigned n = 0; n < 16; ++n) {
    const Bytes frame = raw({0x50 + n, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 'a', 'b', 'c', 'd'});
    const FrameExtent extent = extent_at(frame, 0);
    EXPECT_EQ(extent.kind, FrameExtent::Kind::kSkippable);
    EXPECT_EQ(extent.stored_bytes, 11u);
    EXPECT_EQ(extent.magic, 0x184D2A50u + n);
  }
  EXPECT_EQ(reason_at(raw({0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF}), 0), "truncated");
}

TEST(FrameWalk, EveryTruncationIsNoFrame) {
  FrameEncoder encoder;
  const Bytes skippable = raw({0x56, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'});
  for (const Bytes& frame :
       {encoder.encode(compressible_bytes(400, 1), 3), encoder.encode(random_bytes(400, 2), 3),
        encode_zero_frame(300000), skippable}) {
    EXPECT_EQ(reason_at(frame, 0), "a frame");
    for (std::size_t n = 1; n < frame.size(); ++n) {
      EXPECT_EQ(reason_at(ByteSpan(frame).first(n), 0), "truncated") << n;
    }
  }
}

TEST(FrameWalk, SaysWhyThereIsNone) {
  const Bytes text = bytes_of("plain text");
  EXPECT_EQ(reason_at(text, 0), "not a zstd frame");
  EXPECT_EQ(reason_at(text, text.size()), "end of file");
  EXPECT_EQ(reason_at(text, ~std::uint64_t{0}), "end of file");
  EXPECT_EQ(reason_at({}, 0), "end of file");
  EXPECT_EQ(reason_at(raw({0x28, 0xB5, 0x2F, 0xFD, 0x08, 0x58, 1, 0, 0}), 0),
            "a reserved bit is set in a frame");
  EXPECT_EQ(reason_at(raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 7, 0, 0}), 0),
            "a block of unknown type");
  // A run of 2 MiB - 1 in one block, and one of 1025 bytes where the window is 1 KiB.
  EXPECT_EQ(reason_at(raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0xFB, 0xFF, 0xFF, 0}), 0),
            "a block larger than the frame allows");
  EXPECT_EQ(reason_at(raw({0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x00, 0x0B, 0x20, 0x00, 0}), 0),
            "a block larger than the frame allows");
}

class CountingSource final : public RandomAccessSource {
 public:
  explicit CountingSource(ByteSpan bytes) : memory_(bytes) {}
  std::uint64_t size() const override { return memory_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    ++reads_;
    bytes_ += out.size();
    return memory_.read_at(offset, out);
  }
  std::size_t reads() const { return reads_; }
  std::size_t bytes() const { return bytes_; }

 private:
  MemorySource memory_;
  mutable std::size_t reads_ = 0;
  mutable std::size_t bytes_ = 0;
};

TEST(FrameWalk, ReadsLittle) {
  const Bytes zeros = encode_zero_frame(kMaxZeroFrameBytes);  // 8192 blocks
  const CountingSource of_zeros(zeros);
  EXPECT_TRUE(std::holds_alternative<FrameExtent>(find_frame(of_zeros, 0)));
  EXPECT_EQ(of_zeros.reads(), 1u);
  const Bytes random = FrameEncoder().encode(random_bytes(kMaxChunkBytes, 1), 1);
  const CountingSource of_random(random);  // 128 blocks
  EXPECT_TRUE(std::holds_alternative<FrameExtent>(find_frame(of_random, 0)));
  EXPECT_LE(of_random.reads(), 130u);
  EXPECT_LE(of_random.bytes(), random.size());
}

}  // namespace
}  // namespace zstdfs::test
