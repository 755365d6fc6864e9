#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/patterns.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::test {

inline constexpr std::uint64_t kDiskBlockBytes = 4096;
/// What a disk writes whole or not at all.
inline constexpr std::uint64_t kSectorBytes = 512;

/// The bytes of one file of the simulated disk, in blocks of kDiskBlockBytes; blocks that are not
/// there read as zeros. Copies share their blocks until one of them changes.
///
/// Thread safety: none.
class SparseContent {
 public:
  std::uint64_t size() const { return size_; }
  std::size_t blocks() const { return blocks_.size(); }

  /// As File::read_at.
  std::size_t read(std::uint64_t offset, MutableByteSpan out) const;
  void write(std::uint64_t offset, ByteSpan bytes);
  /// As ftruncate: cuts, or adds a hole.
  void resize(std::uint64_t bytes);
  /// Makes the range zeros, up to the end; whole blocks are given back.
  void zero(ByteRange range);
  /// Adds the blocks of the range that are missing. The size stays.
  void allocate(ByteRange range);

  /// How many blocks of the range are missing.
  std::uint64_t missing_blocks(ByteRange range) const;
  bool has_block_at(std::uint64_t offset) const { return blocks_.contains(offset / kBlock); }
  /// As lseek with SEEK_DATA and SEEK_HOLE; `offset` lies before the end. The end where there is
  /// no data.
  std::uint64_t find_data(std::uint64_t offset) const;
  std::uint64_t find_hole(std::uint64_t offset) const;

 private:
  static constexpr std::uint64_t kBlock = kDiskBlockBytes;

  Bytes& block_for_change(std::uint64_t number);

  std::uint64_t size_ = 0;
  // Shared by the copies of a content.
  std::map<std::uint64_t, std::shared_ptr<Bytes>> blocks_;
};

/// A file's content as programs see it, what of it is on the disk for certain, and the changes
/// between the two, in order.
///
/// Thread safety: none.
class FileContent {
 public:
  /// Whether new blocks reach the disk before the structure that leads to them.
  enum class DataOrder { kOrdered, kUnordered };

  const SparseContent& current() const { return current_; }

  void write(std::uint64_t offset, ByteSpan bytes);
  void resize(std::uint64_t bytes);
  void zero(ByteRange range);
  void allocate(ByteRange range, std::uint64_t grow_to);

  /// Everything is on the disk now, but for what a failed sync gave up.
  void sync();
  /// As Linux does it: what was written is taken for written, and is not on the disk. Programs
  /// still see it, and a later sync brings there only what is written again. Sizes and holes do get
  /// there. As ext4 does it, writing again is in vain as long as the page is the same.
  void fail_to_sync();
  /// As File::drop_clean_pages: from now on there is what the disk has, also where that is not what
  /// was written, but for pages that were changed since the last sync.
  void drop_clean_pages(ByteRange range);
  bool is_synced() const { return changes_.empty(); }

  // What is left after the power went. Each also makes it certain.
  void keep_synced();
  /// Sectors keep, each on its own, the synced or any later content; sizes and holes are those of
  /// one moment since the sync. Where the data of a surviving size did not survive there are zeros
  /// or older bytes of the same file; in new blocks never when data is ordered.
  void keep_random(Random& random, DataOrder order);

 private:
  struct Change {
    enum class Kind { kWrite, kResize, kZero, kAllocate } kind;
    ByteRange range;
    Bytes bytes;             // kWrite
    std::uint64_t size = 0;  // kResize, kAllocate: the size afterwards
  };
  using Sector = Bytes;
  struct Version {
    std::size_t moment;  ///< number of changes done when the sector had this content
    Sector content;
  };
  using SectorVersions = std::map<std::uint64_t, std::vector<Version>>;

  /// Of stuck pages, those that are whole in the range.
  std::set<std::uint64_t> stuck_pages_in(ByteRange range) const;
  /// The page becomes what the disk has.
  void read_again(std::uint64_t page);
  void change(Change change);
  static void apply(const Change& change, SparseContent& content);
  void apply_where_not_stuck(const Change& change);
  /// Sizes and holes after the first `moment` changes, with none of the data they wrote.
  SparseContent structure_at(std::size_t moment) const;
  SectorVersions versions_of_sectors() const;
  /// The bytes that change number `i` turned into zeros by structure; empty for a write.
  ByteRange zeroed_by(std::size_t i) const;
  /// Whether a version's block hangs on a structure that came after `moment`.
  bool needs_later_structure(std::uint64_t sector, std::size_t version, std::size_t moment) const;

  SparseContent current_;
  SparseContent synced_;
  bool has_failed_to_sync_ = false;  // synced_ is not only older than current_
  /// Pages whose changes do not get to the disk.
  std::set<std::uint64_t> stuck_pages_;
  std::vector<Change> changes_;
};

}  // namespace zstdfs::test
