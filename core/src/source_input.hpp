#pragma once

#include <cstdint>
#include <memory>

#include "zstdfs/stream.hpp"

namespace zstdfs {

/// Memory whose content is of no interest to the next user. Grows, and never shrinks.
class ScratchBuffer {
 public:
  MutableByteSpan at_least(std::size_t bytes);
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
};

/// What a stream operation takes: bytes of a source, which go through a buffer, or in memory, which
/// do not.
class SourceInput {
 public:
  /// What a source's end means.
  enum class AtEnd {
    kIsFinal,   ///< the source is not asked again
    kAskAgain,  ///< there may be more the next time
  };

  explicit SourceInput(ByteSpan memory) : pending_(memory), bytes_read_(memory.size()) {}
  explicit SourceInput(Bytes&& memory)
      : memory_(std::move(memory)), pending_(memory_), bytes_read_(memory_.size()) {}
  SourceInput(Source& source, std::size_t read_size, AtEnd at_end);
  /// Owns the source.
  SourceInput(std::unique_ptr<Source> source, std::size_t read_size, AtEnd at_end);

  /// What was read and not yet used; the user takes from its front.
  ByteSpan& pending() { return pending_; }
  /// Reads more when nothing is pending, into the operation's buffer. False at the end.
  bool refill(ScratchBuffer& buffer);
  void close();
  /// What was used of the input.
  std::uint64_t bytes_consumed() const { return bytes_read_ - pending_.size(); }

 private:
  std::unique_ptr<Source> owned_;
  Source* source_ = nullptr;  // null: all is in pending_
  std::size_t read_size_ = 0;
  AtEnd at_end_ = AtEnd::kIsFinal;
  bool ended_ = false;
  Bytes memory_;      // where it was given away; not changed, so that moving it keeps its place
  ByteSpan pending_;  // of the caller's memory, `memory_` or the buffer
  std::uint64_t bytes_read_ = 0;
};

}  // namespace zstdfs
