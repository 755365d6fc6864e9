#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/frame_walk.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::uint64_t kMostContentBytes = 1u << 20;  // so that a run takes no time

/// What libzstd decompresses must have been found, whole and with the right sizes.
void compare_with_decoder(ByteSpan file, const FrameExtent& extent) {
  if (!extent.content_bytes || *extent.content_bytes > kMostContentBytes) return;
  const ByteSpan frame = file.subspan(static_cast<std::size_t>(extent.stored_offset),
                                      static_cast<std::size_t>(extent.stored_bytes));
  Bytes content(static_cast<std::size_t>(*extent.content_bytes));
  const bool zeros = is_zero_frame(frame, *extent.content_bytes);
  try {
    FrameDecoder().decode(frame, content, extent.stored_offset);
  } catch (const CorruptError&) {
    FUZZ_REQUIRE(!zeros);
    return;
  }
  FUZZ_REQUIRE(extent.checksum == content_checksum(content));
  if (zeros) FUZZ_REQUIRE(content == Bytes(content.size()));
}

}  // namespace

void frame_walk_target(ByteSpan input) {
  const MemorySource source(input);
  std::uint64_t offset = 0;
  while (true) {
    const auto found = find_frame(source, offset);
    if (const auto* none = std::get_if<NoFrame>(&found)) {
      FUZZ_REQUIRE(none->stored_offset == offset && !none->reason.empty());
      return;
    }
    const auto& extent = std::get<FrameExtent>(found);
    FUZZ_REQUIRE(extent.stored_offset == offset && extent.stored_bytes >= 8);
    FUZZ_REQUIRE(extent.stored_bytes <= input.size() - offset);
    if (extent.kind == FrameExtent::Kind::kData) compare_with_decoder(input, extent);
    offset += extent.stored_bytes;
  }
}

}  // namespace zstdfs::fuzz
