#include "tests/fuzz/targets.hpp"

// Compiled once for each target, whose function ZSTDFS_FUZZ_TARGET names.

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  zstdfs::fuzz::ZSTDFS_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  return 0;
}
