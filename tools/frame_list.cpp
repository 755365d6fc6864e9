#include "tools/frame_list.hpp"

#include <array>
#include <limits>

#include "tools/stored_form.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/format_numbers.hpp"
#include "zstdfs/frames.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::uint64_t kMinSeekTableBytes = kSkippableFrameOverhead + kSeekTableFooterBytes;

bool ends_like_a_seek_table(const RandomAccessSource& source, const FrameExtent& extent) {
  if (extent.stored_bytes < kMinSeekTableBytes) return false;
  std::array<std::byte, sizeof(kSeekableFooterMagic)> end{};
  const std::uint64_t offset = extent.stored_offset + extent.stored_bytes - end.size();
  return source.read_at(offset, end) == end.size() &&
         load_le<std::uint32_t>(end, 0) == kSeekableFooterMagic;
}

bool is_zeros(const RandomAccessSource& source, const FrameExtent& extent) {
  constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
  if (!extent.checksum || !extent.content_bytes) return false;
  if (*extent.content_bytes == 0 || *extent.content_bytes > kMax) return false;
  if (extent.stored_bytes > kMax) return false;
  FrameEntry entry;
  entry.stored_offset = extent.stored_offset;
  entry.stored_bytes = static_cast<std::uint32_t>(extent.stored_bytes);
  entry.logical_bytes = static_cast<std::uint32_t>(*extent.content_bytes);
  entry.checksum = *extent.checksum;
  return is_stored_zero_frame(source, entry);
}

class Lister {
 public:
  explicit Lister(const RandomAccessSource& source)
      : source_(source), container_(is_container(source)) {}

  FrameList run() {
    if (!begins_with_zstd_frame(source_)) return {};
    std::uint64_t at = 0;
    while (at < source_.size()) {
      const auto found = find_frame(source_, at);
      if (const auto* none = std::get_if<NoFrame>(&found)) {
        list_.problem = *none;
        break;
      }
      add(std::get<FrameExtent>(found));
      at += list_.frames.back().extent.stored_bytes;
    }
    return std::move(list_);
  }

 private:
  void add(const FrameExtent& extent) {
    ListedFrame frame{kind_of(extent), extent, {}};
    if (extent.kind == FrameExtent::Kind::kData) {
      frame.logical_offset = logical_end_;
      if (logical_end_ && extent.content_bytes) {
        *logical_end_ += *extent.content_bytes;
      } else {
        logical_end_.reset();
      }
    }
    list_.frames.push_back(frame);
  }

  FrameKind kind_of(const FrameExtent& extent) const {
    if (extent.kind == FrameExtent::Kind::kData) {
      return is_zeros(source_, extent) ? FrameKind::kZeros : FrameKind::kData;
    }
    if (container_ && extent.stored_offset == 0) return FrameKind::kHeader;
    if (extent.magic == kSeekTableMagic && ends_like_a_seek_table(source_, extent)) {
      return FrameKind::kSeekTable;
    }
    return container_ ? FrameKind::kPadding : FrameKind::kSkippable;
  }

  const RandomAccessSource& source_;
  const bool container_;
  std::optional<std::uint64_t> logical_end_ = 0;
  FrameList list_;
};

}  // namespace

FrameList list_frames(const RandomAccessSource& source) {
  return Lister(source).run();
}

std::string frame_kind_name(FrameKind kind) {
  switch (kind) {
    case FrameKind::kData:
      return "data";
    case FrameKind::kZeros:
      return "zeros";
    case FrameKind::kHeader:
      return "header";
    case FrameKind::kPadding:
      return "padding";
    case FrameKind::kSeekTable:
      return "seek table";
    case FrameKind::kSkippable:
      break;
  }
  return "skippable";
}

}  // namespace zstdfs::tools
