#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "fs/store/buffer.hpp"
#include "fs/store/new_frame.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs::store {

/// Frames of consecutive chunks, made by a pool's threads while the program that writes goes on.
/// A chunk's content is copied, so that nothing waits for frames that are not wanted any more.
///
/// Thread safety: one thread at a time.
class FramesUnderway {
 public:
  explicit FramesUnderway(WorkerPool& pool) : pool_(pool) {}
  ~FramesUnderway() { drop(); }
  FramesUnderway(const FramesUnderway&) = delete;
  FramesUnderway& operator=(const FramesUnderway&) = delete;

  /// Whether there are threads to make them.
  bool are_possible() const { return pool_.threads() > 1; }
  bool empty() const { return frames_.empty(); }
  /// The chunks' logical bytes.
  ByteRange range() const { return range_; }

  /// Begins with a chunk behind all others, or with the first one.
  void start(std::uint64_t logical_offset, Buffer content, const FrameRecipe& recipe);
  bool first_is_ready() const;
  /// Returns the first frame, taking part in the work until it is made. Throws what that threw.
  NewFrame take_first();
  void drop();

 private:
  class Making;

  WorkerPool& pool_;
  // Shared with the pool, which may still have them when they are not wanted any more.
  std::list<std::shared_ptr<Making>> frames_;
  ByteRange range_;
};

}  // namespace zstdfs::store
