#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "source_input.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/mutex.hpp"
#include "zstdfs/seek_table.hpp"

// How a reader of a seekable file gets at the content of single frames.

namespace zstdfs {

/// What all decoders of one file share. Constant.
struct SeekableFile {
  const RandomAccessSource& source;
  const SeekTable& table;
  const DecompressorOptions& decompressor;
  const std::uint64_t max_frame_size;
};

/// A part of one frame's content.
struct FramePart {
  std::size_t frame = 0;
  std::size_t content_offset = 0;
};

/// Decompresses frames and keeps the content of the last one that was read in part.
/// Thread safety: one thread at a time.
class SeekableFrameDecoder {
 public:
  explicit SeekableFrameDecoder(const SeekableFile& file)
      : file_(file), decompressor_(file.decompressor) {}

  std::optional<std::size_t> kept_frame() const { return kept_frame_; }

  /// Fills `out` with content of one frame, which has as much from there on. Throws CorruptError
  /// where the frame is not what the table says; ZstdError, std::system_error.
  void read(const FramePart& part, MutableByteSpan out);

 private:
  struct StoredFrame {
    ByteSpan bytes;
    bool has_checksum = false;
  };

  /// The stored bytes of a frame, once it was seen that they are a frame that can hold the content.
  StoredFrame load(std::size_t i);
  ByteSpan read_stored(std::size_t i);
  /// Decompresses and verifies.
  void decode(std::size_t i, const StoredFrame& stored, MutableByteSpan out);

  const SeekableFile& file_;
  ZstdDecompressor decompressor_;
  ScratchBuffer stored_;
  ScratchBuffer content_;
  std::optional<std::size_t> kept_frame_;  // whose content is in content_
};

/// The decoders of a file: one for each thread that reads, and no fewer than are to be kept.
/// Thread safety: all methods may run concurrently.
class SeekableDecoders {
 public:
  SeekableDecoders(const SeekableFile& file, std::size_t kept_frames)
      : file_(file), kept_frames_(kept_frames) {}

  /// A decoder, as long as this lives.
  class Loan {
   public:
    Loan(SeekableDecoders& from, std::size_t frame) : from_(from), decoder_(from.take(frame)) {}
    ~Loan() { from_.give_back(std::move(decoder_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    SeekableFrameDecoder* operator->() const { return decoder_.get(); }

   private:
    SeekableDecoders& from_;
    std::unique_ptr<SeekableFrameDecoder> decoder_;
  };

 private:
  /// The one that keeps frame number `frame`, if there is one.
  std::unique_ptr<SeekableFrameDecoder> take(std::size_t frame) ZSTDFS_EXCLUDES(mutex_);
  void give_back(std::unique_ptr<SeekableFrameDecoder> decoder) noexcept ZSTDFS_EXCLUDES(mutex_);

  const SeekableFile& file_;  // constant after construction, as is the next
  const std::size_t kept_frames_;
  Mutex mutex_;  // never held while a frame is read
  /// The one that was used least recently comes first. Has capacity for all that were made.
  std::vector<std::unique_ptr<SeekableFrameDecoder>> idle_ ZSTDFS_GUARDED_BY(mutex_);
  std::size_t made_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace zstdfs
