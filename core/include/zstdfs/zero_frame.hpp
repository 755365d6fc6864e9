#pragma once

#include "zstdfs/bytes.hpp"

namespace zstdfs {

/// The most zeros that one frame holds: the seekable format's limit for the content of a frame.
inline constexpr std::uint64_t kMaxZeroFrameBytes = std::uint64_t{1} << 30;

/// Whether there is nothing but zeros; also of no bytes at all.
bool all_zeros(ByteSpan bytes);

/// A zstd frame that holds `zero_bytes` zeros (1 to kMaxZeroFrameBytes), in the one form that
/// zstdfs writes: a window of 128 KiB, run-length blocks of at most 128 KiB, content size and
/// content checksum. docs/format.md, "Zero frames". About 4 bytes for each 128 KiB.
Bytes encode_zero_frame(std::uint64_t zero_bytes);

/// `encode_zero_frame(zero_bytes).size()`, without encoding. Constant time.
std::size_t zero_frame_bytes(std::uint64_t zero_bytes);

/// The content checksum of `zero_bytes` zeros. Remembers what it computed for large sizes; may be
/// called concurrently.
std::uint32_t zeros_checksum(std::uint64_t zero_bytes);

/// Whether `frame` is exactly what encode_zero_frame(zero_bytes) gives.
bool is_zero_frame(ByteSpan frame, std::uint64_t zero_bytes);

}  // namespace zstdfs
