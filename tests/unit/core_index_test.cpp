#include "tests/unit/core_container_builder.hpp"

namespace zstdfs::test {
namespace {

TEST(FrameIndex, EmptyEndsBehindTheHeader) {
  const FrameIndex index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.logical_bytes(), 0u);
  EXPECT_EQ(index.frames_end(), kContainerHeaderBytes);
  EXPECT_EQ(index.find(0), std::nullopt);
}

FrameIndex three_frames() {
  FrameIndex index;
  index.append(80, 20, 100, 1);
  index.append(100, 30, 50, 2);
  index.append(138, 13, 1, 3);  // behind 8 bytes of padding
  return index;
}

TEST(FrameIndex, FindsTheFrameOfEveryByte) {
  const FrameIndex index = three_frames();
  EXPECT_EQ(index.logical_bytes(), 151u);
  EXPECT_EQ(index.frames_end(), 151u);
  for (std::uint64_t offset = 0; offset < 151; ++offset) {
    EXPECT_EQ(index.find(offset), offset < 100 ? 0u : offset < 150 ? 1u : 2u) << offset;
  }
  EXPECT_EQ(index.find(151), std::nullopt);
  EXPECT_EQ(index.find(~std::uint64_t{0}), std::nullopt);
}

TEST(FrameIndex, KeepFirstDropsTheRest) {
  FrameIndex index = three_frames();
  index.keep_first(1);
  EXPECT_EQ(index.size(), 1u);
  EXPECT_EQ(index.logical_bytes(), 100u);
  EXPECT_EQ(index.frames_end(), 100u);
  index.append(100, 30, 50, 2);
  index.append(138, 13, 1, 3);
  EXPECT_EQ(index, three_frames());
  index.keep_first(0);
  EXPECT_EQ(index, FrameIndex());
}

TEST(FrameIndexDeathTest, PreconditionsAreAsserted) {
  FrameIndex index = three_frames();
  EXPECT_DEATH(index.append(150, 20, 1, 0), "internal error");  // overlaps
  for (std::uint64_t gap = 1; gap < 8; ++gap) {
    EXPECT_DEATH(index.append(151 + gap, 20, 1, 0), "internal error") << gap;
  }
  EXPECT_DEATH(index.append(151, 20, 0, 0), "internal error");
  EXPECT_DEATH(index.append(151, 0, 1, 0), "internal error");
  EXPECT_DEATH(index.append(151, 20, (1u << 30) + 1, 0), "internal error");
  EXPECT_DEATH(index.keep_first(4), "internal error");
}

}  // namespace
}  // namespace zstdfs::test
