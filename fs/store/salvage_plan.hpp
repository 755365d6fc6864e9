#pragma once

#include <optional>
#include <vector>

#include "fs/store/container_rewriter.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/container_header.hpp"
#include "zstdfs/frame_index.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::store {

/// What of a container is intact, where in the content it belongs, and what is lost.
struct SalvagePlan {
  /// A run of the content: an intact frame, or bytes that are lost.
  struct Part {
    std::uint64_t logical_bytes = 0;
    std::optional<FrameEntry> frame;  ///< where it lies in the damaged file; nothing: lost
    ContainerRewriter::Gap gap = ContainerRewriter::Gap::kUnknown;  ///< what lies before it
    /// Its content is intact, but not all that describes it: it has to be compressed again.
    bool ill_formed = false;
  };

  /// What the rebuilt container is written on with; never of the short form. The generation is the
  /// damaged one's, so that a write log which is for it still is.
  ContainerHeader header;
  std::vector<Part> parts;  ///< all of the content, in order
  std::size_t intact_frames = 0;
  /// Nothing is wrong.
  bool whole = false;
  /// There are stored bytes that may have been content and are in none of the parts.
  bool discards = false;
  /// Nobody can tell how much content there was behind the last part.
  bool end_unknown = false;
  /// There was content, and none of it is intact and has a certain place.
  bool nothing_left = false;

  std::uint64_t logical_bytes() const;
  /// The logical ranges that are lost; neighbours are one.
  std::vector<ByteRange> lost() const;
};

/// Whether this is a container, or was one until its header was damaged so that only the seek table
/// tells.
bool is_or_was_container(const RandomAccessSource& source, const DictionarySource& dictionaries);

/// The generation that a container has, or has after a repair: also that of a damaged header.
/// Precondition: is_or_was_container(source).
std::uint64_t stored_generation(const RandomAccessSource& source);

/// Whether a write log for `generation`, which does not fit this file as it is, may be the file's
/// all the same, because the file is damaged. Throws NewerFormatError, std::system_error.
bool may_be_its_log(const RandomAccessSource& source, std::uint64_t generation,
                    const DictionarySource& dictionaries);

/// Looks at every frame of a container. A frame counts as intact only if its content has its
/// checksum; where it belongs is told by the seek table, or by sizes that add up to what the header
/// says. A frame whose place in the content is not certain counts as lost: better a hole than bytes
/// in a wrong place.
/// Memory: a number for each frame, one frame and its content. Throws NewerFormatError,
/// MissingDictionaryError, std::system_error. Precondition: is_or_was_container(source).
SalvagePlan plan_salvage(const RandomAccessSource& source, const DictionarySource& dictionaries);

}  // namespace zstdfs::store
