#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/blocks.hpp"

namespace zstdfs::test {
namespace {

using testing::HasSubstr;

using Dict = std::shared_ptr<const ZstdCompressionDict>;

Dict raw_dict(std::size_t bytes, std::uint64_t seed) {
  return std::make_shared<const ZstdCompressionDict>(text_bytes(bytes, seed),
                                                     DictType::kRawContent);
}

Dict trained_dict() {
  std::vector<Bytes> samples;
  for (std::uint64_t seed = 0; seed < 300; ++seed) samples.push_back(text_bytes(500, seed));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  return train_dictionary(8000, spans, {.k = 200, .d = 8});
}

/// Pieces of content, as a session may have them: of all sizes, compressible, not so, and repeated
/// from all distances.
std::vector<Bytes> random_session(Random& random, std::size_t max_block_bytes,
                                  std::size_t total_bytes) {
  std::vector<Bytes> blocks;
  Bytes all;
  while (all.size() < total_bytes) {
    const std::size_t bytes =
        random.chance(30) ? random.below(20) : 1 + random.below(max_block_bytes);
    Bytes block;
    if (random.chance(40) && all.size() > bytes) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(random.below(all.size() - bytes));
      block.assign(from, from + static_cast<std::ptrdiff_t>(bytes));
    } else if (random.chance(20)) {
      block = random_bytes(bytes, random.next());
    } else if (random.chance(10)) {
      block = Bytes(bytes, std::byte{'x'});
    } else {
      block = text_bytes(bytes, random.below(5));
    }
    all.insert(all.end(), block.begin(), block.end());
    blocks.push_back(std::move(block));
  }
  return blocks;
}

TEST(ApiBlocks, ASessionComesBack) {
  ZstdBlockCompressor compressor;
  ZstdBlockDecompressor decompressor({.window_log = compressor.window_log()});
  EXPECT_EQ(compressor.max_block_bytes(), kBlockSizeMax);
  EXPECT_EQ(decompressor.max_block_bytes(), kBlockSizeMax);
  const Bytes text = text_bytes(100000, 1);
  const Bytes noise = random_bytes(100000, 2);
  const CompressedBlock first = compressor.compress(text);
  const CompressedBlock second = compressor.compress(noise);
  const CompressedBlock third = compressor.compress({});
  const CompressedBlock again = compressor.compress(text);
  const CompressedBlock noise_again = compressor.compress(noise);
  EXPECT_EQ(first.kind, StoredBlock::kCompressed);
  EXPECT_EQ(second.kind, StoredBlock::kRaw);
  EXPECT_EQ(second.bytes, noise);
  EXPECT_EQ(third.content_bytes, 0U);
  EXPECT_TRUE(third.bytes.empty());
  // Both are matches with what came before, which was stored raw or compressed.
  EXPECT_LT(again.bytes.size(), 100U);
  EXPECT_LT(noise_again.bytes.size(), 100U);
  EXPECT_EQ(decompressor.decompress(first), text);
  EXPECT_EQ(decompressor.decompress(second), noise);
  EXPECT_EQ(decompressor.decompress(third), Bytes());
  EXPECT_EQ(decompressor.decompress(again), text);
  EXPECT_EQ(decompressor.decompress(noise_again), noise);
}

// Property: sessions that are many times longer than the history come back, with every window,
// level and kind of dictionary, and again after a reset.
TEST(ApiBlocks, RandomSessionsComeBack) {
  const std::vector<Dict> dicts = {nullptr, raw_dict(3000, 9), raw_dict(200000, 8), trained_dict()};
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 40 : 80); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const int window_log = kWindowLogMin + static_cast<int>(random.below(9));
    const int level = static_cast<int>(random.below(ZSTDFS_SANITIZED ? 14 : 20)) - 2;
    const Dict dict = dicts[random.below(dicts.size())];
    ZstdBlockCompressor compressor({.level = level, .window_log = window_log, .dict_data = dict});
    ASSERT_EQ(compressor.window_log(), window_log);
    ZstdBlockDecompressor decompressor({.window_log = window_log, .dict_data = dict});
    for (int session = 0; session < 2; ++session) {
      const std::size_t total = compressor.max_block_bytes() * (3 + random.below(8));
      for (const Bytes& block : random_session(random, compressor.max_block_bytes(),
                                               std::min<std::size_t>(total, 300000))) {
        const CompressedBlock stored = compressor.compress(block);
        ASSERT_LE(stored.bytes.size(), block.size());
        ASSERT_EQ(decompressor.decompress(stored), block);
      }
      compressor.reset();
      decompressor.reset();
    }
  }
}

