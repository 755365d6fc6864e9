#pragma once

#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs {

/// One data frame: where it is stored and what it holds.
struct FrameEntry {
  std::uint64_t stored_offset = 0;
  std::uint64_t logical_offset = 0;
  std::uint32_t stored_bytes = 0;
  std::uint32_t logical_bytes = 0;
  std::uint32_t checksum = 0;

  std::uint64_t stored_end() const { return stored_offset + stored_bytes; }
  std::uint64_t logical_end() const { return logical_offset + logical_bytes; }
  friend bool operator==(const FrameEntry&, const FrameEntry&) = default;
};

/// The data frames of a container, in logical order and without logical gaps. Stored gaps between
/// them are skippable frames (the header, padding).
///
/// Thread safety: const methods may run concurrently.
class FrameIndex {
 public:
  /// `frames_begin`: the stored offset behind the header.
  explicit FrameIndex(std::uint64_t frames_begin) : frames_begin_(frames_begin) {}
  FrameIndex() : FrameIndex(kContainerHeaderBytes) {}

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const FrameEntry& operator[](std::size_t i) const { return entries_[i]; }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

  /// Logical bytes of all frames together.
  std::uint64_t logical_bytes() const { return empty() ? 0 : entries_.back().logical_end(); }
  std::uint64_t frames_begin() const { return frames_begin_; }
  /// The stored offset just behind the last frame; behind the header when there is none.
  std::uint64_t frames_end() const {
    return empty() ? frames_begin_ : entries_.back().stored_end();
  }

  /// Adds a frame at the logical end. `stored_offset` is at least frames_end(); a gap must be one
  /// that skippable frames can fill (none, or 8 bytes and more).
  void append(std::uint64_t stored_offset, std::uint32_t stored_bytes, std::uint32_t logical_bytes,
              std::uint32_t checksum);
  /// Drops all frames from number `count` on.
  void keep_first(std::size_t count);
  void reserve(std::size_t count) { entries_.reserve(count); }

  /// The number of the frame that holds `logical_offset`; nothing beyond the end.
  std::optional<std::size_t> find(std::uint64_t logical_offset) const;

  friend bool operator==(const FrameIndex&, const FrameIndex&) = default;

 private:
  std::uint64_t frames_begin_;
  std::vector<FrameEntry> entries_;
};

}  // namespace zstdfs
