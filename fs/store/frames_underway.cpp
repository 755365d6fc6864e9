#include "fs/store/frames_underway.hpp"

#include <atomic>
#include <exception>
#include <utility>

#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// One frame. Whoever comes first makes it.
class FramesUnderway::Making {
 public:
  Making(Buffer content, const FrameRecipe& recipe)
      : content_(std::move(content)), recipe_(recipe) {}

  std::size_t content_bytes() const { return content_.size(); }

  /// Does nothing when somebody has begun.
  void make() {
    if (begun_.exchange(true)) return;
    std::exception_ptr error;
    NewFrame frame;
    try {
      frame = make_frame(content_.span(), recipe_);
    } catch (...) {
      error = std::current_exception();
    }
    content_.release();
    MutexLock lock(mutex_);
    frame_ = std::move(frame);
    error_ = std::move(error);
    ready_ = true;
    becomes_ready_.notify_all();
  }
  /// Nobody needs to begin.
  void give_up() {
    if (!begun_.exchange(true)) content_.release();
  }
  bool is_ready() {
    MutexLock lock(mutex_);
    return ready_;
  }
  NewFrame wait() {
    MutexLock lock(mutex_);
    while (!ready_) becomes_ready_.wait(mutex_);
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::move(frame_);
  }

 private:
  Buffer content_;  // the bytes are of who has begun
  const FrameRecipe recipe_;
  std::atomic<bool> begun_{false};

  Mutex mutex_;
  ConditionVariable becomes_ready_;
  bool ready_ ZSTDFS_GUARDED_BY(mutex_) = false;
  NewFrame frame_ ZSTDFS_GUARDED_BY(mutex_);
  std::exception_ptr error_ ZSTDFS_GUARDED_BY(mutex_);
};

void FramesUnderway::start(std::uint64_t logical_offset, Buffer content,
                           const FrameRecipe& recipe) {
  if (frames_.empty()) range_ = {.offset = logical_offset, .bytes = 0};
  ZSTDFS_ASSERT(logical_offset == range_.end());
  const auto making = std::make_shared<Making>(std::move(content), recipe);
  frames_.push_back(making);
  range_.bytes += making->content_bytes();
  pool_.post([making] { making->make(); });
}

bool FramesUnderway::first_is_ready() const {
  return !frames_.empty() && frames_.front()->is_ready();
}

NewFrame FramesUnderway::take_first() {
  const std::shared_ptr<Making> first = frames_.front();
  for (const auto& making : frames_) {
    if (first->is_ready()) break;
    making->make();
  }
  range_.offset += first->content_bytes();
  range_.bytes -= first->content_bytes();
  frames_.pop_front();
  return first->wait();
}

void FramesUnderway::drop() {
  for (const auto& making : frames_) making->give_up();
  frames_.clear();
  range_ = {};
}

}  // namespace zstdfs::store
