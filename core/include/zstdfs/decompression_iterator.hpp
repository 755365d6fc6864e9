#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

struct DecompressionIteratorOptions {
  std::size_t read_size = 131075;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131072;  ///< the most that one step yields; not 0
  /// Passes over so many bytes before the first frame. They have to be fewer than `read_size`, and
  /// than the source has or gives at its first read: std::invalid_argument otherwise.
  std::size_t skip_bytes = 0;
  /// Goes on after the first frame, to the source's end. Otherwise what follows is not looked at.
  bool read_across_frames = false;
};

/// The decompressed pieces of a source, as an input range:
///
///     for (ByteSpan piece : decompressor.read_to_iter(source)) { ... }
///
/// Input is read and decompressed as the range is walked, once. Skippable frames are passed over;
/// a source without bytes yields nothing. A piece is valid until the next step.
///
/// Lifetime: may outlive its decompressor; the source outlives the range, and so does the range its
/// iterators.
/// Thread safety: one thread at a time, together with the decompressor; breaking that is a
/// UsageError, and so is going on after another operation of the decompressor was begun.
/// Errors: a step throws ZstdError for data that does not decompress or ends within a frame, and
/// what the source throws, after the bytes before that were yielded.
/// Memory: the decompressor's context, `read_size` and `write_size` bytes; no copy of a source in
/// memory.
class ZstdDecompressionRange {
 public:
  class Iterator {
   public:
    using value_type = ByteSpan;
    using difference_type = std::ptrdiff_t;

    ByteSpan operator*() const { return range_->piece_; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return (*at).empty(); }

   private:
    friend class ZstdDecompressionRange;
    explicit Iterator(ZstdDecompressionRange& range) : range_(&range) {}
    ZstdDecompressionRange* range_;
  };

  ~ZstdDecompressionRange();
  ZstdDecompressionRange(ZstdDecompressionRange&&) noexcept;
  ZstdDecompressionRange& operator=(ZstdDecompressionRange&&) noexcept;

  /// Makes the first piece; a later call stays where the walk is.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  /// Compressed bytes that made what was yielded, without those that were skipped.
  std::uint64_t bytes_consumed() const;

 private:
  friend class ZstdDecompressor;
  struct State;
  explicit ZstdDecompressionRange(std::unique_ptr<State> state);
  void skip();
  void advance();

  std::unique_ptr<State> state_;
  ByteSpan piece_;  // of the state's buffer; empty at the end
};

}  // namespace zstdfs
