#pragma once

#include <optional>
#include <variant>

#include "zstdfs/frame_index.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs::store {

// What a salvage asks about single frames of a damaged container.

/// Whether the frame is there and its content has the checksum. Throws MissingDictionaryError.
bool verifies(const RandomAccessSource& source, const FrameEntry& frame,
              const DictionarySource& dictionaries);

/// Whether a walk over the frame's blocks finds what `frame` says. libzstd does not look at every
/// bit of one that it can decompress.
bool is_well_formed(const RandomAccessSource& source, const FrameEntry& frame);

/// A data frame with content, as it tells itself; nothing when it cannot be one of a container's.
/// The logical offset is left out.
std::optional<FrameEntry> as_entry(const FrameExtent& extent);

/// Whether whole frames without content fill exactly the stored bytes of `gap`.
bool is_padding(const RandomAccessSource& source, ByteRange gap);

/// A frame that holds nothing: it may lie anywhere.
bool is_without_content(const FrameExtent& extent);
bool is_seek_table(const FrameExtent& extent);
/// The same for one whose size may be damaged.
bool begins_like_seek_table(const RandomAccessSource& source, std::uint64_t stored_offset);

/// The first verified data frame that begins at `from` or behind it, byte by byte.
std::optional<FrameEntry> find_verified_frame(const RandomAccessSource& source, std::uint64_t from,
                                              const DictionarySource& dictionaries);

}  // namespace zstdfs::store