TEST(ApiBlocks, AreLibzstds) {
  const Bytes text = text_bytes(300000, 3);
  ZstdBlockCompressor compressor({.level = 5});
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  ASSERT_EQ(ZSTD_decompressBegin(context.get()), 0U);
  Bytes content(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = std::min<std::size_t>(100000, text.size() - at);
    const CompressedBlock block = compressor.compress(ByteSpan(text).subspan(at, bytes));
    ASSERT_EQ(block.kind, StoredBlock::kCompressed);
    ASSERT_EQ(ZSTD_decompressBlock(context.get(), content.data() + at, bytes, block.bytes.data(),
                                   block.bytes.size()),
              bytes);
    at += bytes;
  }
  EXPECT_EQ(content, text);
}

TEST(ApiBlocks, DictionariesHelp) {
  const Bytes text = text_bytes(2000, 4);
  const std::size_t plain = ZstdBlockCompressor().compress(text).bytes.size();
  // A raw dictionary is one also when it begins like a full one.
  Bytes content(4);
  store_le(MutableByteSpan(content), 0, kDictionaryMagicNumber);
  content.insert(content.end(), text.begin(), text.end());
  const auto dict = std::make_shared<const ZstdCompressionDict>(content, DictType::kRawContent);
  ZstdBlockCompressor compressor({.dict_data = dict});
  const CompressedBlock block = compressor.compress(text);
  EXPECT_LT(block.bytes.size(), 50U);
  EXPECT_GT(plain, 200U);
  ZstdBlockDecompressor decompressor({.window_log = compressor.window_log(), .dict_data = dict});
  EXPECT_EQ(decompressor.decompress(block), text);
}

TEST(ApiBlocks, ADamagedDictionaryIsAnError) {
  const Dict good = trained_dict();
  Bytes bytes(good->as_bytes().begin(), good->as_bytes().end());
  std::fill(bytes.begin() + 8, bytes.begin() + 60, std::byte{0xFF});
  const auto dict = std::make_shared<const ZstdCompressionDict>(bytes);
  EXPECT_THROW(ZstdBlockCompressor({.dict_data = dict}), ZstdError);
  EXPECT_THROW(ZstdBlockDecompressor({.window_log = 20, .dict_data = dict}), ZstdError);
}

TEST(ApiBlocks, GoToTheCallersMemory) {
  ZstdBlockCompressor compressor({.window_log = 17});
  ZstdBlockDecompressor decompressor({.window_log = 17});
  const Bytes text = text_bytes(5000, 5);
  Bytes memory = text;
  // In place.
  const CompressedBlockView block = compressor.compress_into(memory, memory);
  EXPECT_EQ(block.kind, StoredBlock::kCompressed);
  EXPECT_EQ(block.bytes.data(), memory.data());
  EXPECT_LT(block.bytes.size(), text.size());
  Bytes out(5001);
  EXPECT_THROW(decompressor.decompress_into(MutableByteSpan(out).first(4999), block),
               std::invalid_argument);
  EXPECT_EQ(decompressor.decompress_into(out, block), 5000U);
  out.resize(5000);
  EXPECT_EQ(out, text);
  EXPECT_THROW(compressor.compress_into(MutableByteSpan(memory).first(4999), text),
               std::invalid_argument);
  // Neither has harmed the sessions.
  EXPECT_EQ(decompressor.decompress(compressor.compress(text)), text);
}

