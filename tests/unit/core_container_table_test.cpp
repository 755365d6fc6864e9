#include "tests/unit/core_container_builder.hpp"

namespace zstdfs::test {
namespace {

TEST(ContainerTable, ByteExact) {
  FrameIndex index;
  index.append(80, 20, 100, 0x01020304);
  index.append(108, 30, 50, 0xA0B0C0D0);
  const Bytes table = encode_container_table(index);
  const std::vector<unsigned> expected = {
      0x5E, 0x2A, 0x4D, 0x18, 57,   0,    0,    0,                             // 4 x 12 + 9
      80,   0,    0,    0,    0,    0,    0,    0,    0x99, 0xE9, 0xD8, 0x51,  // the header
      20,   0,    0,    0,    100,  0,    0,    0,    0x04, 0x03, 0x02, 0x01,  // the first frame
      8,    0,    0,    0,    0,    0,    0,    0,    0x99, 0xE9, 0xD8, 0x51,  // padding
      30,   0,    0,    0,    50,   0,    0,    0,    0xD0, 0xC0, 0xB0, 0xA0,  // the second frame
      4,    0,    0,    0,    0x80, 0xB1, 0xEA, 0x92, 0x8F};
  ASSERT_EQ(table.size(), expected.size());
  EXPECT_EQ(table.size(), container_table_bytes(index));
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(std::to_integer<unsigned>(table[i]), expected[i]) << i;
  }
}

TEST(ContainerTable, ComesBack) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish();
  const auto table = read_container_table(MemorySource(file));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->index, builder.index());
  EXPECT_EQ(table->table_offset, file.size() - container_table_bytes(builder.index()));
  EXPECT_EQ(table->table_hash, hash64(encode_container_table(builder.index())));
}

TEST(ContainerTable, OfNoFramesComesBack) {
  const Bytes file = ContainerBuilder().finish();
  EXPECT_EQ(file.size(), kContainerHeaderBytes + 17 + 12);
  const auto table = read_container_table(MemorySource(file));
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->index.empty());
}

TEST(ContainerTable, ManyFramesComeBack) {
  FrameIndex index;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const std::uint64_t gap = i % 7 == 0 ? 8 + i % 100 : 0;
    index.append(index.frames_end() + gap, 13 + i % 50, 1 + i % 5000, i);
  }
  Bytes file(index.frames_end());
  append_to(file, encode_container_table(index));
  const auto table = read_container_table(MemorySource(file));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->index, index);
}

TEST(ContainerTable, AnyTruncationIsNone) {
  const Bytes file = small_container().finish();
  for (std::size_t n = 0; n < file.size(); ++n) {
    EXPECT_FALSE(read_container_table(MemorySource(ByteSpan(file).first(n)))) << n;
  }
}

TEST(ContainerTable, OneByteBehindItIsNone) {
  Bytes file = small_container().finish();
  file.push_back(std::byte{0});
  EXPECT_FALSE(read_container_table(MemorySource(file)));
}

TEST(ContainerTable, OfTwoConcatenatedContainersIsNone) {
  Bytes file = small_container().finish();
  append_to(file, small_container().finish());
  EXPECT_FALSE(read_container_table(MemorySource(file)));
}

/// A container whose table has one 32-bit field overwritten, `from_table` bytes into the table.
Bytes with_table_field(std::size_t from_table, std::uint32_t value) {
  const ContainerBuilder builder = small_container();
  Bytes file = builder.finish();
  const std::size_t table_offset = file.size() - container_table_bytes(builder.index());
  store_le(MutableByteSpan(file), table_offset + from_table, value);
  return file;
}

// Entries: 0 the header, 1 and 2 data, 3 zeros, 4 padding, 5 data.
constexpr std::size_t entry_at(std::size_t i) {
  return 8 + 12 * i;
}

TEST(ContainerTable, FirstEntryMustBeTheHeader) {
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(0), 81))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(0) + 4, 1))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(0) + 8, 0))));
}

