#pragma once

#include <string>
#include <vector>

#include "zstdfs/bytes.hpp"

namespace zstdfs::test {

/// What took the daemon away: and so, which of its promises counts.
enum class Loss {
  kKill,   ///< everything flushed is there
  kPower,  ///< everything synced is there
};

/// The contents that one file had in the course of a test, and which of them were promised.
///
/// Thread safety: none.
class FileHistory {
 public:
  /// The content is about to become this one.
  void change(Bytes content) { states_.push_back(std::move(content)); }
  /// The call that made the last change came back: with the daemon alive, nothing older shows.
  void flushed() { flushed_ = states_.size() - 1; }
  void synced() { flushed_ = synced_ = states_.size() - 1; }

  const Bytes& last() const { return states_.back(); }
  /// Whether the file may have lost all of its content in a loss of power: it was empty when it was
  /// synced last, or since.
  bool may_be_empty() const;

  /// Says what is wrong with `found` after `loss`; empty when it is what may be: each sector from
  /// the promised content or a later one, and a size in their range. After a loss of power sectors
  /// beyond the promised content may be zeros, as a native filesystem leaves them.
  std::string complaint(const Bytes& found, Loss loss) const;

 private:
  std::vector<Bytes> states_ = {{}};
  std::size_t flushed_ = 0;
  std::size_t synced_ = 0;
};

}  // namespace zstdfs::test
