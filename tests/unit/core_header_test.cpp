#include <array>
#include <limits>

#include "tests/unit/core_container_builder.hpp"

namespace zstdfs::test {
namespace {

ContainerHeader some_header() {
  return {.chunk_bytes = 64u << 10,
          .level = -5,
          .dictionary_id = 0xA1B2C3D4,
          .generation = 7,
          .logical_bytes = 1234567890123,
          .stored_bytes = 987654321,
          .durable_bytes = 987654000,
          .seek_table_hash = 0x1122334455667788};
}

/// Encodes `some_header`, overwrites one field, and makes the checksum right again.
template <typename T>
Bytes header_with(std::size_t offset, T value) {
  Bytes bytes = encode_container_header(some_header());
  store_le(MutableByteSpan(bytes), offset, value);
  rehash_header(bytes);
  return bytes;
}

TEST(ContainerHeader, ComesBack) {
  const Bytes bytes = encode_container_header(some_header());
  EXPECT_EQ(bytes.size(), kContainerHeaderBytes);
  EXPECT_EQ(decode_container_header(bytes), some_header());
}

TEST(ContainerHeader, FieldsLieWhereTheFormatSays) {
  const Bytes bytes = encode_container_header(some_header());
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 0), 0x184D2A55u);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 4), 72u);
  EXPECT_EQ(std::memcmp(bytes.data() + 8, "zstdfs\r\n", 8), 0);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 16), 1);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 18), 0);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 20), 64u << 10);
  EXPECT_EQ(load_le<std::int32_t>(bytes, 24), -5);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 28), 0xA1B2C3D4u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 32), 7u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 40), 1234567890123u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 48), 987654321u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 56), 987654000u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 64), 0x1122334455667788u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 72), hash64(ByteSpan(bytes).first(72)));
}

TEST(ContainerHeader, SignatureIsTheFirstSixteenBytes) {
  Bytes bytes = encode_container_header(some_header());
  EXPECT_TRUE(has_container_signature(ByteSpan(bytes).first(16)));
  EXPECT_FALSE(has_container_signature(ByteSpan(bytes).first(15)));
  EXPECT_FALSE(has_container_signature({}));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{1};
    const bool is_size = i >= 4 && i < 8;  // other forms have other sizes
    EXPECT_EQ(has_container_signature(bytes), i >= 16 || is_size) << i;
    bytes[i] ^= std::byte{1};
  }
}

void expect_no_flipped_bit_decodes(const Bytes& bytes) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= std::byte(1u << bit % 8);
    EXPECT_EQ(decode_container_header(flipped), std::nullopt) << bit;
  }
}

TEST(ContainerHeader, AnyFlippedBitMakesItUndecodable) {
  expect_no_flipped_bit_decodes(encode_container_header(some_header()));
}

TEST(ContainerHeader, CutShortIsUndecodable) {
  const Bytes bytes = encode_container_header(some_header());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(decode_container_header(ByteSpan(bytes).first(n)), std::nullopt) << n;
  }
}

TEST(ContainerHeader, LimitsHold) {
  EXPECT_TRUE(decode_container_header(header_with(20, std::uint32_t{kMinChunkBytes})));
  EXPECT_FALSE(decode_container_header(header_with(20, std::uint32_t{kMinChunkBytes - 1})));
  EXPECT_TRUE(decode_container_header(header_with(20, std::uint32_t{kMaxChunkBytes})));
  EXPECT_FALSE(decode_container_header(header_with(20, std::uint32_t{kMaxChunkBytes + 1})));
  EXPECT_TRUE(decode_container_header(header_with(24, std::int32_t{22})));
  EXPECT_FALSE(decode_container_header(header_with(24, std::int32_t{23})));
  EXPECT_TRUE(decode_container_header(header_with(24, std::int32_t{-131072})));
  EXPECT_FALSE(decode_container_header(header_with(24, std::int32_t{-131073})));
  constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int64_t>::max();
  for (const std::size_t offset : {40u, 48u, 56u}) {
    EXPECT_TRUE(decode_container_header(header_with(offset, kMostBytes))) << offset;
    EXPECT_FALSE(decode_container_header(header_with(offset, kMostBytes + 1))) << offset;
  }
}

/// A header with flags, of the version that has them.
Bytes header_with_flags(std::uint16_t flags) {
  Bytes bytes = header_with(18, flags);
  store_le(MutableByteSpan(bytes), 16, std::uint16_t{2});
  rehash_header(bytes);
  return bytes;
}

TEST(ContainerHeader, VersionOneHasNoFlags) {
  for (unsigned bit = 0; bit < 16; ++bit) {
    EXPECT_FALSE(decode_container_header(header_with(18, static_cast<std::uint16_t>(1u << bit))));
  }
}

TEST(ContainerHeader, UnknownFlagMakesItUndecodable) {
  for (unsigned bit = 2; bit < 16; ++bit) {
    EXPECT_FALSE(decode_container_header(header_with_flags(static_cast<std::uint16_t>(1u << bit))));
  }
  const auto both = decode_container_header(header_with_flags(3));
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->long_distance_matching);
  EXPECT_TRUE(both->compact);
}

TEST(ContainerHeader, FlagsComeBackAndRaiseTheVersion) {
  for (const bool compact : {false, true}) {
    for (const bool long_distance_matching : {false, true}) {
      ContainerHeader header = some_header();
      header.compact = compact;
      header.long_distance_matching = long_distance_matching;
      const Bytes bytes = encode_container_header(header);
      EXPECT_EQ(decode_container_header(bytes), header);
      EXPECT_EQ(load_le<std::uint16_t>(bytes, 16), compact || long_distance_matching ? 2 : 1);
    }
  }
}

