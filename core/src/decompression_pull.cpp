#include "decompression_pull.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace zstdfs {

CompressedInput::CompressedInput(Source& source, std::size_t read_size)
    : source_(&source), read_size_(read_size) {
  require_nonzero(read_size, "read_size");
}

CompressedInput::CompressedInput(std::unique_ptr<Source> source, std::size_t read_size)
    : owned_(std::move(source)), source_(owned_.get()), read_size_(read_size) {
  require_nonzero(read_size, "read_size");
}

bool CompressedInput::refill() {
  if (!pending_.empty()) return true;
  if (source_ == nullptr) return false;
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(read_size_);
  const std::size_t n = source_->read(MutableByteSpan(buffer_.get(), read_size_));
  if (n > read_size_) {
    throw std::system_error(EIO, std::generic_category(),
                            "a source gave " + std::to_string(n) + " of at most " +
                                std::to_string(read_size_) + " bytes");
  }
  pending_ = ByteSpan(buffer_.get(), n);
  bytes_read_ += n;
  return n != 0;
}

void CompressedInput::close() {
  if (source_ != nullptr) source_->close();
}

std::size_t DecompressionPull::pull(MutableByteSpan out, Wait wait) {
  if (deferred_) {
    if (read_bytes_ != 0) return 0;
    std::rethrow_exception(std::exchange(deferred_, nullptr));
  }
  MutableByteSpan rest = out;
  try {
    while (!rest.empty() && !is_finished_ && pull_step(rest, wait)) {
    }
  } catch (...) {
    if (read_bytes_ == 0) throw;
    deferred_ = std::current_exception();
  }
  return out.size() - rest.size();
}

bool DecompressionPull::pull_step(MutableByteSpan& rest, Wait wait) {
  if (input_.pending().empty() && !stream_.has_pending_output()) {
    if (wait == Wait::kForAny && read_bytes_ != 0) return false;
    if (!input_.refill()) {
      stream_.check_not_truncated();
      return false;
    }
  }
  const std::size_t room = rest.size();
  const FrameStream::Event event = stream_.step(input_.pending(), rest);
  read_bytes_ += room - rest.size();
  if (event != FrameStream::Event::kDataFrameEnd || frame_end_ == FrameEnd::kGoOn) return true;
  if (frame_end_ == FrameEnd::kEndsStream) is_finished_ = true;
  // A frame without content does not end a read: nothing read is the stream's end.
  return read_bytes_ == 0;
}

}  // namespace zstdfs
