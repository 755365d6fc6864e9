#include "tests/fuzz/decoding.hpp"

#include <algorithm>
#include <array>

#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::fuzz {
namespace {

bool frame_has_block_of_nothing(ByteSpan frame, int format) {
  std::size_t at = frame_header_size(frame, format);
  while (true) {
    const auto low = load_le<std::uint16_t>(frame, at);
    const auto block_bytes = (std::to_integer<std::size_t>(frame[at + 2]) << 16 | low) >> 3;
    const unsigned type = low >> 1 & 3;
    if (type == 2 && block_bytes == 0) return true;
    if ((low & 1) != 0) return false;
    at += 3 + (type == 1 ? 1 : block_bytes);
  }
}

}  // namespace

unsigned Choices::next() {
  const ByteSpan taken = take(1);
  return taken.empty() ? 0 : std::to_integer<unsigned>(taken[0]);
}

unsigned Choices::next_two_bytes() {
  const unsigned low = next();
  return low | next() << 8;
}

ByteSpan Choices::take(std::size_t bytes) {
  const ByteSpan taken = rest_.first(std::min(bytes, rest_.size()));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

DecompressorOptions decompressor_options(unsigned choice) {
  static constexpr std::array<std::uint64_t, 4> kWindows{0, 1u << 10, 1u << 16, 8u << 20};
  static constexpr std::array<ChecksumPolicy, 4> kPolicies{
      ChecksumPolicy::kVerifyIfPresent, ChecksumPolicy::kVerifyIfPresent,
      ChecksumPolicy::kRequireWithRawDict, ChecksumPolicy::kRequire};
  return {.max_window_size = kWindows[choice >> 1 & 3],
          .format = (choice & 1) != 0 ? kFormatZstd1Magicless : kFormatZstd1,
          .checksums = kPolicies[choice >> 3 & 3]};
}

std::uint64_t claimed_content_bytes(ByteSpan data, int format) {
  std::uint64_t bytes = 0;
  try {
    while (!data.empty()) {
      const std::size_t frame_bytes = frame_compressed_size(data, format);
      bytes += frame_content_size(data, format).value_or(0);
      data = data.subspan(frame_bytes);
    }
  } catch (const ZstdError&) {
    return bytes;
  }
  return bytes;
}

bool may_have_oversized_block(ByteSpan data, int format, std::size_t content_bytes) {
  try {
    for (ByteSpan rest = data; !rest.empty();) {
      const FrameParameters frame = get_frame_parameters(rest, format);
      const bool fits = content_bytes <= frame.block_size_max && frame.block_size_max != 0;
      if (!frame.is_skippable && !fits) return true;
      rest = rest.subspan(frame_compressed_size(rest, format));
    }
  } catch (const ZstdError&) {
    return false;  // extra data
  }
  return false;
}

bool has_block_of_nothing(ByteSpan data, int format) {
  try {
    for (ByteSpan rest = data; !rest.empty();) {
      const std::size_t bytes = frame_compressed_size(rest, format);
      const bool is_skippable = get_frame_parameters(rest, format).is_skippable;
      if (!is_skippable && frame_has_block_of_nothing(rest, format)) return true;
      rest = rest.subspan(bytes);
    }
  } catch (const ZstdError&) {
    return false;  // extra data
  }
  return false;
}

}  // namespace zstdfs::fuzz
