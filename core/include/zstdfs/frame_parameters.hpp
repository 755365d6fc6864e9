#pragma once

#include <cstdint>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"

// What a frame says about itself, without decompressing it. All functions may run concurrently.
// `format` is kFormatZstd1 or kFormatZstd1Magicless; anything else is a std::invalid_argument.
// Sizes are bytes. What a frame says can be wrong or hostile: check it against a limit of your own
// before you take memory for it.

namespace zstdfs {

struct FrameParameters {
  /// Absent: the frame does not say. For a skippable frame, the bytes that it skips after its
  /// header.
  std::optional<std::uint64_t> content_size;
  /// How far back the frame refers, so what a decompressor needs to keep. 0 for a skippable frame.
  std::uint64_t window_size = 0;
  /// 0: the frame names none, though it may still need one.
  std::uint32_t dict_id = 0;
  bool has_checksum = false;

  // Beyond python-zstandard:
  bool is_skippable = false;
  std::size_t header_size = 0;
  /// The content of one block at most.
  std::size_t block_size_max = 0;
};

/// Reads the header that `data` begins with. 18 bytes are always enough. Throws ZstdError: with
/// "need N bytes" and code srcSize_wrong where `data` ends inside of the header, and for anything
/// that is no frame.
FrameParameters get_frame_parameters(ByteSpan data, int format = kFormatZstd1);

/// Size of the header that `data` begins with, magic number included. Needs the first 5 bytes only
/// (without a magic number 1). Throws ZstdError.
std::size_t frame_header_size(ByteSpan data, int format = kFormatZstd1);

/// Size of the content when it is decompressed; absent when the frame does not say, which is not
/// the same as 0. A skippable frame has no content: 0. Throws ZstdError for anything that is no
/// frame, and for less than a header.
std::optional<std::uint64_t> frame_content_size(ByteSpan data, int format = kFormatZstd1);

/// Size of the frame that `data` begins with, as it is stored, found by its block headers. Throws
/// ZstdError where it is not whole.
std::size_t frame_compressed_size(ByteSpan data, int format = kFormatZstd1);

/// How many bytes more than the content a buffer needs for decompression in place: with `frames`
/// at its end, one-shot decompression may write to its beginning. `frames` holds whole frames, one
/// or more, and nothing else. Throws ZstdError.
std::size_t decompression_margin(ByteSpan frames, int format = kFormatZstd1);

/// As above, for any single frame with that much content and blocks of at most `block_size` bytes,
/// before it exists. Throws std::invalid_argument when `block_size` is 0, or one of them 2^62 or
/// more.
std::uint64_t decompression_margin(std::uint64_t content_size, std::size_t block_size);

/// Bytes that a decompressor takes, without the window that streaming needs.
std::size_t estimate_decompression_context_size();
/// Bytes that a decompressor takes when it streams a frame with that window. Throws
/// std::invalid_argument for a window of half the address space and more.
std::size_t estimate_decompression_stream_size(std::size_t window_size);

}  // namespace zstdfs
