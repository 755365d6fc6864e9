#include <algorithm>

#include "frame_layout.hpp"
#include "frame_limits.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs {
namespace {

/// A decoder and a buffer for stored bytes for each thread that reads, so that a read allocates
/// nothing. Buffers that one large frame made large are given back.
class ReaderScratch {
 public:
  static ReaderScratch& of_this_thread() {
    thread_local ReaderScratch scratch;
    return scratch;
  }

  FrameDecoder& decoder() { return decoder_; }

  MutableByteSpan stored(std::size_t bytes) {
    if (stored_.size() < bytes) stored_.resize(bytes);
    return MutableByteSpan(stored_).first(bytes);
  }

  void shrink() {
    if (stored_.size() > kKeptBytes) stored_ = Bytes();
  }

 private:
  static constexpr std::size_t kKeptBytes = 2u << 20;

  FrameDecoder decoder_;
  Bytes stored_;
};

bool may_be_zero_frame(const FrameEntry& frame) {
  return frame.logical_bytes >= 1 && frame.logical_bytes <= kMaxZeroFrameBytes &&
         frame.stored_bytes == zero_frame_bytes(frame.logical_bytes);
}

ByteSpan read_stored(const RandomAccessSource& source, const FrameEntry& frame,
                     ReaderScratch& scratch) {
  const MutableByteSpan stored = scratch.stored(frame.stored_bytes);
  const std::size_t n = source.read_at(frame.stored_offset, stored);
  if (n != stored.size()) {
    throw CorruptError(frame.stored_offset,
                       "expected a frame of " + std::to_string(frame.stored_bytes) +
                           " stored bytes, the file ends after " + std::to_string(n));
  }
  return stored;
}

}  // namespace

void read_frame(const RandomAccessSource& source, const FrameEntry& frame, MutableByteSpan out,
                const DictionarySource& dictionaries) {
  ZSTDFS_ASSERT(out.size() == frame.logical_bytes);
  const bool maybe_zeros = may_be_zero_frame(frame);
  if (!maybe_zeros) {
    if (frame.logical_bytes > kMaxChunkBytes || frame.stored_bytes > kMaxDataFrameBytes) {
      throw CorruptError(frame.stored_offset, "a frame is larger than the largest chunk");
    }
    if (frame.stored_bytes < kMinDataFrameBytes) {
      throw CorruptError(frame.stored_offset, "a frame is smaller than the smallest one");
    }
  }
  ReaderScratch& scratch = ReaderScratch::of_this_thread();
  const ByteSpan stored = read_stored(source, frame, scratch);
  // The index is believed about what belongs here; a whole frame from elsewhere is not the content.
  if (load_le<std::uint32_t>(stored, stored.size() - kChecksumBytes) != frame.checksum) {
    throw CorruptError(frame.stored_offset, "a frame's checksum is not the one in the seek table");
  }
  if (maybe_zeros && is_zero_frame(stored, frame.logical_bytes)) {
    std::ranges::fill(out, std::byte{0});
    return;
  }
  if (frame.logical_bytes > kMaxChunkBytes) {
    throw CorruptError(frame.stored_offset, "a frame of many zeros is damaged");
  }
  scratch.decoder().decode(stored, out, frame.stored_offset, dictionaries);
  scratch.shrink();
}

bool is_stored_zero_frame(const RandomAccessSource& source, const FrameEntry& frame) {
  if (!may_be_zero_frame(frame)) return false;
  // The index tells already, in most cases.
  if (frame.checksum != zeros_checksum(frame.logical_bytes)) return false;
  const ByteSpan stored = read_stored(source, frame, ReaderScratch::of_this_thread());
  return is_zero_frame(stored, frame.logical_bytes);
}

}  // namespace zstdfs
