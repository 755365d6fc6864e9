#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

// Many items in few allocations: what the batch operations take and give. All types are cheap to
// copy; copies share the bytes, which live as long as anything that shows them.
//
// Thread safety: immutable.

/// The array of (offset, length) pairs of a buffer, each two native 64-bit integers.
using BufferSegments = std::span<const ByteRange>;

/// One item of a buffer.
class BufferSegment {
 public:
  /// `range` lies inside `data`.
  BufferSegment(std::shared_ptr<const Bytes> data, const ByteRange& range)
      : data_(std::move(data)), range_(range) {}

  /// Where it begins in its buffer.
  std::uint64_t offset() const { return range_.offset; }
  std::size_t size() const { return static_cast<std::size_t>(range_.bytes); }
  ByteSpan bytes() const {
    return ByteSpan(*data_).subspan(static_cast<std::size_t>(range_.offset), size());
  }
  Bytes tobytes() const { return {bytes().begin(), bytes().end()}; }

 private:
  std::shared_ptr<const Bytes> data_;  // shared with the buffer and its other segments
  ByteRange range_;
};

/// Bytes, and where the items are in them. Items may overlap and leave gaps.
class BufferWithSegments {
 public:
  /// Throws std::invalid_argument that names the first segment which does not lie inside `data`.
  BufferWithSegments(Bytes data, std::vector<ByteRange> segments);

  /// Bytes of the whole buffer.
  std::size_t size() const { return data_->size(); }
  ByteSpan bytes() const { return *data_; }
  Bytes tobytes() const { return *data_; }

  std::size_t segment_count() const { return segments_->size(); }
  BufferSegments segments() const { return *segments_; }
  /// Throws std::out_of_range.
  BufferSegment operator[](std::size_t i) const;

 private:
  std::shared_ptr<const Bytes> data_;  // shared with segments and copies
  std::shared_ptr<const std::vector<ByteRange>> segments_;
};

/// Several buffers, as one sequence of all their segments.
class BufferWithSegmentsCollection {
 public:
  /// Throws std::invalid_argument when there is no buffer, or one without segments.
  explicit BufferWithSegmentsCollection(std::vector<BufferWithSegments> buffers);

  /// Bytes of all segments together.
  std::uint64_t size() const { return bytes_; }
  std::size_t segment_count() const { return ends_.back(); }
  std::span<const BufferWithSegments> buffers() const { return buffers_; }
  /// Segment number `i` of all. Throws std::out_of_range.
  BufferSegment operator[](std::size_t i) const;

 private:
  std::vector<BufferWithSegments> buffers_;
  std::vector<std::size_t> ends_;  ///< for each buffer, how many segments end with it
  std::uint64_t bytes_ = 0;
};

}  // namespace zstdfs
