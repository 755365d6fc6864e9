#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::fuzz {
namespace {

void decode(ByteSpan input) {
  try {
    const auto header = decode_container_header(input);
    if (!header) return;
    FUZZ_REQUIRE(has_container_signature(input));
    // There is one encoding of each header.
    const Bytes again = encode_container_header(*header);
    FUZZ_REQUIRE(input.size() >= again.size());
    FUZZ_REQUIRE(std::memcmp(again.data(), input.data(), again.size()) == 0);
  } catch (const NewerFormatError&) {
    FUZZ_REQUIRE(load_le<std::uint16_t>(input, 16) > kContainerVersion);
  }
}

}  // namespace

void header_target(ByteSpan input) {
  decode(input);
  if (input.size() < kContainerHeaderBytes) return;
  // Few inputs have the right hash by themselves; the limits are behind it.
  for (const std::size_t bytes : {kContainerHeaderBytes, kShortHeaderBytes}) {
    Bytes hashed(input.begin(), input.end());
    const MutableByteSpan out(hashed);
    store_le(out, 4, static_cast<std::uint32_t>(bytes - 8));
    store_le(out, bytes - 8, hash64(out.first(bytes - 8)));
    decode(hashed);
  }
}

}  // namespace zstdfs::fuzz
