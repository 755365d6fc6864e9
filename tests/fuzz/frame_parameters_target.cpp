#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/frame_parameters.hpp"
#include "zstdfs/frame_walk.hpp"
#include "zstdfs/frames.hpp"

namespace zstdfs::fuzz {
namespace {

/// What a call returns, or nothing and the code of its ZstdError.
template <typename Call>
auto attempt(const Call& call, int* code = nullptr) -> std::optional<decltype(call())> {
  try {
    return call();
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0);
    if (code != nullptr) *code = error.code();
    return std::nullopt;
  }
}

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

/// Walks all frames. Returns how much content they can hold, or nothing where one is not whole.
std::optional<std::uint64_t> walked_bound(ByteSpan data, int format) {
  return attempt([&] {
    std::uint64_t bound = 0;
    std::uint64_t offset = 0;
    for (const FrameView& frame : frames_of(data, format)) {
      FUZZ_REQUIRE(frame.offset == offset && !frame.bytes.empty());
      const ByteSpan rest = data.subspan(static_cast<std::size_t>(offset));
      FUZZ_REQUIRE(frame_compressed_size(rest, format) == frame.bytes.size());
      FUZZ_REQUIRE(frame_content_size(rest, format) == frame.content_size);
      FUZZ_REQUIRE(frame.content_size.value_or(0) <= frame.content_bound);
      bound += frame.content_size.value_or(frame.content_bound);
      offset += frame.bytes.size();
    }
    FUZZ_REQUIRE(offset == data.size());
    return bound;
  });
}

/// What is said of all frames together is the same as the walk over them finds.
void check_all_frames(ByteSpan data, int format) {
  const auto walked = walked_bound(data, format);
  FUZZ_REQUIRE(attempt([&] { return decompressed_bound(data, format); }) == walked);
  const auto size = attempt([&] { return decompressed_size(data, format); });
  FUZZ_REQUIRE(size.has_value() == walked.has_value());
  if (walked && *size) FUZZ_REQUIRE(**size <= *walked);

  const auto margin = attempt([&] { return decompression_margin(data, format); });
  FUZZ_REQUIRE(margin.has_value() == walked.has_value());
  const std::size_t by_libzstd = ZSTD_decompressionMargin(data.data(), data.size());
  if (margin && format == kFormatZstd1 && ZSTD_isError(by_libzstd) == 0) {
    FUZZ_REQUIRE(*margin == by_libzstd);
  }
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
  check_all_frames(data, format);
}

}  // namespace zstdfs::fuzz
