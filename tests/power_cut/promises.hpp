#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/power_cut/content.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::powercut {

/// What one file may hold after a loss of power: what it had when it was synced last, or something
/// that was written since, block by block. Blocks are independent of each other, since no system
/// call of more than one promises anything as a whole.
class FileHistory {
 public:
  explicit FileHistory(std::uint64_t file) : file_(file), sizes_{{0, 0}} {}

  /// The file is about to be changed.
  void write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version);
  void truncate(std::uint64_t bytes);
  /// It was synced: what it has now, or something later, will be there.
  void sync();

  /// Why this cannot be the file's content; empty when it can.
  std::string complaint(ByteSpan content) const;

 private:
  /// The first `bytes` of a version, then zeros.
  struct BlockState {
    std::uint64_t version = 0;
    std::uint64_t bytes = 0;
  };
  /// A file that grows may have any size in between.
  struct Sizes {
    std::uint64_t lowest = 0;
    std::uint64_t highest = 0;
  };

  void change_block(std::uint64_t block, BlockState state);
  void note_end();
  const std::vector<BlockState>& states_of(std::uint64_t block) const;
  Bytes content_of(std::uint64_t block, BlockState state) const;
  bool may_hold(std::uint64_t block, ByteSpan bytes) const;
  /// What these bytes are instead of what they may be.
  std::string describe(std::uint64_t block, ByteSpan bytes) const;
  std::uint64_t size() const { return sizes_.back().highest; }

  std::uint64_t file_;
  std::vector<std::vector<BlockState>> blocks_;  // of each, what may be there, the newest last
  std::set<std::uint64_t> changed_;              // blocks with more than one state
  /// Where the file ended within a block since it was synced. What a write changes before the end
  /// and what it adds are two things, of which one may be there without the other.
  std::map<std::uint64_t, std::set<std::uint64_t>> ends_;
  std::vector<Sizes> sizes_;  // the newest last
};

/// What a lower filesystem makes of a name that was removed and synced.
enum class RemovedNames {
  kStayAway,
  /// Btrfs (Linux 6.18) brings one back, with the file that it was, when another file of the
  /// directory is synced while it is renamed.
  kMayComeBack,
};

/// What was begun and what was promised, as the marks of a recording tell it. Not thread-safe.
class Promises {
 public:
  explicit Promises(RemovedNames removed_names) : removed_names_(removed_names) {}

  /// Takes a mark into account: words, of which the first says what the others are.
  ///
  ///     name PATH FILE      the path is about to become that file, created or renamed to there
  ///     gone PATH           the path is about to be removed
  ///     named PATH          the path was synced
  ///     write FILE OFFSET BYTES VERSION, size FILE BYTES     about to happen
  ///     synced FILE         the content was synced
  ///     begin DB ROW        a transaction is about to begin that adds the row
  ///     done DB ROW         it was committed
  void apply(std::string_view mark);

  /// Compares with what is there: path to content. Returns what is wrong, a sentence each.
  std::vector<std::string> complaints(const std::map<std::string, Bytes>& files) const;

  struct Rows {
    std::uint64_t promised = 0;
    std::uint64_t begun = 0;
  };
  const std::map<std::string, Rows>& databases() const { return databases_; }

 private:
  static constexpr std::uint64_t kNoFile = 0;

  FileHistory& file(std::uint64_t number);
  std::string complaint(const std::string& path, const Bytes* content) const;
  bool came_back(const std::string& path, const Bytes& content) const;

  RemovedNames removed_names_;
  std::map<std::uint64_t, FileHistory> files_;
  /// Of each path, which files it may be, the newest last.
  std::map<std::string, std::vector<std::uint64_t>> names_;
  /// Of each path, which files it ever was.
  std::map<std::string, std::vector<std::uint64_t>> former_names_;
  std::map<std::string, Rows> databases_;
};

}  // namespace zstdfs::powercut
