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
  Bytes hashed(input.begin(), input.end());
  store_le(MutableByteSpan(hashed), 72, hash64(ByteSpan(hashed).first(72)));
  decode(hashed);
}

}  // namespace zstdfs::fuzz
