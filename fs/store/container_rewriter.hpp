#pragma once

#include "fs/os/file.hpp"
#include "fs/store/new_frame.hpp"
#include "fs/store/redo.hpp"
#include "zstdfs/frame_index.hpp"

namespace zstdfs::store {

/// Lays out the frames of a container that is rewritten: in logical order, each either where it was
/// or moved, with padding where that saves moving what follows. Writes to the redo file what the
/// backing file has to get; header and seek table are for its user.
///
/// Thread safety: one thread at a time. Errors: CorruptError, std::system_error.
class ContainerRewriter {
 public:
  ContainerRewriter(const os::File& backing, RedoWriter& redo) : backing_(backing), redo_(redo) {}

  /// What lies between two frames that both stay.
  enum class Gap {
    kPadding,  ///< whole skippable frames, or nothing
    kUnknown,  ///< anything: padding has to be written
  };

  /// A frame of the old container that stays as it is. The one before it in the old container must
  /// have been handed over before, unless `gap` says that nothing is known of what lies between.
  void keep(const FrameEntry& frame, Gap gap = Gap::kPadding);
  void add(NewFrame&& frame);
  void add_zeros(std::uint64_t bytes);

  /// Whether frames of so many stored bytes would leave one of the old container where it is.
  bool fits(std::uint64_t stored_bytes, const FrameEntry& next) const;

  const FrameIndex& index() const { return index_; }

 private:
  bool can_pad_to(std::uint64_t stored_offset) const;
  bool within_budget(std::uint64_t padding) const;
  void leave_slack();
  void write_padding(std::uint64_t until);
  void move(const FrameEntry& frame);
  void append(std::uint64_t stored_offset, const FrameEntry& frame);

  const os::File& backing_;
  RedoWriter& redo_;
  FrameIndex index_;
  std::uint64_t end_ = kContainerHeaderBytes;  // stored offset behind what is placed
  std::uint64_t padding_ = 0;
  bool last_stayed_ = false;  // the last frame is where it was in the old container
};

}  // namespace zstdfs::store
