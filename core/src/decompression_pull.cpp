#include "decompression_pull.hpp"

#include <utility>

namespace zstdfs {

std::size_t DecompressionPull::pull(MutableByteSpan out, Wait wait) {
  if (deferred_) {
    if (read_bytes_ != 0) return 0;
    std::rethrow_exception(std::exchange(deferred_, nullptr));
  }
  MutableByteSpan rest = out;
  try {
    while (!rest.empty() && !is_finished_ && !is_read_over_ && pull_step(rest, wait)) {
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
    if (!input_.refill(stream_.input_scratch())) {
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
  is_read_over_ = read_bytes_ != 0;
  return !is_read_over_;
}

}  // namespace zstdfs
