#pragma once

#include <optional>
#include <string>
#include <variant>

#include "zstdfs/source.hpp"

namespace zstdfs {

/// One frame, as its own bytes tell (RFC 8878), found without decompressing.
struct FrameExtent {
  enum class Kind { kData, kSkippable };
  Kind kind = Kind::kData;
  std::uint64_t stored_offset = 0;
  std::uint64_t stored_bytes = 0;
  std::uint32_t magic = 0;
  // Data frames:
  std::optional<std::uint64_t> content_bytes;  ///< absent: the frame does not say
  std::uint64_t window_bytes = 0;
  std::uint32_t dictionary_id = 0;
  std::optional<std::uint32_t> checksum;  ///< the content checksum it carries
};

/// Why there is no whole frame at an offset.
struct NoFrame {
  std::uint64_t stored_offset = 0;
  std::string reason;  ///< "truncated", "not a zstd frame", ...
};

/// Finds the extent of the frame that begins at `stored_offset`, by walking its block headers.
/// Reads only headers; takes no memory in proportion to what they claim. Throws std::system_error.
std::variant<FrameExtent, NoFrame> find_frame(const RandomAccessSource& source,
                                              std::uint64_t stored_offset);

}  // namespace zstdfs
