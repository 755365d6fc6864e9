#pragma once

#include <optional>

#include "zstdfs/container.hpp"

namespace zstdfs {

/// Finds the frames of a container by walking over them. `header` is the decoded one, if it could
/// be decoded; otherwise the result's says only its form. Frames that end at or below `trusted_end`
/// are not decompressed. Throws what `dictionaries` throws: a frame whose dictionary is missing is
/// not one that is damaged.
LoadedContainer scan_frames(const RandomAccessSource& source,
                            const std::optional<ContainerHeader>& header, std::uint64_t trusted_end,
                            const DictionarySource& dictionaries);

}  // namespace zstdfs
