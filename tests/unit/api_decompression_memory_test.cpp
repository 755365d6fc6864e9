#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"

// What decompression does without memory.

namespace {

std::size_t largest_allocation = SIZE_MAX;

}  // namespace

void* operator new(std::size_t bytes) {
  void* const memory = bytes <= largest_allocation ? std::malloc(bytes) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace zstdfs {
namespace {

using test::frame_of;
using test::joined;

/// While it lives, there is memory for smaller objects only.
class LittleMemory {
 public:
  explicit LittleMemory(std::size_t bytes) { largest_allocation = bytes; }
  ~LittleMemory() { largest_allocation = SIZE_MAX; }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;
};

const Bytes kContent = test::text_bytes(1'000'000, 1);

TEST(DecompressionMemory, AReadReturnsWhatItHasMemoryFor) {
  const Bytes frame = frame_of(kContent);
  ZstdDecompressor decompressor;
  ZstdDecompressionReader reader = decompressor.stream_reader(frame);
  Bytes first;
  {
    const LittleMemory memory(400'000);
    first = reader.read(900'000);
  }
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(reader.tell(), first.size());
  EXPECT_EQ(joined({first, reader.readall()}), kContent);
}

TEST(DecompressionMemory, AnObjectThatHasLostBytesDoesNotGoOn) {
  const Bytes frame = frame_of(kContent);
  ZstdDecompressor decompressor;
  ZstdDecompressionObj object = decompressor.decompressobj();
  {
    const LittleMemory memory(400'000);
    EXPECT_THROW(object.decompress(ByteSpan(frame).first(frame.size() / 2)), std::bad_alloc);
  }
  EXPECT_THROW(object.decompress(ByteSpan(frame).subspan(frame.size() / 2)), std::bad_alloc);
  EXPECT_EQ(decompressor.decompress(frame), kContent);
}

}  // namespace
}  // namespace zstdfs
