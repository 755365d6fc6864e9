#pragma once

#include <cstdint>

#include "zstdfs/bytes.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::store {

/// A frame to be stored.
struct NewFrame {
  std::uint32_t logical_bytes = 0;
  std::uint32_t checksum = 0;
  Bytes stored;  ///< of a chunk of zeros that was just made: nothing, see make_frame()
};

/// Compresses a chunk. Zeros come back with nothing stored: how many of them one frame takes is
/// decided later. Throws as FrameEncoder::encode does. May run concurrently; each thread keeps an
/// encoder.
NewFrame make_frame(ByteSpan content, const FrameRecipe& recipe);

}  // namespace zstdfs::store
