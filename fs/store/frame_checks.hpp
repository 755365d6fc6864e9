#pragma once

#include <optional>
#include <variant>

#include "zstdfs/container_header.hpp"
#include "zstdfs/dictionary_source.hpp"
#include "zstdfs/frame_index.hpp"
#include "zstdfs/frame_walk.hpp"

namespace zstdfs::store {

// What a salvage asks about single frames of a damaged container.

/// The dictionaries for the frames of one container. All frames that name a dictionary name that of
/// the header; a header that was made anew may have none. So another one that cannot be had is not
/// missing, its id is damaged.
///
/// Lifetime: `dictionaries` outlives it. Thread safety: all methods may run concurrently.
class ContainerDictionaries final : public DictionarySource {
 public:
  /// `header` is an intact one, or nothing is known of it.
  ContainerDictionaries(const std::optional<ContainerHeader>& header,
                        const DictionarySource& dictionaries)
      : header_id_(header ? header->dictionary_id : 0), dictionaries_(dictionaries) {}

  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t id) const override;

 private:
  const std::uint32_t header_id_;
  const DictionarySource& dictionaries_;
};

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
