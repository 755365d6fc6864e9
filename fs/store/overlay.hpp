#pragma once

#include <map>
#include <set>

#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// The logical bytes of a file that differ from its backing file: pieces that do not overlap.
///
/// Thread safety: const methods may run concurrently; the owner excludes changes.
class Overlay {
 public:
  /// New content for a run of logical bytes.
  struct Piece {
    std::uint64_t bytes = 0;
    Bytes data;  ///< empty: the piece is zeros

    bool is_zero() const { return data.empty(); }
  };
  using Pieces = std::map<std::uint64_t, Piece>;  // by logical offset

  void write(std::uint64_t offset, ByteSpan bytes);
  void write_zeros(ByteRange range);
  /// Takes pieces away: the backing file shows through again.
  void erase(ByteRange range);
  void erase_from(std::uint64_t offset);
  void clear();
  /// The write log holds all pieces now.
  void mark_all_logged() { unlogged_.clear(); }

  /// Copies what the pieces say about [offset, offset + out.size()) into `out`; leaves the rest.
  void lay_over(std::uint64_t offset, MutableByteSpan out) const;
  /// Whether pieces say everything about the range.
  bool covers(ByteRange range) const;

  bool empty() const { return pieces_.empty(); }
  const Pieces& pieces() const { return pieces_; }
  /// The offsets of the pieces that the write log does not hold yet: few of many, where each change
  /// is synced.
  const std::set<std::uint64_t>& unlogged() const { return unlogged_; }
  /// The first piece that ends behind `offset`.
  Pieces::const_iterator first_touching(std::uint64_t offset) const;
  /// Bytes of content that are held.
  std::uint64_t data_bytes() const { return data_bytes_; }
  /// What the pieces take in memory, about: single bytes here and there take far more than they
  /// are.
  std::uint64_t memory_bytes() const { return held_bytes_ + pieces_.size() * kPieceMemoryBytes; }

 private:
  // A node of the map, the piece in it, one of the set, and what the allocator adds to small data.
  static constexpr std::uint64_t kPieceMemoryBytes = 160;

  /// Puts a piece that is not logged in the place of what is there.
  void replace(std::uint64_t offset, Piece piece);
  /// Adds a piece where there is none. Allocates nothing.
  void add(Pieces one);
  /// Makes `offset` a boundary between pieces, if it lies inside one.
  void split_at(std::uint64_t offset);
  bool write_into_one_piece(std::uint64_t offset, ByteSpan bytes);

  Pieces pieces_;
  std::set<std::uint64_t> unlogged_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;  // what was allocated for the data
};

}  // namespace zstdfs::store
