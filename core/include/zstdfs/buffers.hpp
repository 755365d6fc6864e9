#pragma once

#include <cstddef>
#include <iterator>
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

/// Where a walk over the segments of a buffer or a collection is, which outlives it.
template <typename Buffers>
class SegmentIterator {
 public:
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::input_iterator_tag;  // it gives segments, not references
  using value_type = BufferSegment;
  using difference_type = std::ptrdiff_t;
  using reference = BufferSegment;
  using pointer = void;

  SegmentIterator() = default;
  SegmentIterator(const Buffers& buffers, std::size_t at) : buffers_(&buffers), at_(at) {}

  BufferSegment operator*() const { return (*buffers_)[at_]; }
  SegmentIterator& operator++() {
    ++at_;
    return *this;
  }
  SegmentIterator operator++(int) {
    SegmentIterator before = *this;
    ++at_;
    return before;
  }
  friend bool operator==(const SegmentIterator&, const SegmentIterator&) = default;

 private:
  const Buffers* buffers_ = nullptr;
  std::size_t at_ = 0;
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
  SegmentIterator<BufferWithSegments> begin() const { return {*this, 0}; }
  SegmentIterator<BufferWithSegments> end() const { return {*this, segment_count()}; }

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
  SegmentIterator<BufferWithSegmentsCollection> begin() const { return {*this, 0}; }
  SegmentIterator<BufferWithSegmentsCollection> end() const { return {*this, segment_count()}; }

 private:
  std::vector<BufferWithSegments> buffers_;
  std::vector<std::size_t> ends_;  ///< for each buffer, how many segments end with it
  std::uint64_t bytes_ = 0;
};

}  // namespace zstdfs
