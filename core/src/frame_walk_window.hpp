#pragma once

#include "read_window.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs {

/// find_frame, through a window that the caller keeps from frame to frame.
std::variant<FrameExtent, NoFrame> find_frame(ReadWindow& window, std::uint64_t stored_offset);

}  // namespace zstdfs
