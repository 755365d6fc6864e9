#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "fs/store/overlay.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::test {
namespace {

using store::Overlay;

Bytes laid_over(const Overlay& overlay, std::size_t bytes, std::byte base) {
  Bytes out(bytes, base);
  overlay.lay_over(0, out);
  return out;
}

TEST(Overlay, PiecesLieOverTheBase) {
  Overlay overlay;
  overlay.write(2, bytes_of("abc"));
  EXPECT_EQ(laid_over(overlay, 7, std::byte{'.'}), bytes_of("..abc.."));
}

TEST(Overlay, LaterWritesCoverEarlierOnes) {
  Overlay overlay;
  overlay.write(0, bytes_of("aaaaaa"));
  overlay.write(2, bytes_of("bb"));
  overlay.write(5, bytes_of("ccc"));
  EXPECT_EQ(laid_over(overlay, 9, std::byte{'.'}), bytes_of("aabbaccc."));
}

TEST(Overlay, ZerosHoldNoData) {
  Overlay overlay;
  overlay.write_zeros({10, std::uint64_t{1} << 40});
  EXPECT_EQ(overlay.data_bytes(), 0u);
  overlay.write(20, bytes_of("x"));
  EXPECT_EQ(overlay.data_bytes(), 1u);
  EXPECT_TRUE(overlay.covers({10, 1000}));
  EXPECT_FALSE(overlay.covers({9, 2}));
}

// So that programs that write or punch single bytes all over a file cannot make the daemon grow.
TEST(Overlay, PiecesTakeMemoryThemselves) {
  Overlay overlay;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    overlay.write(4 * i, bytes_of("x"));
    overlay.write_zeros({4 * i + 2, 1});
  }
  EXPECT_EQ(overlay.data_bytes(), 1000u);
  EXPECT_GE(overlay.memory_bytes(), 2000 * (sizeof(Overlay::Pieces::value_type) + 32));
  overlay.clear();
  EXPECT_EQ(overlay.memory_bytes(), 0u);
}

/// What the pieces' data was allocated with.
std::uint64_t allocated_bytes(const Overlay& overlay) {
  std::uint64_t bytes = 0;
  for (const auto& [offset, piece] : overlay.pieces()) bytes += piece.data.capacity();
  return bytes;
}

TEST(Overlay, WhatIsLeftOfALargePieceHoldsNoMore) {
  Overlay overlay;
  overlay.write(0, Bytes(1u << 20, std::byte{'a'}));
  overlay.erase({4096, 1u << 20});
  EXPECT_LE(allocated_bytes(overlay), 2 * 4096u);
}

TEST(Overlay, WhatIsAllocatedForMoreCounts) {
  Overlay overlay;
  for (std::uint64_t at = 0; at < 600000; at += 3000) {
    overlay.write(at, Bytes(3000, std::byte{'a'}));
    ASSERT_GE(overlay.memory_bytes(), allocated_bytes(overlay)) << at;
  }
}

TEST(Overlay, ErasingInTheMiddleKeepsBothEnds) {
  Overlay overlay;
  overlay.write(0, bytes_of("abcdef"));
  overlay.erase({2, 2});
  EXPECT_EQ(laid_over(overlay, 6, std::byte{'.'}), bytes_of("ab..ef"));
  EXPECT_EQ(overlay.data_bytes(), 4u);
  overlay.erase_from(1);
  EXPECT_EQ(laid_over(overlay, 6, std::byte{'.'}), bytes_of("a....."));
}

TEST(Overlay, AWriteOverALoggedPieceIsNotLogged) {
  Overlay overlay;
  overlay.write(0, bytes_of("abcdef"));
  overlay.mark_all_logged();
  overlay.write(2, bytes_of("X"));
  EXPECT_THAT(overlay.unlogged(), testing::ElementsAre(2));
  EXPECT_EQ(overlay.pieces().at(2).bytes, 1u);
  EXPECT_EQ(laid_over(overlay, 6, std::byte{'.'}), bytes_of("abXdef"));
}

/// Which of the first `bytes` logical bytes lie in pieces that are not logged.
std::vector<bool> unlogged_bytes(const Overlay& overlay, std::size_t bytes) {
  std::vector<bool> unlogged(bytes);
  for (const std::uint64_t offset : overlay.unlogged()) {
    const auto begin = unlogged.begin() + static_cast<std::ptrdiff_t>(offset);
    std::fill_n(begin, overlay.pieces().at(offset).bytes, true);
  }
  return unlogged;
}

TEST(Overlay, RandomChangesGiveWhatAnArrayGives) {
  Random random(7);
  Overlay overlay;
  Bytes expected(500, std::byte{'.'});
  std::vector<bool> unlogged(expected.size());
  for (int i = 0; i < 3000; ++i) {
    const std::size_t offset = random.below(expected.size());
    const std::size_t bytes = std::min<std::size_t>(1 + random.below(60), expected.size() - offset);
    const auto begin = expected.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
    const auto mark = [&, offset, bytes](bool is_unlogged) {
      std::fill_n(unlogged.begin() + static_cast<std::ptrdiff_t>(offset), bytes, is_unlogged);
    };
    switch (random.below(4)) {
      case 0:
        overlay.write_zeros({offset, bytes});
        std::fill(begin, end, std::byte{0});
        mark(true);
        break;
      case 1:
        overlay.erase({offset, bytes});
        std::fill(begin, end, std::byte{'.'});
        mark(false);
        break;
      case 2:
        overlay.mark_all_logged();
        unlogged.assign(expected.size(), false);
        break;
      default:
        const Bytes piece = random_bytes(bytes, random.next());
        overlay.write(offset, piece);
        std::copy(piece.begin(), piece.end(), begin);
        mark(true);
    }
    std::uint64_t memory = 0;
    for (const auto& [at, piece] : overlay.pieces()) memory += piece.data.size();
    ASSERT_EQ(overlay.data_bytes(), memory);
    ASSERT_GE(overlay.memory_bytes(), allocated_bytes(overlay));
    ASSERT_LE(overlay.memory_bytes(), allocated_bytes(overlay) + 160 * overlay.pieces().size());
    ASSERT_EQ(laid_over(overlay, expected.size(), std::byte{'.'}), expected) << "step " << i;
    ASSERT_EQ(unlogged_bytes(overlay, expected.size()), unlogged) << "step " << i;
  }
}

}  // namespace
}  // namespace zstdfs::test
