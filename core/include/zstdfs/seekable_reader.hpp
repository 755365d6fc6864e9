#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/seek_table.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs {

struct SeekableReaderOptions {
  /// The format must be kFormatZstd1. Frames are bounded by `max_frame_size`, not by
  /// `max_content_size`. A frame whose checksum the seek table has needs none of its
  /// own for ChecksumPolicy::kRequireWithRawDict.
  DecompressorOptions decompressor = {};
  /// The most content that a frame may hold; reading a larger one is a CorruptError. With it the
  /// memory is bounded, whatever a file claims.
  std::uint64_t max_frame_size = std::uint64_t{1} << 30;
  /// Frames whose content is kept from read to read, for access that goes back and forth between
  /// several places; not 0. As many are kept anyway as there were threads that read at the same
  /// time.
  std::size_t kept_frames = 1;
};

/// The content of a seekable file, at any offset. Itself a source, also of another reader (given to
/// it as a RandomAccessSource, or it would be copied).
///
/// Nothing that the seek table says is believed before the frame was seen to agree: its size, the
/// size of its content, and the checksum, which is verified whenever a frame is decompressed, also
/// when only a part of it is asked for.
///
/// Lifetime: the source outlives the reader, unless it was given away.
/// Thread safety: size(), read_at(), fileno(), closed() and seek_table() may run concurrently, also
/// with one thread that uses the position (the functions from read() to peek()); a second such
/// thread gets a UsageError. Nothing may overlap close(), moving and destroying.
/// Errors: CorruptError names the frame's number and offset; ZstdError when the options do not
/// allow a frame (window, dictionary), or there is no memory for it; what the source throws.
/// `out` then holds unspecified bytes, and the position is where it was. Everything can be tried
/// again. Reading after close() is a UsageError.
/// Memory: the seek table; and for each thread that reads at the same time, or each of
/// `kept_frames`, a decompressor (about 96 KiB), the stored bytes of the largest frame it has read,
/// and the content of the largest frame it has read in part. So for a file with frames of 1 MiB
/// about 2 MiB each. Stored bytes that are more than eight times the content, and 64 KiB, are
/// refused.
class ZstdSeekableReader final : public RandomAccessSource {
 public:
  /// Reads the seek table at the file's end. Throws as read_seek_table() does, CorruptError where
  /// there is none, and std::invalid_argument for a format or `kept_frames` that cannot be. A
  /// window limit or a dictionary that libzstd refuses is found by the first read that
  /// decompresses.
  explicit ZstdSeekableReader(const RandomAccessSource& source,
                              const SeekableReaderOptions& options = {});
  explicit ZstdSeekableReader(std::unique_ptr<const RandomAccessSource> source,
                              const SeekableReaderOptions& options = {});
  /// Not of a temporary, which would be gone at the first read: give it away instead.
  explicit ZstdSeekableReader(const RandomAccessSource&& source,
                              const SeekableReaderOptions& options = {}) = delete;
  /// With a table from elsewhere; the file needs none, and one that it has is not looked at. Throws
  /// CorruptError when the table lists more bytes than the source has.
  ZstdSeekableReader(const RandomAccessSource& source, SeekTable table,
                     const SeekableReaderOptions& options = {});
  ZstdSeekableReader(std::unique_ptr<const RandomAccessSource> source, SeekTable table,
                     const SeekableReaderOptions& options = {});
  ZstdSeekableReader(const RandomAccessSource&& source, SeekTable table,
                     const SeekableReaderOptions& options = {}) = delete;
  ~ZstdSeekableReader() override;
  ZstdSeekableReader(ZstdSeekableReader&&) noexcept;
  ZstdSeekableReader& operator=(ZstdSeekableReader&&) noexcept;

  /// Bytes of content.
  std::uint64_t size() const override;
  /// Reads content. Frames that lie in `out` as a whole are decompressed there; of others all of
  /// the content is kept until the next frame, so that small reads in order cost little.
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override;
  /// The source's.
  std::optional<int> fileno() const override;
  const SeekTable& seek_table() const;

  /// Returns `size` bytes from the position on, fewer at the end only. -1 is readall(). Below that:
  /// std::invalid_argument.
  Bytes read(std::int64_t size = -1);
  /// As read() into the caller's memory. Returns how many bytes that were.
  std::size_t readinto(MutableByteSpan out);
  /// All from the position to the end.
  Bytes readall();
  /// Moves the position, in any direction, at most to the end, and returns it. Throws
  /// std::system_error (EINVAL) for a position before the start.
  std::uint64_t seek(std::int64_t offset, SeekOrigin origin = SeekOrigin::kStart);
  std::uint64_t tell() const;
  /// As read() does with a size that is not negative, but does not move the position.
  Bytes peek(std::size_t size) const;

  /// Gives memory back, and the source if it was given away: a file that it owns is closed. A
  /// second call does nothing.
  void close();
  bool closed() const;

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace zstdfs
