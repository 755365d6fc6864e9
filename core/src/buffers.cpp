#include "zstdfs/buffers.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace zstdfs {
namespace {

[[noreturn]] void no_such_segment(std::size_t i, std::size_t count) {
  throw std::out_of_range("there is no segment " + std::to_string(i) + ": the buffers have " +
                          std::to_string(count));
}

}  // namespace

BufferWithSegments::BufferWithSegments(Bytes data, std::vector<ByteRange> segments)
    : data_(std::make_shared<const Bytes>(std::move(data))) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const ByteRange& segment = segments[i];
    // Not by the sum of both, which may overflow.
    if (segment.offset > data_->size() || segment.bytes > data_->size() - segment.offset) {
      throw std::invalid_argument("segment " + std::to_string(i) + " (offset " +
                                  std::to_string(segment.offset) + ", " +
                                  std::to_string(segment.bytes) + " bytes) is not inside the " +
                                  std::to_string(data_->size()) + " bytes of the buffer");
    }
  }
  segments_ = std::make_shared<const std::vector<ByteRange>>(std::move(segments));
}

BufferSegment BufferWithSegments::operator[](std::size_t i) const {
  if (i >= segments_->size()) no_such_segment(i, segments_->size());
  return {data_, (*segments_)[i]};
}

BufferWithSegmentsCollection::BufferWithSegmentsCollection(std::vector<BufferWithSegments> buffers)
    : buffers_(std::move(buffers)) {
  if (buffers_.empty()) throw std::invalid_argument("a collection needs at least one buffer");
  std::size_t end = 0;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const BufferWithSegments& buffer = buffers_[i];
    if (buffer.segment_count() == 0) {
      throw std::invalid_argument("buffer " + std::to_string(i) + " has no segments");
    }
    ends_.push_back(end += buffer.segment_count());
    for (const ByteRange& segment : buffer.segments()) bytes_ += segment.bytes;
  }
}

BufferSegment BufferWithSegmentsCollection::operator[](std::size_t i) const {
  if (i >= segment_count()) no_such_segment(i, segment_count());
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), i);
  const auto number = static_cast<std::size_t>(end - ends_.begin());
  const std::size_t before = number == 0 ? 0 : ends_[number - 1];
  return buffers_[number][i - before];
}

}  // namespace zstdfs
