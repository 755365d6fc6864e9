#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <type_traits>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/frame_parameters.hpp"

// The frames that lie one behind the other in memory, without decompressing them, and skippable
// frames. All functions may run concurrently. `format` is kFormatZstd1 or kFormatZstd1Magicless;
// anything else is a std::invalid_argument. Sizes and offsets are bytes.

namespace zstdfs {

/// One whole frame of a buffer, in the buffer's memory.
struct FrameView {
  ByteSpan bytes;            ///< as it is stored, header and checksum included
  std::uint64_t offset = 0;  ///< where it begins in the buffer
  FrameParameters parameters;
  /// Of its content; absent when the frame does not say. A skippable frame has none: 0.
  std::optional<std::uint64_t> content_size;
  /// The most content that its blocks can hold; never below content_size.
  std::uint64_t content_bound = 0;
};

/// The frames of a buffer, skippable ones included, as an input range:
///
///     for (const FrameView& frame : frames_of(data)) { ... }
///
/// Each is found when the walk gets there, by its block headers; walking takes no memory.
///
/// Lifetime: the buffer outlives the range, its iterators and views.
/// Thread safety: const methods may run concurrently; an iterator belongs to one thread.
/// Errors: begin() and a step throw ZstdError for what is no whole frame; the message has the
/// frame's number, counted from 0, and its offset.
class FrameRange {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = FrameView;
    using difference_type = std::ptrdiff_t;

    const FrameView& operator*() const { return frame_; }
    const FrameView* operator->() const { return &frame_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) {
      return at.frame_.bytes.empty();
    }

   private:
    friend class FrameRange;
    Iterator(ByteSpan data, int format) : rest_(data), format_(format) { find(); }
    void find();

    ByteSpan rest_;  // from the present frame on
    int format_;
    std::size_t number_ = 0;
    FrameView frame_;  // without bytes at the end
  };

  FrameRange(ByteSpan data, int format) : data_(data), format_(format) {}

  /// Begins anew each time.
  Iterator begin() const { return {data_, format_}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  ByteSpan data_;
  int format_;
};

/// No data at all has no frames.
FrameRange frames_of(ByteSpan data, int format = kFormatZstd1);
/// Not of a temporary, which would be gone before the walk begins. (A template, so that `{}` is a
/// span.)
template <typename Temporary>
requires std::same_as<std::remove_const_t<Temporary>, Bytes> FrameRange
frames_of(Temporary&& data, int format = kFormatZstd1)
= delete;

/// Size of the content of all frames together; absent when one of them does not say. Throws
/// ZstdError as a walk does. What frames say is never more than their blocks can hold, but that can
/// be 32768 times what is stored: check it against a limit of your own before you take memory.
std::optional<std::uint64_t> decompressed_size(ByteSpan data, int format = kFormatZstd1);

/// The most content that all frames together can have: exact where they say it. Throws ZstdError as
/// a walk does.
std::uint64_t decompressed_bound(ByteSpan data, int format = kFormatZstd1);

/// What stands before the content of a skippable frame: magic number and size.
inline constexpr std::size_t kSkippableFrameOverhead = 8;
/// The number of different magic numbers that skippable frames can have.
inline constexpr unsigned kSkippableFrameVariants = 16;

/// One skippable frame, in the memory that it was read from.
struct SkippableFrame {
  unsigned variant = 0;  ///< 0 to 15: what its magic number is above 0x184D2A50
  ByteSpan content;
  std::size_t frame_bytes = 0;  ///< of the whole frame
};

/// Makes a frame that decompressors pass over. Throws std::invalid_argument for a variant of 16 and
/// above, and for content of 4 GiB and more.
Bytes write_skippable_frame(ByteSpan content, unsigned variant = 0);
/// As above into the caller's memory, which may not overlap the content. Returns the frame's size:
/// kSkippableFrameOverhead and that of the content. Throws ZstdError when it does not fit.
std::size_t write_skippable_frame_into(MutableByteSpan out, ByteSpan content, unsigned variant = 0);

/// Whether `data` begins with the magic number of a skippable frame.
bool is_skippable_frame(ByteSpan data);

/// Reads the skippable frame that `data` begins with; what follows is not looked at. Throws
/// ZstdError when there is none (prefix_unknown), or not all of it (srcSize_wrong).
SkippableFrame read_skippable_frame(ByteSpan data);

}  // namespace zstdfs
