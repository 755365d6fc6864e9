#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/compressor.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr unsigned kMostSegments = 15;

/// A number of 64 bits: small ones, and those that make sums overflow.
std::uint64_t next_number(Choices& choices) {
  const unsigned number = choices.next_two_bytes();
  return number < 0xFF00 ? number : ~std::uint64_t{0xFFFF} | number;
}

std::vector<ByteRange> next_segments(Choices& choices, unsigned count) {
  std::vector<ByteRange> segments;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t offset = next_number(choices);
    segments.push_back({offset, next_number(choices)});
  }
  return segments;
}

/// Whether a segment lies inside the data, told in another way than the buffer does.
bool is_inside(const ByteRange& segment, std::size_t data_bytes) {
  return segment.offset <= data_bytes && segment.bytes <= data_bytes &&
         segment.offset + segment.bytes <= data_bytes;
}

void check_items(const BufferWithSegments& buffer, ByteSpan data,
                 const std::vector<ByteRange>& segments) {
  FUZZ_REQUIRE(buffer.size() == data.size() && buffer.segment_count() == segments.size());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const BufferSegment item = buffer[i];
    FUZZ_REQUIRE(item.offset() == segments[i].offset && item.size() == segments[i].bytes);
    const ByteSpan wanted = data.subspan(static_cast<std::size_t>(segments[i].offset),
                                         static_cast<std::size_t>(segments[i].bytes));
    FUZZ_REQUIRE(std::ranges::equal(item.bytes(), wanted));
    bytes += item.size();
  }
  if (segments.empty()) return;
  const BufferWithSegmentsCollection twice({buffer, buffer});
  FUZZ_REQUIRE(twice.segment_count() == 2 * segments.size() && twice.size() == 2 * bytes);
  for (std::size_t i = 0; i < twice.segment_count(); ++i) {
    FUZZ_REQUIRE(twice[i].offset() == segments[i % segments.size()].offset);
  }
}

/// Whether every item is one frame and nothing else, and holds what is claimed: told one by one.
bool can_be_decompressed(ZstdDecompressor& decompressor, const BufferWithSegments& frames,
                         const std::vector<std::uint64_t>& sizes) {
  for (std::size_t i = 0; i < frames.segment_count(); ++i) {
    DecompressOptions options;
    if (!sizes.empty()) options.max_output_size = kMostContentBytes;
    const Outcome one =
        outcome_of([&] { return decompressor.decompress(frames[i].bytes(), options); });
    if (one.error || (!sizes.empty() && one.content.size() != sizes[i])) return false;
  }
  return true;
}

/// In a batch, a skippable frame is an item of the wrong kind; one by one, it is passed over.
bool begins_with_skippable_frame(ByteSpan data, int format) {
  return format == kFormatZstd1 && data.size() >= 8 &&
         (load_le<std::uint32_t>(data, 0) & 0xFFFFFFF0) == 0x184D2A50;
}

void decompress_all(const DecompressorOptions& options, const BufferWithSegments& frames,
                    const std::vector<std::uint64_t>& sizes, const BatchOptions& batch) {
  bool has_skippable = false;
  for (std::size_t i = 0; i < frames.segment_count(); ++i) {
    const ByteSpan item = frames[i].bytes();
    if (claimed_content_bytes(item, options.format) > kMostContentBytes / kMostSegments) return;
    has_skippable = has_skippable || begins_with_skippable_frame(item, options.format);
  }
  ZstdDecompressor decompressor(options);
  try {
    const BufferWithSegmentsCollection all =
        decompressor.multi_decompress_to_buffer(frames, sizes, batch);
    FUZZ_REQUIRE(all.segment_count() == frames.segment_count() && !has_skippable);
    for (std::size_t i = 0; i < all.segment_count(); ++i) {
      const Bytes one = decompressor.decompress(
          frames[i].bytes(), {.max_output_size = std::max<std::size_t>(all[i].size(), 1)});
      FUZZ_REQUIRE(std::ranges::equal(all[i].bytes(), one));
      if (!sizes.empty()) FUZZ_REQUIRE(one.size() == sizes[i]);
    }
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(std::string(error.what()).find("item ") != std::string::npos);
    FUZZ_REQUIRE(has_skippable || !can_be_decompressed(decompressor, frames, sizes));
  } catch (const std::invalid_argument&) {
    FUZZ_REQUIRE(frames.segment_count() == 0);
  }
}

void compress_all(const BufferWithSegments& items, const BatchOptions& batch) {
  ZstdCompressor compressor({.level = 1});
  try {
    const auto frames = compressor.multi_compress_to_buffer(items, batch);
    const auto again = ZstdDecompressor().multi_decompress_to_buffer(frames, {}, batch);
    FUZZ_REQUIRE(again.segment_count() == items.segment_count());
    for (std::size_t i = 0; i < again.segment_count(); ++i) {
      FUZZ_REQUIRE(std::ranges::equal(again[i].bytes(), items[i].bytes()));
    }
  } catch (const std::invalid_argument&) {
    for (const ByteSpan item : items_of(items)) FUZZ_REQUIRE(item.empty());
  }
}

}  // namespace

/// The input: choices, segments, claimed sizes where there are any, and the data.
void buffers_target(ByteSpan input) {
  Choices choices(input);
  const DecompressorOptions options = decompressor_options(choices.next());
  const unsigned how = choices.next();
  const BatchOptions batch{.threads = (how & 0x20) != 0 ? 2 : 0};
  const std::vector<ByteRange> segments = next_segments(choices, how & 0x0F);
  std::vector<std::uint64_t> sizes;
  if ((how & 0x10) != 0) {
    for (std::size_t i = 0; i < segments.size(); ++i) sizes.push_back(next_number(choices));
  }
  const ByteSpan data = choices.rest();
  const bool all_inside = std::ranges::all_of(
      segments, [&](const ByteRange& segment) { return is_inside(segment, data.size()); });
  try {
    const BufferWithSegments buffer(Bytes(data.begin(), data.end()), segments);
    FUZZ_REQUIRE(all_inside);
    check_items(buffer, data, segments);
    decompress_all(options, buffer, sizes, batch);
    if ((how & 0x40) != 0) compress_all(buffer, batch);
  } catch (const std::invalid_argument&) {
    FUZZ_REQUIRE(!all_inside);
  }
}

}  // namespace zstdfs::fuzz
