#include <atomic>
#include <thread>

#include "tests/unit/core_container_builder.hpp"

namespace zstdfs::test {
namespace {

TEST(Container, SealedOneComesBack) {
  const ContainerBuilder builder = small_container();
  const Bytes file = builder.finish({.chunk_bytes = 8192, .level = 19, .generation = 3});
  const MemorySource source(file);
  EXPECT_TRUE(is_container(source));
  EXPECT_EQ(logical_size(source), builder.content().size());
  const LoadedContainer loaded = load_container(source);
  EXPECT_TRUE(loaded.sealed);
  EXPECT_TRUE(loaded.header_intact);
  EXPECT_EQ(loaded.damage, "");
  EXPECT_EQ(loaded.header.chunk_bytes, 8192u);
  EXPECT_EQ(loaded.header.level, 19);
  EXPECT_EQ(loaded.header.generation, 3u);
  EXPECT_EQ(loaded.index, builder.index());
  EXPECT_EQ(loaded.logical_bytes, builder.content().size());
  EXPECT_EQ(read_all(source, loaded.index), builder.content());
}

TEST(Container, OthersAreNotContainers) {
  EXPECT_FALSE(is_container(MemorySource({})));
  EXPECT_FALSE(is_container(MemorySource(bytes_of("text"))));
  EXPECT_FALSE(is_container(MemorySource(FrameEncoder().encode(Bytes(100), 3))));
  EXPECT_FALSE(is_container(MemorySource(Bytes(100))));
}

TEST(Container, EmptyOneComesBack) {
  const Bytes file = ContainerBuilder().finish();
  const LoadedContainer loaded = load_container(MemorySource(file));
  EXPECT_TRUE(loaded.sealed);
  EXPECT_TRUE(loaded.index.empty());
  EXPECT_EQ(loaded.logical_bytes, 0u);
}

TEST(Container, ScanFindsWhatTheTableLists) {
  ContainerBuilder builder = small_container();
  builder.data(random_bytes(kMaxChunkBytes, 1), 1)
      .zeros(40u << 20)
      .padding(9000)
      .data(compressible_bytes(5u << 20, 2))
      .data(compressible_bytes(1, 3));
  const Bytes file = builder.finish();
  for (const ScanTrust trust : {ScanTrust::kNothing, ScanTrust::kDurableFrames}) {
    const LoadedContainer scanned = scan_container(MemorySource(file), trust);
    EXPECT_EQ(scanned.index, builder.index());
    EXPECT_EQ(scanned.damage, "");
    EXPECT_FALSE(scanned.sealed);
    EXPECT_TRUE(scanned.header_intact);
    EXPECT_EQ(scanned.logical_bytes, builder.content().size());
  }
}

/// A container after an append of `frame` that was interrupted before the table was written.
Bytes interrupted_append(const ContainerBuilder& builder, ByteSpan frame) {
  Bytes file = builder.finish();
  file.resize(file.size() - container_table_bytes(builder.index()));
  append_to(file, frame);
  return file;
}

TEST(Container, InterruptedAppendGivesTheWholeFrames) {
  ContainerBuilder builder = small_container();
  const Bytes more = compressible_bytes(3000, 1);
  const Bytes frame = FrameEncoder().encode(more, 3);
  for (std::size_t n = 0; n <= frame.size(); ++n) {
    const Bytes file = interrupted_append(builder, ByteSpan(frame).first(n));
    const MemorySource source(file);
    const LoadedContainer loaded = load_container(source);
    Bytes expected = builder.content();
    if (n == frame.size()) append_to(expected, more);
    EXPECT_FALSE(loaded.sealed && n > 0) << n;
    EXPECT_TRUE(loaded.header_intact);
    EXPECT_EQ(loaded.logical_bytes, expected.size()) << n;
    EXPECT_EQ(logical_size(source), expected.size()) << n;
    EXPECT_EQ(read_all(source, loaded.index), expected) << n;
    EXPECT_EQ(loaded.damage.empty(), n == 0 || n == frame.size()) << n << loaded.damage;
  }
}

TEST(Container, UnsyncedFramesAreVerifiedAndDurableOnesAreNot) {
  const ContainerBuilder builder = small_container();
  const Bytes more = compressible_bytes(3000, 1);
  Bytes torn = FrameEncoder().encode(more, 3);
  torn[torn.size() - 6] ^= std::byte{0x10};
  const Bytes file = interrupted_append(builder, torn);
  const LoadedContainer loaded = load_container(MemorySource(file));
  EXPECT_EQ(loaded.index, builder.index());
  EXPECT_NE(loaded.damage, "");

  // The same damage below durable_bytes is left to the reader, and hides nothing behind it.
  Bytes rotten = interrupted_append(builder, FrameEncoder().encode(more, 3));
  const FrameEntry& second = builder.index()[1];
  rotten[second.stored_end() - 5] ^= std::byte{0x10};
  const LoadedContainer trusted = load_container(MemorySource(rotten));
  EXPECT_EQ(trusted.index.size(), builder.index().size() + 1);
  Bytes out(second.logical_bytes);
  EXPECT_THROW(read_frame(MemorySource(rotten), second, out), CorruptError);
  EXPECT_EQ(scan_container(MemorySource(rotten), ScanTrust::kNothing).index.size(), 1u);
}

TEST(Container, ScanTakesOnlyFramesOfTheFormat) {
  FrameEncoder encoder;
  const Bytes no_checksum =
      bytes_of(std::string("\x28\xB5\x2F\xFD\x20\x03\x19\x00\x00", 9) + "abc");
  const Bytes no_size =
      bytes_of(std::string("\x28\xB5\x2F\xFD\x04\x58\x19\x00\x00", 9) + "abc0000");
  Bytes many_zeros = encode_zero_frame(100u << 20);
  many_zeros[10] |= std::byte{1};  // the first block is the last: less content than is said
  for (const Bytes& bad : {no_checksum, no_size, many_zeros, bytes_of("garbage")}) {
    Bytes file = interrupted_append(small_container(), bad);
    append_to(file, encoder.encode(bytes_of("unreachable"), 3));
    const LoadedContainer loaded = load_container(MemorySource(file));
    EXPECT_EQ(loaded.index, small_container().index());
    EXPECT_NE(loaded.damage, "");
  }
}

TEST(Container, ScanPassesOverFramesWithoutContent) {
  const ContainerBuilder builder = small_container();
  FrameEncoder encoder;
  Bytes file = interrupted_append(builder, encoder.encode({}, 3));
  append_to(file, encoder.encode(bytes_of("more"), 3));
  const MemorySource source(file);
  const LoadedContainer loaded = load_container(source);
  Bytes expected = builder.content();
  append_to(expected, bytes_of("more"));
  EXPECT_EQ(loaded.damage, "");
  EXPECT_EQ(read_all(source, loaded.index), expected);
  EXPECT_EQ(encode_container_table(loaded.index).size(), container_table_bytes(loaded.index));
}

TEST(Container, HugeZeroFramesAreReadWithoutDecompressing) {
  ContainerBuilder builder;
  builder.zeros(100u << 20);
  const Bytes file = builder.finish();
  const MemorySource source(file);
  EXPECT_TRUE(is_stored_zero_frame(source, builder.index()[0]));
  Bytes out(100u << 20, std::byte{1});
  read_frame(source, builder.index()[0], out);
  EXPECT_EQ(out, builder.content());
}

TEST(Container, StoredZeroFramesAreToldByTheirBytes) {
  ContainerBuilder builder;
  builder.zeros(1000).data(Bytes(1000)).data(random_bytes(1000, 1));
  Bytes file = builder.finish();
  EXPECT_TRUE(is_stored_zero_frame(MemorySource(file), builder.index()[0]));
  EXPECT_FALSE(is_stored_zero_frame(MemorySource(file), builder.index()[1]));
  EXPECT_FALSE(is_stored_zero_frame(MemorySource(file), builder.index()[2]));
  file[builder.index()[0].stored_offset + 10] ^= std::byte{0x10};
  EXPECT_FALSE(is_stored_zero_frame(MemorySource(file), builder.index()[0]));
}

TEST(Container, ZerosInAnotherFormAreReadAsWell) {
  ContainerBuilder builder;
  for (std::size_t size = 1; size < 300; ++size) builder.data(Bytes(size));
  const Bytes file = builder.finish();
  EXPECT_EQ(read_all(MemorySource(file), builder.index()), builder.content());
}

TEST(Container, ConcurrentReadsOfOneSource) {
  ContainerBuilder builder;
  for (unsigned i = 0; i < 24; ++i) {
    if (i % 5 == 4) {
      builder.zeros(1000 + i);
    } else {
      builder.data(compressible_bytes(20000 + 1000 * i, i));
    }
  }
  const Bytes file = builder.finish();
  const MemorySource source(file);
  const LoadedContainer loaded = load_container(source);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < 6; ++t) {
    readers.emplace_back([&, t] {
      for (std::size_t n = 0; n < 200; ++n) {
        const FrameEntry& frame = loaded.index[(n * (t + 1) + t) % loaded.index.size()];
        Bytes out(frame.logical_bytes);
        read_frame(source, frame, out);
        const auto expected = ByteSpan(builder.content()).subspan(frame.logical_offset, out.size());
        if (!std::ranges::equal(out, expected)) ++wrong;
        if (zeros_checksum(n * 5000 + t + 1) == 0) ++wrong;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace zstdfs::test
