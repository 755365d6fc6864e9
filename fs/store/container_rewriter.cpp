#include "fs/store/container_rewriter.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "zstdfs/errors.hpp"
#include "zstdfs/format_numbers.hpp"
#include "zstdfs/frames.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

constexpr std::uint64_t kMaxPaddingBytes = std::numeric_limits<std::uint32_t>::max();
// A frame that has to move leaves room behind its predecessor, so that the next rewrite of that one
// does not move everything again; all room together stays below a fifth of the frames.
constexpr std::uint64_t kFrameBytesPerSlackByte = 16;
constexpr std::uint64_t kMinSlackBytes = 64;
constexpr std::uint64_t kFrameBytesPerPaddingByte = 5;
constexpr std::size_t kCopyBytes = 1u << 20;

}  // namespace

void ContainerRewriter::keep(const FrameEntry& frame, Gap gap) {
  if (frame.stored_offset != end_) {
    const bool padded = last_stayed_ && gap == Gap::kPadding;
    const bool reachable =
        frame.stored_offset > end_ && (padded || can_pad_to(frame.stored_offset));
    if (!reachable) {
      leave_slack();
      move(frame);
      return;
    }
    // Between two frames that stay, the padding is there already.
    if (!padded) write_padding(frame.stored_offset);
    padding_ += frame.stored_offset - end_;
  }
  append(frame.stored_offset, frame);
  last_stayed_ = true;
}

void ContainerRewriter::add(NewFrame&& frame) {
  redo_.add(end_, frame.stored);
  append(end_, {0, 0, static_cast<std::uint32_t>(frame.stored.size()), frame.logical_bytes,
                frame.checksum});
  last_stayed_ = false;
}

void ContainerRewriter::add_zeros(std::uint64_t bytes) {
  for (std::uint64_t n = 0; bytes > 0; bytes -= n) {
    n = std::min(bytes, kMaxZeroFrameBytes);
    add({static_cast<std::uint32_t>(n), zeros_checksum(n), encode_zero_frame(n)});
  }
}

bool ContainerRewriter::fits(std::uint64_t stored_bytes, const FrameEntry& next) const {
  const std::uint64_t end = end_ + stored_bytes;
  return end == next.stored_offset || end + kSkippableFrameOverhead <= next.stored_offset;
}

bool ContainerRewriter::can_pad_to(std::uint64_t stored_offset) const {
  if (stored_offset < end_ + kSkippableFrameOverhead) return false;
  const std::uint64_t gap_bytes = stored_offset - end_;
  return gap_bytes <= kMaxPaddingBytes && within_budget(gap_bytes);
}

bool ContainerRewriter::within_budget(std::uint64_t padding) const {
  return padding_ + padding <= (end_ - padding_) / kFrameBytesPerPaddingByte;
}

void ContainerRewriter::leave_slack() {
  if (index_.empty()) return;
  const std::uint64_t last_bytes = index_[index_.size() - 1].stored_bytes;
  const std::uint64_t slack = std::max(kMinSlackBytes, last_bytes / kFrameBytesPerSlackByte);
  if (!within_budget(slack)) return;
  write_padding(end_ + slack);
  padding_ += slack;
  end_ += slack;
}

/// Only the skippable frame's header is written; what the gap holds does not matter.
void ContainerRewriter::write_padding(std::uint64_t until) {
  Bytes header;
  append_le(header, kPaddingMagic);
  append_le(header, static_cast<std::uint32_t>(until - end_ - kSkippableFrameOverhead));
  redo_.add(end_, header);
}

void ContainerRewriter::move(const FrameEntry& frame) {
  Bytes bytes;
  for (std::uint64_t done = 0; done < frame.stored_bytes; done += bytes.size()) {
    bytes.resize(
        std::min<std::size_t>(kCopyBytes, static_cast<std::size_t>(frame.stored_bytes - done)));
    if (backing_.read_at(frame.stored_offset + done, bytes) < bytes.size()) {
      throw CorruptError(frame.stored_offset, "the file ends within a frame");
    }
    redo_.add(end_ + done, bytes);
  }
  append(end_, frame);
  last_stayed_ = false;
}

void ContainerRewriter::append(std::uint64_t stored_offset, const FrameEntry& frame) {
  index_.append(stored_offset, frame.stored_bytes, frame.logical_bytes, frame.checksum);
  end_ = index_.frames_end();
}

}  // namespace zstdfs::store
