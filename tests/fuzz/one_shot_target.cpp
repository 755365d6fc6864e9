#include <zstd_errors.h>

#include <algorithm>
#include <array>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

struct Case {
  DecompressorOptions options;
  DecompressOptions how;
  ByteSpan data;
};

/// Decompresses into memory of exactly `room` bytes, so that a sanitizer sees what is behind it.
Outcome into(ZstdDecompressor& decompressor, const Case& given, std::size_t room) {
  return outcome_of([&] {
    Bytes out(room);
    const std::size_t n = decompressor.decompress_into(out, given.data, given.how);
    FUZZ_REQUIRE(n <= room);
    out.resize(n);
    return out;
  });
}

/// `content` was decompressed into more memory than it needs. It takes no more than it needs, and
/// no less; and a vector that may become large enough holds the same.
void check_room(ZstdDecompressor& decompressor, const Case& given, const Bytes& content) {
  const Outcome exact = into(decompressor, given, content.size());
  FUZZ_REQUIRE(!exact.error && exact.content == content);
  if (!content.empty()) FUZZ_REQUIRE(into(decompressor, given, content.size() - 1).error);
  DecompressOptions enough = given.how;
  enough.max_output_size = std::max<std::size_t>(content.size(), 1);
  const Outcome vector = outcome_of([&] { return decompressor.decompress(given.data, enough); });
  FUZZ_REQUIRE(!vector.error && vector.content == content);
}

/// Where the streaming decoder may refuse what one call decompresses.
bool stream_may_refuse(const Case& given, const Bytes& content, int code) {
  // A window takes memory in streams only.
  if (code == ZSTD_error_frameParameter_windowTooLarge) return true;
  // Extra data behind the frames is the next frame, for an object that reads across.
  if (given.how.read_across_frames && given.how.allow_extra_data) return true;
  return may_have_oversized_block(given.data, given.options.format, content.size());
}

/// The streaming decoder has to see the same in the data.
void compare_with_object(const Case& given, const Outcome& one_shot) {
  DecompressorOptions options = given.options;
  if (options.max_window_size == 0) options.max_window_size = kLargestStreamWindow;
  ZstdDecompressor decompressor(options);
  ZstdDecompressionObj object =
      decompressor.decompressobj({.read_across_frames = given.how.read_across_frames});
  const Outcome streamed =
      outcome_of([&] { return object.decompress(given.data, kMostContentBytes + 1); });
  if (!one_shot.error && streamed.error) {
    FUZZ_REQUIRE(stream_may_refuse(given, one_shot.content, *streamed.error));
  } else if (!one_shot.error) {
    FUZZ_REQUIRE(streamed.content == one_shot.content);
    FUZZ_REQUIRE(object.eof() || given.how.read_across_frames);
    if (!given.how.allow_extra_data) FUZZ_REQUIRE(object.unused_data().empty());
  } else if (!streamed.error && object.eof() && streamed.content.size() <= kMostContentBytes) {
    if (*one_shot.error == ZSTD_error_corruption_detected) {
      FUZZ_REQUIRE(has_block_of_nothing(given.data, given.options.format));
      return;
    }
    // What else can be wrong with one frame is what is behind it.
    FUZZ_REQUIRE(*one_shot.error == ZSTD_error_srcSize_wrong);
    FUZZ_REQUIRE(!given.how.allow_extra_data && !object.unused_data().empty());
  }
}

}  // namespace

void one_shot_target(ByteSpan input) {
  Choices choices(input);
  Case given;
  given.options = decompressor_options(choices.next());
  const unsigned how = choices.next();
  static constexpr std::array<std::size_t, 4> kLimits{0, 1, 300, kMostContentBytes};
  given.how = {.max_output_size = kLimits[how & 3],
               .read_across_frames = (how & 4) != 0,
               .allow_extra_data = (how & 8) != 0};
  given.data = choices.rest();
  if (claimed_content_bytes(given.data, given.options.format) > kMostContentBytes) return;

  ZstdDecompressor decompressor(given.options);
  const Outcome vector = outcome_of([&] { return decompressor.decompress(given.data, given.how); });
  const Outcome memory = into(decompressor, given, kMostContentBytes);
  if (!vector.error) {
    FUZZ_REQUIRE(!memory.error && memory.content == vector.content);
  } else if (!memory.error) {
    const std::size_t limit = given.how.max_output_size;
    FUZZ_REQUIRE(limit == 0 || limit < memory.content.size());
  }
  if (!memory.error) check_room(decompressor, given, memory.content);
  compare_with_object(given, memory);
}

}  // namespace zstdfs::fuzz