TEST(ApiBlocks, RefuseWhatCannotBe) {
  EXPECT_THROW(ZstdBlockCompressor({.level = 23}), std::invalid_argument);
  EXPECT_THROW(ZstdBlockCompressor({.window_log = 9}), std::invalid_argument);
  EXPECT_THROW(ZstdBlockCompressor({.window_log = 27}), std::invalid_argument);
  EXPECT_THROW(ZstdBlockDecompressor({.window_log = 0}), std::invalid_argument);
  ZstdBlockCompressor small({.window_log = 12});
  EXPECT_EQ(small.max_block_bytes(), 4096U);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { small.compress(Bytes(4097)); }),
              HasSubstr("at most 4096"));
  EXPECT_EQ(small.compress(Bytes(4096)).content_bytes, 4096U);
}

TEST(ApiBlocks, MemoryIsThatOfTheWindow) {
  const ZstdBlockCompressor compressor({.window_log = 20});
  EXPECT_GT(compressor.memory_size(), std::size_t{1} << 20);
  EXPECT_LT(compressor.memory_size(), std::size_t{6} << 20);
  const ZstdBlockDecompressor decompressor({.window_log = 20});
  EXPECT_GT(decompressor.memory_size(), std::size_t{1} << 20);
  EXPECT_LT(decompressor.memory_size(), std::size_t{2} << 20);
}

TEST(ApiBlocks, ADamagedBlockBreaksTheSessionUntilAReset) {
  ZstdBlockCompressor compressor({.window_log = 17});
  ZstdBlockDecompressor decompressor({.window_log = 17});
  const Bytes text = text_bytes(5000, 6);
  const CompressedBlock block = compressor.compress(text);
  const CompressedBlockView too_short{
      .kind = block.kind, .content_bytes = block.content_bytes - 1, .bytes = block.bytes};
  const auto code = zstd_error_of([&] { decompressor.decompress(too_short); });
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(block); }), code);
  decompressor.reset();
  EXPECT_EQ(decompressor.decompress(block), text);
  decompressor.reset();
  const CompressedBlockView too_long{
      .kind = block.kind, .content_bytes = block.content_bytes + 1, .bytes = block.bytes};
  EXPECT_THAT(message_of<ZstdError>([&] { decompressor.decompress(too_long); }),
              HasSubstr("5000 bytes of content instead of 5001"));
  decompressor.reset();
  EXPECT_THROW(
      decompressor.decompress({.kind = StoredBlock::kRaw, .content_bytes = 5, .bytes = {}}),
      ZstdError);
  decompressor.reset();
  EXPECT_THAT(message_of<ZstdError>([&] {
                decompressor.decompress(
                    {.kind = StoredBlock::kRaw, .content_bytes = kBlockSizeMax + 1, .bytes = {}});
              }),
              HasSubstr("at most 131072"));
}

// Under ASan: whatever blocks hold, nothing but errors and wrong content comes of it.
TEST(ApiBlocks, HostileBlocksDoNoHarm) {
  const Dict dict = raw_dict(5000, 7);
  ZstdBlockCompressor compressor({.window_log = 13, .dict_data = dict});
  std::vector<CompressedBlock> good;
  Random content(1);
  for (const Bytes& block : random_session(content, compressor.max_block_bytes(), 60000)) {
    good.push_back(compressor.compress(block));
  }
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < (ZSTDFS_SANITIZED ? 400 : 4000); ++seed) {
    Random random(seed);
    ZstdBlockDecompressor decompressor(
        {.window_log = 13, .dict_data = random.chance(50) ? dict : nullptr});
    try {
      for (std::size_t i = 0; i < good.size(); ++i) {
        CompressedBlock block = good[i];
        if (random.chance(10)) {
          block.bytes = random_bytes(random.below(300), random.next());
          block.kind = StoredBlock::kCompressed;
        }
        if (random.chance(10) && !block.bytes.empty()) {
          block.bytes[random.below(std::min<std::size_t>(block.bytes.size(), 30))] =
              static_cast<std::byte>(random.below(256));
        }
        if (random.chance(5)) block.content_bytes = random.below(9000);
        EXPECT_EQ(decompressor.decompress(block).size(), block.content_bytes);
      }
    } catch (const ZstdError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace zstdfs::test
