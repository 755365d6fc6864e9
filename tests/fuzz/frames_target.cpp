#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <string>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/frame_parameters.hpp"
#include "zstdfs/frames.hpp"

namespace zstdfs::fuzz {
namespace {

/// What a walk has seen.
struct Walked {
  std::uint64_t end = 0;    ///< of the last whole frame
  std::uint64_t bound = 0;  ///< of all frames' content
  std::optional<std::uint64_t> content_bytes = 0;
  std::optional<int> error = std::nullopt;
};

/// A skippable frame is what it is made from, and is not read without all of it.
void check_skippable(ByteSpan frame) {
  const SkippableFrame found = read_skippable_frame(frame);
  FUZZ_REQUIRE(found.frame_bytes == frame.size());
  FUZZ_REQUIRE(std::ranges::equal(write_skippable_frame(found.content, found.variant), frame));
  int code = 0;
  const ByteSpan cut = frame.first(frame.size() - 1);
  FUZZ_REQUIRE(!attempt([&] { return read_skippable_frame(cut).variant; }, &code));
  FUZZ_REQUIRE(code == ZSTD_error_srcSize_wrong);
}

/// A frame of a walk is the first of what is left, and holds what is said of it.
void check_frame(const FrameView& frame, ByteSpan rest, int format) {
  FUZZ_REQUIRE(!frame.bytes.empty() && frame.bytes.data() == rest.data());
  FUZZ_REQUIRE(frame_compressed_size(rest, format) == frame.bytes.size());
  FUZZ_REQUIRE(frame_content_size(rest, format) == frame.content_size);
  FUZZ_REQUIRE(frame.content_size.value_or(0) <= frame.content_bound);
  const FrameParameters parameters = get_frame_parameters(rest, format);
  FUZZ_REQUIRE(frame.parameters.is_skippable == parameters.is_skippable);
  FUZZ_REQUIRE(frame.parameters.header_size == parameters.header_size);
  FUZZ_REQUIRE(frame.parameters.content_size == parameters.content_size);
  const bool is_skippable = format == kFormatZstd1 && is_skippable_frame(rest);
  FUZZ_REQUIRE(frame.parameters.is_skippable == is_skippable);
  if (is_skippable) {
    FUZZ_REQUIRE(frame.content_bound == 0 && frame.content_size == 0);
    check_skippable(frame.bytes);
    return;
  }
  if (frame.content_bound > kMostContentBytes) return;
  ZstdDecompressor decompressor({.format = format});
  const Outcome content = outcome_of(
      [&] { return decompressor.decompress(frame.bytes, {.max_output_size = kMostContentBytes}); });
  if (content.error) return;
  FUZZ_REQUIRE(content.content.size() <= frame.content_bound);
  FUZZ_REQUIRE(frame.content_size.value_or(content.content.size()) == content.content.size());
}

Walked walk(ByteSpan data, int format) {
  Walked walked;
  std::size_t number = 0;
  try {
    for (const FrameView& frame : frames_of(data, format)) {
      FUZZ_REQUIRE(frame.offset == walked.end);
      check_frame(frame, data.subspan(static_cast<std::size_t>(walked.end)), format);
      walked.end += frame.bytes.size();
      walked.bound += frame.content_size.value_or(frame.content_bound);
      if (!frame.content_size) walked.content_bytes.reset();
      if (walked.content_bytes) *walked.content_bytes += *frame.content_size;
      ++number;
    }
    FUZZ_REQUIRE(walked.end == data.size());
  } catch (const ZstdError& error) {
    walked.error = error.code();
    const std::string where =
        "frame " + std::to_string(number) + " at offset " + std::to_string(walked.end) + ": ";
    FUZZ_REQUIRE(std::string_view(error.what()).starts_with(where));
    // The walk has stopped where the frame alone is refused, for the same reason.
    const ByteSpan rest = data.subspan(static_cast<std::size_t>(walked.end));
    int code = 0;
    FUZZ_REQUIRE(!attempt([&] { return frame_compressed_size(rest, format); }, &code));
    FUZZ_REQUIRE(code == error.code());
  }
  return walked;
}

/// What is said of all frames together is the same as the walk over them finds.
void check_sums(ByteSpan data, int format, const Walked& walked) {
  int code = 0;
  const auto bound = attempt([&] { return decompressed_bound(data, format); }, &code);
  FUZZ_REQUIRE(bound.has_value() == !walked.error && code == walked.error.value_or(0));
  const auto size = attempt([&] { return decompressed_size(data, format); });
  FUZZ_REQUIRE(size.has_value() == !walked.error);
  const auto margin = attempt([&] { return decompression_margin(data, format); });
  FUZZ_REQUIRE(margin.has_value() == !walked.error);
  const std::size_t by_libzstd = ZSTD_decompressionMargin(data.data(), data.size());
  if (margin && format == kFormatZstd1 && ZSTD_isError(by_libzstd) == 0) {
    FUZZ_REQUIRE(*margin == by_libzstd);
  }
  if (!bound) return;
  FUZZ_REQUIRE(*bound == walked.bound && *size == walked.content_bytes);
  FUZZ_REQUIRE(size->value_or(0) <= *bound);
  if (data.empty() || *bound > kMostContentBytes) return;
  ZstdDecompressor decompressor({.format = format});
  const Outcome content = outcome_of([&] {
    return decompressor.decompress(
        data, {.max_output_size = kMostContentBytes, .read_across_frames = true});
  });
  if (content.error) return;
  FUZZ_REQUIRE(content.content.size() <= *bound);
  FUZZ_REQUIRE(size->value_or(content.content.size()) == content.content.size());
}

/// What reads a skippable frame takes the first of the data, and nothing else.
void check_first(ByteSpan data) {
  int code = 0;
  const auto frame = attempt([&] { return read_skippable_frame(data); }, &code);
  if (!is_skippable_frame(data)) {
    FUZZ_REQUIRE(!frame);
    // Of less than a magic number nobody knows what it is.
    const int wanted = data.size() < 4 ? code : int{ZSTD_error_prefix_unknown};
    FUZZ_REQUIRE(code == wanted);
    return;
  }
  const auto bytes = attempt([&] { return frame_compressed_size(data); });
  FUZZ_REQUIRE(frame.has_value() == bytes.has_value());
  if (!frame) return;
  FUZZ_REQUIRE(frame->frame_bytes == *bytes && frame->content.size() + 8 == *bytes);
  FUZZ_REQUIRE(frame->content.data() == data.data() + 8 && frame->variant < 16);
}

}  // namespace

/// The input: a choice of the format, and the data.
void frames_target(ByteSpan input) {
  Choices choices(input);
  const int format = choices.next_flag() ? kFormatZstd1Magicless : kFormatZstd1;
  const ByteSpan data = choices.rest();
  check_first(data);
  check_sums(data, format, walk(data, format));
}

}  // namespace zstdfs::fuzz