TEST(ContainerHeader, NewerVersionIsRefusedInWords) {
  EXPECT_THROW(decode_container_header(header_with(16, std::uint16_t{4})), NewerFormatError);
  EXPECT_THROW(decode_container_header(header_with(16, std::uint16_t{65535})), NewerFormatError);
  EXPECT_FALSE(decode_container_header(header_with(16, std::uint16_t{0})));
  // The number of the short form, and this is not one.
  EXPECT_FALSE(decode_container_header(header_with(16, std::uint16_t{3})));
  const Bytes newer = header_with(16, std::uint16_t{4});
  EXPECT_THROW(load_container(MemorySource(newer)), NewerFormatError);
  EXPECT_THROW(logical_size(MemorySource(newer)), NewerFormatError);
}

// Whatever size a later version gives it, it is not taken for content or for damage.
TEST(ContainerHeader, NewerVersionIsRefusedAtOtherSizesToo) {
  for (const std::uint32_t payload_bytes : {24u, 40u, 48u, 71u}) {
    Bytes bytes = encode_container_header(some_header());
    bytes.resize(8 + payload_bytes);
    store_le(MutableByteSpan(bytes), 4, payload_bytes);
    rehash_header(bytes);
    EXPECT_EQ(decode_container_header(bytes), std::nullopt) << payload_bytes;
    store_le(MutableByteSpan(bytes), 16, std::uint16_t{4});
    rehash_header(bytes);
    EXPECT_THROW(decode_container_header(bytes), NewerFormatError) << payload_bytes;
  }
}

ContainerHeader some_short_header() {
  ContainerHeader header{.chunk_bytes = 64u << 10,
                         .level = -5,
                         .dictionary_id = 0xA1B2C3D4,
                         .compact = true,
                         .is_short = true,
                         .generation = 0x0102030405060708,
                         .logical_bytes = 4096,
                         .stored_bytes = 65535,
                         .durable_bytes = 65535,
                         .seek_table_hash = 0x55667788};
  return header;
}

template <typename T>
Bytes short_header_with(std::size_t offset, T value) {
  Bytes bytes = encode_container_header(some_short_header());
  store_le(MutableByteSpan(bytes), offset, value);
  rehash_header(bytes);
  return bytes;
}

TEST(ShortHeader, ComesBack) {
  for (const bool durable : {false, true}) {
    for (const bool long_distance_matching : {false, true}) {
      ContainerHeader header = some_short_header();
      header.long_distance_matching = long_distance_matching;
      header.durable_bytes = durable ? header.stored_bytes : 0;
      const Bytes bytes = encode_container_header(header);
      EXPECT_EQ(bytes.size(), kShortHeaderBytes);
      EXPECT_EQ(bytes.size(), header.bytes());
      EXPECT_TRUE(has_container_signature(bytes));
      EXPECT_TRUE(has_short_header(bytes));
      EXPECT_EQ(decode_container_header(bytes), header);
    }
  }
  EXPECT_FALSE(has_short_header(encode_container_header(some_header())));
}

TEST(ShortHeader, FieldsLieWhereTheFormatSays) {
  const Bytes bytes = encode_container_header(some_short_header());
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 0), 0x184D2A55u);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 4), 48u);
  EXPECT_EQ(std::memcmp(bytes.data() + 8, "zstdfs\r\n", 8), 0);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 16), 3);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 18), 2 + 4);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 20), 64u << 10);
  EXPECT_EQ(load_le<std::int32_t>(bytes, 24), -5);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 28), 0xA1B2C3D4u);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 32), 4096);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, 34), 65535);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 36), 0x55667788u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 40), 0x0102030405060708u);
  EXPECT_EQ(load_le<std::uint64_t>(bytes, 48), hash64(ByteSpan(bytes).first(48)));
}

TEST(ShortHeader, AnyFlippedBitMakesItUndecodable) {
  expect_no_flipped_bit_decodes(encode_container_header(some_short_header()));
}

TEST(ShortHeader, LimitsHold) {
  EXPECT_TRUE(decode_container_header(short_header_with(32, std::uint16_t{1})));
  EXPECT_FALSE(decode_container_header(short_header_with(32, std::uint16_t{0})));
  EXPECT_FALSE(decode_container_header(short_header_with(32, std::uint16_t{4097})));
  EXPECT_TRUE(decode_container_header(short_header_with(34, std::uint16_t{57})));
  EXPECT_FALSE(decode_container_header(short_header_with(34, std::uint16_t{56})));
  EXPECT_FALSE(decode_container_header(short_header_with(18, std::uint16_t{0}))) << "not compact";
  EXPECT_FALSE(decode_container_header(short_header_with(18, std::uint16_t{2 + 8})));
  for (const std::uint16_t version : std::array<std::uint16_t, 3>{0, 1, 2}) {
    EXPECT_FALSE(decode_container_header(short_header_with(16, version)));
  }
  EXPECT_THROW(decode_container_header(short_header_with(16, std::uint16_t{4})), NewerFormatError);
}

TEST(ContainerHeader, Hash64IsXxh64) {
  EXPECT_EQ(hash64({}), 0xEF46DB3751D8E999u);
  EXPECT_EQ(hash64(bytes_of("a")), 0xD24EC4F1A98C6E5Bu);
}

}  // namespace
}  // namespace zstdfs::test
