#include "tests/power_cut/content.hpp"

#include <algorithm>

#include "tests/patterns.hpp"

namespace zstdfs::powercut {
namespace {

constexpr std::uint64_t kMagic = 0x6B636F6C42747543u;
constexpr std::size_t kNameBytes = 32;
constexpr std::uint64_t kRawFileEvery = 3;
constexpr std::size_t kRecordBytes = 32;

std::string hexadecimal_beginning(ByteSpan bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 16))) {
    out += kDigits[static_cast<unsigned>(byte) >> 4];
    out += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return out;
}

}  // namespace

Bytes block_content(const BlockName& name) {
  Bytes out(kBlockBytes);
  if (name.version == 0) return out;
  test::Random random((name.file * 1'000'003 + name.block) * 1'000'003 + name.version);
  const bool compressible = name.file % kRawFileEvery != 0;
  const std::size_t step = compressible ? kRecordBytes : 8;
  for (std::size_t at = 0; at < out.size(); at += step)
    store_le(MutableByteSpan(out), at, random.next());
  store_le(MutableByteSpan(out), 0, kMagic);
  store_le(MutableByteSpan(out), 8, name.file);
  store_le(MutableByteSpan(out), 16, name.block);
  store_le(MutableByteSpan(out), 24, name.version);
  return out;
}

Bytes range_content(std::uint64_t file, std::uint64_t offset, std::uint64_t bytes,
                    std::uint64_t version) {
  Bytes out;
  for (std::uint64_t at = offset; at < offset + bytes;) {
    const std::uint64_t skip = at % kBlockBytes;
    const std::uint64_t n = std::min(kBlockBytes - skip, offset + bytes - at);
    const Bytes block = block_content({file, at / kBlockBytes, version});
    const auto from = block.begin() + static_cast<std::ptrdiff_t>(skip);
    out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(n));
    at += n;
  }
  return out;
}

std::string describe_block(ByteSpan bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) {
    return "zeros";
  }
  if (bytes.size() < kNameBytes || load_le<std::uint64_t>(bytes, 0) != kMagic) {
    return "no block of this test (" + hexadecimal_beginning(bytes) + "...)";
  }
  const BlockName name{load_le<std::uint64_t>(bytes, 8), load_le<std::uint64_t>(bytes, 16),
                       load_le<std::uint64_t>(bytes, 24)};
  const Bytes whole = block_content(name);
  const auto same = static_cast<std::size_t>(
      std::mismatch(bytes.begin(), bytes.end(), whole.begin(), whole.end()).first - bytes.begin());
  std::string text = "block " + std::to_string(name.block) + " of file " +
                     std::to_string(name.file) + ", version " + std::to_string(name.version);
  if (same < bytes.size()) text += ", but only the first " + std::to_string(same) + " bytes of it";
  return text;
}

}  // namespace zstdfs::powercut
