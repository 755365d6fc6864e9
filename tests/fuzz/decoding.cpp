#include "tests/fuzz/decoding.hpp"

#include <algorithm>
#include <array>

#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::fuzz {

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

}  // namespace zstdfs::fuzz
