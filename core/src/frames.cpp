#include "zstdfs/frames.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "frame_layout.hpp"
#include "frames_in_memory.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

static_assert(kSkippableFrameVariants == ~kSkippableMagicMask + 1);

/// Size of a skippable frame, once it was seen that there can be such a frame.
std::size_t checked_skippable_bytes(ByteSpan content, unsigned variant) {
  if (variant >= kSkippableFrameVariants) {
    throw std::invalid_argument("variant is " + std::to_string(variant) +
                                "; it must be less than " +
                                std::to_string(kSkippableFrameVariants));
  }
  if (content.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("a skippable frame cannot hold " + std::to_string(content.size()) +
                                " bytes of content; at most " +
                                std::to_string(std::numeric_limits<std::uint32_t>::max()));
  }
  return kSkippableFrameOverhead + content.size();
}

}  // namespace

FrameRange::Iterator& FrameRange::Iterator::operator++() {
  rest_ = rest_.subspan(frame_.bytes.size());
  frame_.offset += frame_.bytes.size();
  ++number_;
  find();
  return *this;
}

void FrameRange::Iterator::find() {
  frame_.bytes = {};
  if (rest_.empty()) return;
  try {
    frame_.parameters = get_frame_parameters(rest_, format_);
    const FrameInMemory found = first_frame(rest_, format_);
    frame_.content_size = found.content_bytes;
    if (found.kind == FrameInMemory::Kind::kSkippable) frame_.content_size = 0;
    frame_.content_bound = found.content_bound;
    frame_.bytes = rest_.first(found.bytes);
  } catch (const ZstdError& error) {
    throw ZstdError(error.code(), "frame " + std::to_string(number_) + " at offset " +
                                      std::to_string(frame_.offset) + ": " + error.what());
  }
}

FrameRange frames_of(ByteSpan data, int format) {
  return {data, format};
}

// The sums below cannot overflow: no stored byte stands for more than 2^17 bytes of content.

std::optional<std::uint64_t> decompressed_size(ByteSpan data, int format) {
  std::optional<std::uint64_t> sum = 0;
  for (const FrameView& frame : frames_of(data, format)) {
    // Goes on when the sum is lost: that all of it are whole frames is promised, too.
    if (!frame.content_size) sum.reset();
    if (sum) *sum += *frame.content_size;
  }
  return sum;
}

std::uint64_t decompressed_bound(ByteSpan data, int format) {
  std::uint64_t sum = 0;
  for (const FrameView& frame : frames_of(data, format)) {
    sum += frame.content_size.value_or(frame.content_bound);
  }
  return sum;
}

Bytes write_skippable_frame(ByteSpan content, unsigned variant) {
  Bytes frame(checked_skippable_bytes(content, variant));
  write_skippable_frame_into(frame, content, variant);
  return frame;
}

std::size_t write_skippable_frame_into(MutableByteSpan out, ByteSpan content, unsigned variant) {
  const std::size_t frame_bytes = checked_skippable_bytes(content, variant);
  if (out.size() < frame_bytes) {
    throw ZstdError(ZSTD_error_dstSize_tooSmall,
                    "a skippable frame of " + std::to_string(frame_bytes) +
                        " bytes does not fit into " + std::to_string(out.size()));
  }
  store_le(out, 0, kSkippableMagicBase + variant);
  store_le(out, sizeof(std::uint32_t), static_cast<std::uint32_t>(content.size()));
  std::copy(content.begin(), content.end(), out.subspan(kSkippableFrameOverhead).begin());
  return frame_bytes;
}

bool is_skippable_frame(ByteSpan data) {
  return data.size() >= sizeof(std::uint32_t) &&
         is_skippable_magic(load_le<std::uint32_t>(data, 0));
}

SkippableFrame read_skippable_frame(ByteSpan data) {
  if (!is_skippable_frame(data) && data.size() >= sizeof(std::uint32_t)) {
    throw ZstdError(ZSTD_error_prefix_unknown, "not a skippable frame");
  }
  const FrameInMemory frame = first_frame(data, kFormatZstd1);
  return {.variant = load_le<std::uint32_t>(data, 0) - kSkippableMagicBase,
          .content = data.first(frame.bytes).subspan(kSkippableFrameOverhead),
          .frame_bytes = frame.bytes};
}

}  // namespace zstdfs
