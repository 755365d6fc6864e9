#include "container_scan.hpp"

#include <array>
#include <limits>

#include "frame_layout.hpp"
#include "frame_limits.hpp"
#include "frame_walk_window.hpp"
#include "seek_table_layout.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

// docs/format.md, "Scanning". Memory: the index, a window, and one chunk.

namespace zstdfs {
namespace {

constexpr std::size_t kScanWindowBytes = 4u << 20;

class FrameScan {
 public:
  FrameScan(const RandomAccessSource& source, bool is_short, std::uint64_t trusted_end,
            const DictionarySource& dictionaries)
      : window_(source, kScanWindowBytes),
        is_short_(is_short),
        trusted_end_(trusted_end),
        dictionaries_(dictionaries),
        index_(is_short ? kShortHeaderBytes : kContainerHeaderBytes),
        offset_(index_.frames_begin()) {}

  /// Walks from the header to the first thing that is not a frame of ours. Returns what that was,
  /// for people; nothing for a seek table or the end of the file.
  std::string run() {
    if (window_.source_bytes() < offset_) return ended("the header is cut off");
    while (offset_ < window_.source_bytes()) {
      const auto found = find_frame(window_, offset_);
      if (const auto* none = std::get_if<NoFrame>(&found))
        return ended("no frame: " + none->reason);
      if (is_short_ && !index_.empty()) return ended("something follows the only frame");
      const auto& extent = std::get<FrameExtent>(found);
      if (extent.kind == FrameExtent::Kind::kData) {
        std::string refusal = take(extent);
        if (!refusal.empty()) return ended(std::move(refusal));
      } else if (extent.magic == kSeekTableMagic) {
        return after_table(extent.stored_offset + extent.stored_bytes);
      }
      offset_ += extent.stored_bytes;
    }
    return {};
  }

  FrameIndex take_index() { return std::move(index_); }
  std::uint64_t end_offset() const { return offset_; }

 private:
  std::string ended(std::string why) const {
    return std::move(why) + " (stored offset " + std::to_string(offset_) + ")";
  }

  std::string after_table(std::uint64_t table_end) const {
    if (table_end == window_.source_bytes()) return {};
    return ended(std::to_string(window_.source_bytes() - table_end) +
                 " bytes follow the seek table");
  }

  /// Adds a frame to the index. Returns why not, if it cannot be one of the container's.
  std::string take(const FrameExtent& extent) {
    if (!extent.content_bytes) return "a frame does not tell its content size";
    if (!extent.checksum) return "a frame has no checksum";
    const std::uint64_t content_bytes = *extent.content_bytes;
    if (content_bytes > kMaxZeroFrameBytes) return "a frame's content is too large";
    if (is_short_ && (content_bytes > kMaxShortContentBytes ||
                      extent.stored_offset + extent.stored_bytes > kMaxShortStoredBytes)) {
      return "the only frame is too large";
    }
    if (!is_zeros(extent, content_bytes)) {
      if (content_bytes > kMaxChunkBytes || extent.stored_bytes > kMaxDataFrameBytes) {
        return "a frame is too large";
      }
      if (extent.stored_offset + extent.stored_bytes > trusted_end_ && !verifies(extent)) {
        return "a frame's content does not have its checksum";
      }
    }
    // A frame without content is padding, whoever made it.
    if (content_bytes == 0) return {};
    if (extent.stored_offset - index_.frames_end() > std::numeric_limits<std::uint32_t>::max()) {
      return "more padding than a seek table can list";
    }
    if (2 * index_.size() + 3 > kMaxSeekTableFrames)
      return "more frames than a seek table can list";
    index_.append(extent.stored_offset, static_cast<std::uint32_t>(extent.stored_bytes),
                  static_cast<std::uint32_t>(content_bytes), *extent.checksum);
    return {};
  }

  bool is_zeros(const FrameExtent& extent, std::uint64_t content_bytes) {
    if (content_bytes == 0 || extent.stored_bytes != zero_frame_bytes(content_bytes)) return false;
    return is_zero_frame(stored(extent), content_bytes);
  }

  bool verifies(const FrameExtent& extent) {
    content_.resize(static_cast<std::size_t>(*extent.content_bytes));
    try {
      decoder_.decode(stored(extent), content_, extent.stored_offset, dictionaries_);
      return true;
    } catch (const CorruptError&) {
      return false;
    }
  }

  ByteSpan stored(const FrameExtent& extent) {
    return window_.view(extent.stored_offset, static_cast<std::size_t>(extent.stored_bytes));
  }

  ReadWindow window_;
  const bool is_short_;
  const std::uint64_t trusted_end_;
  const DictionarySource& dictionaries_;
  FrameDecoder decoder_;
  Bytes content_;
  FrameIndex index_;
  std::uint64_t offset_;
};

}  // namespace

LoadedContainer scan_frames(const RandomAccessSource& source,
                            const std::optional<ContainerHeader>& header, std::uint64_t trusted_end,
                            const DictionarySource& dictionaries) {
  LoadedContainer result;
  result.header.is_short =
      header ? header->is_short : has_short_header(ContainerPrefix(source).bytes());
  result.header.compact = result.header.is_short;
  FrameScan scan(source, result.header.is_short, trusted_end, dictionaries);
  result.damage = scan.run();
  result.index = scan.take_index();
  result.logical_bytes = result.index.logical_bytes();
  if (header) {
    result.header = *header;
    result.header_intact = true;
    // What had reached stable storage cannot be missing because something was interrupted.
    if (scan.end_offset() < header->durable_bytes && result.logical_bytes < header->logical_bytes) {
      if (!result.damage.empty()) result.damage += "; ";
      result.damage += std::to_string(header->logical_bytes - result.logical_bytes) +
                       " bytes of content are missing";
      result.logical_bytes = header->logical_bytes;
    }
  }
  return result;
}

}  // namespace zstdfs
