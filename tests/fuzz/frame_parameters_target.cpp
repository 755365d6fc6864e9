#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/frame_parameters.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs::fuzz {
namespace {

/// The header says the same everywhere, and without what is behind it.
void check_header(ByteSpan data, int format, const FrameParameters& found) {
  ZSTD_frameHeader header;
  FUZZ_REQUIRE(ZSTD_getFrameHeader_advanced(&header, data.data(), data.size(),
                                            static_cast<ZSTD_format_e>(format)) == 0);
  FUZZ_REQUIRE(found.is_skippable == (header.frameType == ZSTD_skippableFrame));
  FUZZ_REQUIRE(found.content_size.value_or(ZSTD_CONTENTSIZE_UNKNOWN) == header.frameContentSize);
  FUZZ_REQUIRE(found.header_size <= 18 && found.header_size <= data.size());
  FUZZ_REQUIRE(frame_header_size(data, format) == found.header_size);
  FUZZ_REQUIRE(frame_content_size(data, format) ==
               (found.is_skippable ? std::optional<std::uint64_t>(0) : found.content_size));
  if (!found.is_skippable) {
    FUZZ_REQUIRE(found.header_size == header.headerSize);
    FUZZ_REQUIRE(found.window_size == header.windowSize && found.dict_id == header.dictID);
    FUZZ_REQUIRE(found.has_checksum == (header.checksumFlag != 0));
    FUZZ_REQUIRE(found.block_size_max == header.blockSizeMax);
  }
  for (std::size_t n = 0; n < found.header_size; ++n) {
    int code = 0;
    FUZZ_REQUIRE(!attempt([&] { return get_frame_parameters(data.first(n), format); }, &code));
    FUZZ_REQUIRE(code == ZSTD_error_srcSize_wrong);
  }
  const ByteSpan alone = data.first(found.header_size);
  FUZZ_REQUIRE(get_frame_parameters(alone, format).header_size == found.header_size);
  FUZZ_REQUIRE(get_frame_parameters(alone, format).content_size == found.content_size);
}

/// The extent of the frame is the same as other walks of the blocks find.
void check_extent(ByteSpan data, int format) {
  int code = 0;
  const auto bytes = attempt([&] { return frame_compressed_size(data, format); }, &code);
  const std::size_t by_libzstd = ZSTD_findFrameCompressedSize(data.data(), data.size());
  if (!bytes) {
    // libzstd looks neither at the sizes of blocks nor at what they can hold, and it knows the
    // frames of versions before 1.0.
    if (format == kFormatZstd1 && ZSTD_isError(by_libzstd) == 0) {
      FUZZ_REQUIRE(code == ZSTD_error_corruption_detected || code == ZSTD_error_prefix_unknown);
    }
    return;
  }
  FUZZ_REQUIRE(*bytes != 0 && *bytes <= data.size());
  FUZZ_REQUIRE(frame_compressed_size(data.first(*bytes), format) == *bytes);
  FUZZ_REQUIRE(!attempt([&] { return frame_compressed_size(data.first(*bytes - 1), format); }));
  FUZZ_REQUIRE(decompression_margin(data.first(*bytes), format) != 0);
  if (format == kFormatZstd1Magicless) return;
  FUZZ_REQUIRE(by_libzstd == *bytes);
  const auto found = find_frame(MemorySource(data), 0);
  const auto* extent = std::get_if<FrameExtent>(&found);
  FUZZ_REQUIRE(extent != nullptr && extent->stored_bytes == *bytes);
}

}  // namespace

void frame_parameters_target(ByteSpan input) {
  Choices choices(input);
  const int format = choices.next_flag() ? kFormatZstd1Magicless : kFormatZstd1;
  const ByteSpan data = choices.rest();
  int code = 0;
  const auto found = attempt([&] { return get_frame_parameters(data, format); }, &code);
  if (found) {
    check_header(data, format, *found);
  } else {
    if (data.size() >= 18) FUZZ_REQUIRE(code != ZSTD_error_srcSize_wrong);
    FUZZ_REQUIRE(!attempt([&] { return frame_content_size(data, format); }));
    FUZZ_REQUIRE(!attempt([&] { return frame_compressed_size(data, format); }));
  }
  const auto header_bytes = attempt([&] { return frame_header_size(data, format); });
  if (header_bytes) FUZZ_REQUIRE(*header_bytes <= 18 && *header_bytes != 0);
  if (found) FUZZ_REQUIRE(header_bytes.has_value());
  check_extent(data, format);
}

}  // namespace zstdfs::fuzz
