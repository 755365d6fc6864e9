#pragma once

#include "zstdfs/frame_codec.hpp"

namespace zstdfs {

/// The most stored bytes that a frame with at most kMaxChunkBytes of content has: what libzstd
/// promises for its own frames (ZSTD_compressBound). Nobody has to take more memory for one.
inline constexpr std::uint64_t kMaxDataFrameBytes = kMaxChunkBytes + kMaxChunkBytes / 256;

}  // namespace zstdfs