TEST(ContainerTable, SizesMustAddUp) {
  const std::uint32_t stored = small_container().index()[1].stored_bytes;
  EXPECT_TRUE(read_container_table(MemorySource(with_table_field(entry_at(2), stored))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(2), stored - 1))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(2), stored + 1))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(2), 0))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(2), 0xFFFFFFFF))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(2), 0x80000000))));
}

TEST(ContainerTable, ContentIsLimitedToOneGibibyte) {
  EXPECT_TRUE(read_container_table(MemorySource(with_table_field(entry_at(3) + 4, 1u << 30))));
  EXPECT_FALSE(
      read_container_table(MemorySource(with_table_field(entry_at(3) + 4, (1u << 30) + 1))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(3) + 4, 0xFFFFFFFF))));
}

TEST(ContainerTable, PaddingHasTheChecksumOfNothing) {
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(entry_at(4) + 8, 1))));
}

TEST(ContainerTable, AbsurdCountsAreNone) {
  const std::size_t count_at = entry_at(6);
  EXPECT_TRUE(read_container_table(MemorySource(with_table_field(count_at, 6))));
  // The last make count x 12 + 17 wrap around in 32 bits, to what the file has.
  for (const std::uint32_t count : {0u, 1u, 5u, 7u, 1u << 27, (1u << 27) + 1, 1u << 31, 0xFFFFFFFFu,
                                    0x40000006u, 0x80000006u, 0xC0000006u}) {
    EXPECT_FALSE(read_container_table(MemorySource(with_table_field(count_at, count)))) << count;
  }
}

TEST(ContainerTable, FrameSizeMustBeThatOfTheEntries) {
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(4, 6 * 12 + 8))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(4, 0xFFFFFFFF))));
  EXPECT_FALSE(read_container_table(MemorySource(with_table_field(0, 0x184D2A5F))));
}

TEST(ContainerTable, DescriptorBits) {
  Bytes file = small_container().finish();
  std::byte& descriptor = file[file.size() - 5];
  for (unsigned value = 0; value < 256; ++value) {
    descriptor = std::byte(value);
    const bool readable = (value & 0xFC) == 0x80;  // the lowest two bits mean nothing
    EXPECT_EQ(read_container_table(MemorySource(file)).has_value(), readable) << value;
  }
}

/// A large file of which only the last bytes exist, as a hostile sparse file would be.
class EndOnlySource final : public RandomAccessSource {
 public:
  EndOnlySource(std::uint64_t size, Bytes end) : size_(size), end_(std::move(end)) {}
  std::uint64_t size() const override { return size_; }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    if (offset < size_ - end_.size()) {
      std::ranges::fill(out, std::byte{0});
      largest_read_ = std::max(largest_read_, out.size());
      return out.size();
    }
    return MemorySource(end_).read_at(offset - (size_ - end_.size()), out);
  }
  std::size_t largest_read() const { return largest_read_; }

 private:
  std::uint64_t size_;
  Bytes end_;
  mutable std::size_t largest_read_ = 0;
};

TEST(ContainerTable, LargestPlausibleCountIsBoundedByTheFile) {
  Bytes footer;
  append_le(footer, std::uint32_t{1u << 20});
  footer.push_back(std::byte{0x80});
  append_le(footer, std::uint32_t{0x8F92EAB1});
  const EndOnlySource too_small(10u << 20, footer);
  EXPECT_FALSE(read_container_table(too_small));
  EXPECT_EQ(too_small.largest_read(), 0u);
  const EndOnlySource large_enough(100u << 20, footer);
  EXPECT_FALSE(read_container_table(large_enough));
  EXPECT_LE(large_enough.largest_read(), 13u << 20);
}

TEST(ContainerTableDeathTest, GapsAreListedInOneEntry) {
  FrameIndex index;
  index.append(kContainerHeaderBytes + 0xFFFFFFFFull, 20, 1, 0);
  EXPECT_EQ(encode_container_table(index).size(), container_table_bytes(index));
  FrameIndex too_far;
  too_far.append(kContainerHeaderBytes + 0x100000000ull, 20, 1, 0);
  EXPECT_DEATH(encode_container_table(too_far), "internal error");
}

}  // namespace
}  // namespace zstdfs::test
