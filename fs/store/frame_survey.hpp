#pragma once

#include <optional>
#include <vector>

#include "zstdfs/frame_index.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::store {

// The frames of a container that has no seek table to tell where they are.

/// What was found between the header and the end of the file, in order.
struct FrameSurvey {
  struct Found {
    FrameEntry frame;  ///< without logical offset
    /// Its content has its checksum. Otherwise only its size is known, as far as it tells itself.
    bool verified = false;
    bool after_unknown = false;  ///< there are bytes before it that are no frames
  };
  std::vector<Found> frames;
  bool reached_table = false;  ///< the last frame is followed by a seek table, whole or not
  bool ends_properly = false;  ///< nothing follows the table, or the last frame if there is none
};

/// `frames_begin`: the stored offset behind the header.
FrameSurvey survey_frames(const RandomAccessSource& source, std::uint64_t frames_begin,
                          const DictionarySource& dictionaries);

/// The content, as far as it is certain what belongs where.
struct PlacedFrames {
  struct Part {
    std::uint64_t logical_bytes = 0;
    std::optional<FrameEntry> frame;  ///< nothing: lost
  };
  std::vector<Part> parts;
  bool end_unknown = false;  ///< there may have been content behind the last part
  bool undisturbed = false;  ///< all that was found is placed, and there was nothing else
};

/// Places the frames: those from the beginning up to the first that is not intact; if `total`, the
/// logical bytes of all, is known, also those behind the last that is not; and all of them where
/// the damaged ones still tell how much they held.
PlacedFrames place_frames(FrameSurvey survey, std::optional<std::uint64_t> total);

}  // namespace zstdfs::store
