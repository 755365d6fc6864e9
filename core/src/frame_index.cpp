#include "zstdfs/frame_index.hpp"

#include <algorithm>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs {

void FrameIndex::append(std::uint64_t stored_offset, std::uint32_t stored_bytes,
                        std::uint32_t logical_bytes, std::uint32_t checksum) {
  ZSTDFS_ASSERT(stored_offset >= frames_end());
  const std::uint64_t gap_bytes = stored_offset - frames_end();
  ZSTDFS_ASSERT(gap_bytes == 0 || gap_bytes >= kSkippableFrameOverhead);
  ZSTDFS_ASSERT(stored_bytes > 0);
  // A seek table lists frames without content too, but as gaps: they would not come back.
  ZSTDFS_ASSERT(logical_bytes > 0 && logical_bytes <= kMaxZeroFrameBytes);
  entries_.push_back({.stored_offset = stored_offset,
                      .logical_offset = this->logical_bytes(),
                      .stored_bytes = stored_bytes,
                      .logical_bytes = logical_bytes,
                      .checksum = checksum});
}

void FrameIndex::keep_first(std::size_t count) {
  ZSTDFS_ASSERT(count <= entries_.size());
  entries_.resize(count);
}

std::optional<std::size_t> FrameIndex::find(std::uint64_t logical_offset) const {
  if (logical_offset >= logical_bytes()) return std::nullopt;
  const auto after =
      std::ranges::upper_bound(entries_, logical_offset, {}, &FrameEntry::logical_offset);
  return static_cast<std::size_t>(after - entries_.begin()) - 1;
}

}  // namespace zstdfs
