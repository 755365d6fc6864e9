#include "tests/unit/core_container_builder.hpp"
#include "tests/unit/zstd_command.hpp"

// What zstdfs stores is read by the zstd command, without any help.

namespace zstdfs::test {
namespace {

TEST(ZstdCommand, ReadsContainers) {
  ContainerBuilder mixed = small_container();
  mixed.data(random_bytes(300000, 1))
      .zeros(5u << 20)
      .padding(8)
      .data(compressible_bytes(kMaxChunkBytes, 2), 1)
      .data(compressible_bytes(1u << 20, 3), 19)
      .data(compressible_bytes(100, 4), -5);
  for (const ContainerBuilder& builder : {ContainerBuilder(), small_container(), mixed}) {
    const Bytes file = builder.finish();
    EXPECT_TRUE(zstd_accepts(file));
    EXPECT_EQ(unpacked_by_zstd(file), builder.content());
  }
}

TEST(ZstdCommand, ReadsFramesOfTheHighestLevelWithDefaultMemory) {
  ContainerBuilder builder;
  builder.data(compressible_bytes(kMaxChunkBytes, 1), 22);
  EXPECT_TRUE(zstd_accepts(builder.finish()));
}

TEST(ZstdCommand, ReadsZeroFramesOfAllSizes) {
  for (const std::uint32_t size :
       {1u, 2u, 255u, 256u, 65535u, 65536u, 65791u, 65792u, 131071u, 131072u, 131073u, 262143u,
        262145u, 16u << 20, (128u << 20) + 1, (1u << 30) - 1, 1u << 30}) {
    SCOPED_TRACE(size);
    std::uint64_t bytes = 0;
    bool only_zeros = true;
    const Bytes zeros(1u << 20);
    EXPECT_TRUE(run_zstd("-q -dc", encode_zero_frame(size), [&](ByteSpan piece) {
      bytes += piece.size();
      only_zeros = only_zeros && std::memcmp(piece.data(), zeros.data(), piece.size()) == 0;
    }));
    EXPECT_EQ(bytes, size);
    EXPECT_TRUE(only_zeros);
  }
}

TEST(ZstdCommand, RefusesWhatWeCallCorrupt) {
  const ContainerBuilder builder = small_container();
  Bytes file = builder.finish();
  file[builder.index()[1].stored_end() - 1] ^= std::byte{1};
  EXPECT_FALSE(run_zstd("-q -t 2>/dev/null", file, [](ByteSpan) {}));
  Bytes out(builder.index()[1].logical_bytes);
  EXPECT_THROW(read_frame(MemorySource(file), builder.index()[1], out), CorruptError);
}

TEST(ZstdCommand, ItsFramesCanBeInAContainer) {
  const Bytes content = compressible_bytes(100000, 7);
  Bytes frame;
  ASSERT_TRUE(run_zstd("-q -c -12", content, [&](ByteSpan piece) { append_to(frame, piece); }));
  ContainerBuilder builder;
  builder.data(bytes_of("before")).frame(frame, content);
  const Bytes file = builder.finish();
  const MemorySource source(file);
  EXPECT_EQ(read_all(source, load_container(source).index), builder.content());
  EXPECT_EQ(scan_container(source, ScanTrust::kNothing).index, builder.index());
}

}  // namespace
}  // namespace zstdfs::test
