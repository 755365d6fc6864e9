#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zstdfs/bytes.hpp"

namespace zstdfs::soak {

/// A change of content: `bytes` at `offset`, and the size afterwards.
struct Change {
  std::uint64_t offset = 0;
  Bytes bytes;
  std::uint64_t size_after = 0;
};

/// What one file must contain: what a read shows while the daemon lives, and what may be there
/// instead once the daemon was killed.
///
/// Since the last close or fsync that succeeded, each byte may be what it was then, or anything
/// that was written since; the size lies between the smallest and the largest since. A change that
/// failed, or that was under way when the daemon died, may have been made, or not, or in part.
///
/// Not thread-safe.
class ContentModel {
 public:
  const Bytes& visible() const { return visible_; }
  std::uint64_t size() const { return visible_.size(); }

  /// The change that writing `bytes` at `offset` makes, zeros before them included where the file
  /// ends before `offset`.
  Change writing(std::uint64_t offset, ByteSpan bytes) const;
  Change truncating(std::uint64_t size) const;
  /// Zeros over a range; growing the file only when `grows` is set.
  Change zeroing(ByteRange range, bool grows) const;

  /// Announces a change before the call that makes it: until it is done, it may have been made.
  void intend(Change change);
  /// The intended change was made.
  void done();
  /// The intended change failed, or nobody knows. What can be seen now has to be adopted.
  void doubt();

  /// Nothing of what is visible depends on the daemon any more.
  void promised();
  /// Whether something was changed since.
  bool is_promised() const { return !changed_; }
  /// How much is remembered besides what is visible.
  std::uint64_t remembered_bytes() const { return remembered_bytes_; }

  /// Says in words why a file with this content is neither what it was at the last promise nor
  /// anything that was made of it since; empty when it may be. Precondition: nothing is intended.
  std::string impossible(ByteSpan found) const;
  /// Takes over what was found, which is possible. Says nothing about promises.
  void adopt(Bytes found);
  /// Says in words where `found`, read at `offset`, is not what is visible; empty when it is.
  std::string different(std::uint64_t offset, ByteSpan found) const;

 private:
  /// Bytes that may be there instead of the visible ones.
  struct Alternative {
    std::uint64_t offset = 0;
    Bytes bytes;
  };

  void remember(std::uint64_t offset, Bytes bytes);
  void note_size(std::uint64_t size);
  bool is_possible(std::uint64_t offset, std::byte value) const;

  Bytes visible_;
  std::vector<Alternative> alternatives_;
  std::uint64_t remembered_bytes_ = 0;
  std::uint64_t smallest_ = 0;  // of the sizes since the last promise
  std::uint64_t largest_ = 0;
  std::optional<Change> intended_;
  bool changed_ = false;  // since the last promise
};

}  // namespace zstdfs::soak
