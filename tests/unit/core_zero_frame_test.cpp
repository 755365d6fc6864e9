#include <chrono>

#include "tests/unit/core_container_builder.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kBoundarySizes[] = {1,
                                            2,
                                            255,
                                            256,
                                            65791,
                                            65792,
                                            131071,
                                            131072,
                                            131073,
                                            262144,
                                            1000000,
                                            (1u << 20) - 1,
                                            1 << 20,
                                            1048577,
                                            (16u << 20) - 1,
                                            16 << 20,
                                            (16u << 20) + 1,
                                            (1u << 27) + 5,
                                            (1u << 30) - 1,
                                            1u << 30};

TEST(ZeroFrame, SizesAgree) {
  for (const std::uint64_t size : kBoundarySizes) {
    const Bytes frame = encode_zero_frame(size);
    EXPECT_EQ(frame.size(), zero_frame_bytes(size)) << size;
    EXPECT_TRUE(is_zero_frame(frame, size)) << size;
    EXPECT_FALSE(is_zero_frame(frame, size + 1)) << size;
    EXPECT_FALSE(is_zero_frame(frame, size - 1)) << size;
    const auto found = find_frame(MemorySource(frame), 0);
    ASSERT_TRUE(std::holds_alternative<FrameExtent>(found)) << size;
    const auto& extent = std::get<FrameExtent>(found);
    EXPECT_EQ(extent.stored_bytes, frame.size());
    EXPECT_EQ(extent.content_bytes, size);
    EXPECT_EQ(extent.window_bytes, 128u << 10);
    EXPECT_EQ(extent.checksum, zeros_checksum(size));
  }
  EXPECT_EQ(zero_frame_bytes(kMaxZeroFrameBytes), 32782u);
}

TEST(ZeroFrame, OrdinaryDecoderReadsIt) {
  FrameDecoder decoder;
  for (const std::uint64_t size : kBoundarySizes) {
    if (size > kMaxChunkBytes + 1) continue;
    Bytes out(size, std::byte{0xFF});
    decoder.decode(encode_zero_frame(size), out, 0);
    EXPECT_EQ(out, Bytes(size)) << size;
  }
}

TEST(ZeroFrame, ChecksumsAreThoseOfZeros) {
  const Bytes zeros(20u << 20);
  EXPECT_EQ(zeros_checksum(0), content_checksum({}));
  for (std::size_t size = 1; size <= zeros.size(); size = size * 3 + 1) {
    EXPECT_EQ(zeros_checksum(size), content_checksum(ByteSpan(zeros).first(size))) << size;
    EXPECT_EQ(zeros_checksum(size), content_checksum(ByteSpan(zeros).first(size))) << size;
  }
  // Down again, with neighbours: what was remembered for one size is never given for another.
  for (std::size_t size = 5000; size > 0; --size) {
    ASSERT_EQ(zeros_checksum(size), content_checksum(ByteSpan(zeros).first(size))) << size;
  }
}

TEST(ZeroFrame, AnyFlippedBitIsNotTheZeroForm) {
  const Bytes frame = encode_zero_frame(300000);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes flipped = frame;
    flipped[bit / 8] ^= std::byte(1u << bit % 8);
    EXPECT_FALSE(is_zero_frame(flipped, 300000)) << bit;
  }
  EXPECT_FALSE(is_zero_frame({}, 300000));
  EXPECT_FALSE(is_zero_frame(frame, 0));
  EXPECT_FALSE(is_zero_frame(frame, kMaxZeroFrameBytes + 1));
  EXPECT_FALSE(is_zero_frame(frame, ~std::uint64_t{0}));
}

// 1 GiB is hashed once; later calls for any size cost a mebibyte of hashing at most.
TEST(ZeroFrame, ChecksumsOfLargeRunsAreRemembered) {
  zeros_checksum(kMaxZeroFrameBytes);
  const auto start = std::chrono::steady_clock::now();
  std::uint32_t all = 0;
  for (int i = 0; i < 1000; ++i) all |= zeros_checksum(kMaxZeroFrameBytes);
  EXPECT_EQ(all, zeros_checksum(kMaxZeroFrameBytes));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ZeroFrameDeathTest, SizesAreAsserted) {
  EXPECT_DEATH(encode_zero_frame(0), "internal error");
  EXPECT_DEATH(encode_zero_frame(kMaxZeroFrameBytes + 1), "internal error");
}

}  // namespace
}  // namespace zstdfs::test
