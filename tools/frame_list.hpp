#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zstdfs/frame_walk.hpp"

namespace zstdfs::tools {

enum class FrameKind {
  kData,
  kZeros,      ///< data, in the form of docs/format.md, "Zero frames"
  kHeader,     ///< of a container
  kPadding,    ///< between the data frames of a container
  kSeekTable,  ///< of a container or of another seekable file
  kSkippable,  ///< somebody else's
};

/// One frame of a file.
struct ListedFrame {
  FrameKind kind = FrameKind::kData;
  FrameExtent extent;
  /// Where its content begins. Absent behind a frame that does not say how much it holds, and for
  /// skippable frames, which hold none.
  std::optional<std::uint64_t> logical_offset;
};

/// The frames of a file from its beginning, as far as there are any.
struct FrameList {
  std::vector<ListedFrame> frames;
  /// What lies behind the last of them when that is not the end of the file.
  std::optional<NoFrame> problem;
};

/// Lists the frames of any zstd file, container or not, by their headers; nothing is decompressed
/// and no seek table is believed. A file that does not begin with a frame has none, and that is no
/// problem. Throws std::system_error.
FrameList list_frames(const RandomAccessSource& source);

/// "data", "zeros", "header", "padding", "seek table", "skippable".
std::string frame_kind_name(FrameKind kind);

}  // namespace zstdfs::tools
