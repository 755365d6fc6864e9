#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fs/os/volume.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// What is known of the logical size of one backing file.
struct SizeEntry {
  std::uint64_t inode = 0;
  /// A hash of the status that the file had when this was so: see KnownSizes.
  std::uint64_t check = 0;
  /// kNoSize: nothing is known any more.
  std::uint64_t logical_bytes = 0;

  friend bool operator==(const SizeEntry&, const SizeEntry&) = default;
};

inline constexpr std::uint64_t kNoSize = ~std::uint64_t{0};

/// `.zstdfs/sizes`: what one mount leaves to the next of what it knows about sizes. docs/format.md,
/// "Known sizes". Sorted by inode numbers, because the files of a directory have neighbouring ones:
/// a block that was read for one of them answers for the others.
///
/// Thread safety: one thread at a time.
class SizesFile {
 public:
  /// So many entries a file has at most (100 MB).
  static constexpr std::uint64_t kMostEntries = std::uint64_t{4} << 20;

  /// The file that has this id. Nothing when there is none, or when it is not whole, as far as that
  /// shows without reading all of it. Throws std::system_error.
  static std::unique_ptr<SizesFile> open(os::Volume& volume, std::uint64_t id);
  /// Writes a file with what `old` has (null: nothing) and with `changes`, sorted by inode, each in
  /// place of what `old` says of that inode. Together they are no more than kMostEntries. When
  /// nothing remains, the file is removed, and null returned. Not synced. Throws std::system_error:
  /// then the file that was there still is, and nothing else is left.
  static std::unique_ptr<SizesFile> replace(os::Volume& volume, SizesFile* old,
                                            std::span<const SizeEntry> changes);
  /// Removes the file, and what an interruption left of a new one. Throws std::system_error.
  static void remove(os::Volume& volume);

  /// Names this file among all that a store ever had.
  std::uint64_t id() const { return id_; }
  std::uint64_t entries() const { return entries_; }

  /// Nothing when the inode is not there, or its block is damaged. Throws std::system_error.
  std::optional<SizeEntry> find(std::uint64_t inode);

 private:
  class Writer;

  explicit SizesFile(std::unique_ptr<os::File> file) : file_(std::move(file)) {}
  /// Returns false when something is wrong with it.
  bool load(std::uint64_t id);
  /// The entries of a block, valid until the next call; none when it is damaged.
  const std::vector<SizeEntry>& block(std::uint64_t number);
  /// Reads a block, and its neighbours with it.
  void read_blocks_around(std::uint64_t number);
  std::vector<SizeEntry> decode_block(std::uint64_t number, ByteSpan bytes) const;

  std::unique_ptr<os::File> file_;
  std::uint64_t id_ = 0;
  std::uint64_t nonce_ = 0;
  std::uint64_t entries_ = 0;
  std::vector<std::uint64_t> first_inodes_;  // of each block
  /// The blocks that were read last: a directory's files are spread over some.
  std::unordered_map<std::uint64_t, std::vector<SizeEntry>> blocks_;
};

}  // namespace zstdfs::store
