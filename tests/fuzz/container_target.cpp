#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::uint64_t kMostContentBytes = 1u << 20;  // so that a run takes no time

/// Reads every frame that is not too large for a fuzzer. Returns whether all could be read.
bool read_frames(const RandomAccessSource& source, const FrameIndex& index) {
  bool all = true;
  for (const FrameEntry& frame : index) {
    const bool zeros = is_stored_zero_frame(source, frame);
    if (frame.logical_bytes > kMostContentBytes) continue;
    Bytes content(frame.logical_bytes);
    try {
      read_frame(source, frame, content);
      FUZZ_REQUIRE(content_checksum(content) == frame.checksum);
      if (zeros) FUZZ_REQUIRE(content == Bytes(content.size()));
    } catch (const CorruptError&) {
      FUZZ_REQUIRE(!zeros);
      all = false;
    }
  }
  return all;
}

void load(ByteSpan file) {
  const MemorySource source(file);
  if (!is_container(source)) return;
  try {
    const LoadedContainer loaded = load_container(source);
    FUZZ_REQUIRE(loaded.index.logical_bytes() <= loaded.logical_bytes);
    FUZZ_REQUIRE(loaded.index.frames_end() <= std::max<std::uint64_t>(80, file.size()));
    if (loaded.sealed) {
      FUZZ_REQUIRE(loaded.header_intact && loaded.damage.empty());
      FUZZ_REQUIRE(loaded.header.logical_bytes == loaded.index.logical_bytes());
      FUZZ_REQUIRE(logical_size(source) == loaded.logical_bytes);
    }
    read_frames(source, loaded.index);

    // A scan that trusts nothing has read every frame before it lists it.
    const LoadedContainer scanned = scan_container(source, ScanTrust::kNothing);
    FUZZ_REQUIRE(read_frames(source, scanned.index));
    FUZZ_REQUIRE(encode_container_table(scanned.index).size() ==
                 container_table_bytes(scanned.index));
    FUZZ_REQUIRE(!scan_container(source, ScanTrust::kDurableFrames).sealed);
  } catch (const NewerFormatError&) {
    FUZZ_REQUIRE(load_le<std::uint16_t>(file, 16) > kContainerVersion);
  }
}

/// Makes what hashes protect consistent again, so that what lies behind them is reached.
Bytes with_hashes(ByteSpan input) {
  Bytes file(input.begin(), input.end());
  const MutableByteSpan out(file);
  if (has_short_header(file)) {
    store_le(out, 34, static_cast<std::uint16_t>(file.size()));
    const LoadedContainer scanned = scan_container(MemorySource(file), ScanTrust::kNothing);
    store_le(out, 32, static_cast<std::uint16_t>(scanned.index.logical_bytes()));
    store_le(out, 36, static_cast<std::uint32_t>(hash64(encode_container_table(scanned.index))));
    store_le(out, 48, hash64(out.first(48)));
    return file;
  }
  store_le(out, 48, std::uint64_t{file.size()});
  if (const auto table = read_container_table(MemorySource(file))) {
    store_le(out, 40, table->index.logical_bytes());
    store_le(out, 64, table->table_hash);
  }
  store_le(out, 72, hash64(ByteSpan(file).first(72)));
  return file;
}

}  // namespace

void container_target(ByteSpan input) {
  load(input);
  if (input.size() < kContainerHeaderBytes) return;
  load(with_hashes(input));
}

}  // namespace zstdfs::fuzz
