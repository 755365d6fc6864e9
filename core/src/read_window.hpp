#pragma once

#include <algorithm>

#include "zstdfs/source.hpp"

namespace zstdfs {

/// A window that moves over a source, for code that looks at few bytes here and there, mostly
/// onward. Thread safety: one thread at a time.
class ReadWindow {
 public:
  ReadWindow(const RandomAccessSource& source, std::size_t window_bytes)
      : source_(source), source_bytes_(source.size()), window_bytes_(window_bytes) {}

  std::uint64_t source_bytes() const { return source_bytes_; }

  /// The `bytes` bytes at `offset`; fewer only at the end of the source. Valid until the next call.
  /// The memory grows to the largest `bytes` asked for.
  ByteSpan view(std::uint64_t offset, std::size_t bytes) {
    if (offset >= source_bytes_) return {};
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, source_bytes_ - offset));
    if (offset < start_ || offset - start_ > filled_ || bytes > filled_ - (offset - start_)) {
      move_to(offset, bytes);
    }
    const ByteSpan rest =
        ByteSpan(buffer_).first(filled_).subspan(static_cast<std::size_t>(offset - start_));
    return rest.first(std::min(bytes, rest.size()));
  }

 private:
  void move_to(std::uint64_t offset, std::size_t bytes) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(bytes, window_bytes_), source_bytes_ - offset));
    filled_ = 0;  // holds if the read throws
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    start_ = offset;
    filled_ = source_.read_at(offset, MutableByteSpan(buffer_).first(wanted));
  }

  const RandomAccessSource& source_;
  const std::uint64_t source_bytes_;
  const std::size_t window_bytes_;
  Bytes buffer_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace zstdfs
