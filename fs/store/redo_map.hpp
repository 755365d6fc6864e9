#pragma once

#include <cstdint>
#include <vector>

#include "zstdfs/bytes.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::store {

/// Where in a redo file the bytes lie that its target gets. Takes 24 bytes for a record, of which a
/// merge has about one for each frame and each MiB that changes, or fewer.
///
/// Thread safety: const methods may run concurrently.
class RedoMap {
 public:
  struct Run {
    std::uint64_t target_offset = 0;
    std::uint64_t redo_offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t target_end() const { return target_offset + bytes; }
  };
  using Runs = std::vector<Run>;

  /// Runs may come in any order, but do not overlap in the target.
  void add(const Run& run);

  /// By target offset.
  const Runs& runs() const { return runs_; }
  /// The first run that ends behind `target_offset`.
  Runs::const_iterator first_behind(std::uint64_t target_offset) const;
  /// The size of the target, which ends with a run.
  std::uint64_t target_bytes() const { return runs_.empty() ? 0 : runs_.back().target_end(); }

 private:
  Runs runs_;
};

/// A file as it is once a redo file has been applied to it, whatever part of that has been done up
/// to now: the redo file gives what changes, the target what does not.
///
/// Lifetime: all that it is made from outlives it. Thread safety: all methods may run concurrently,
/// also while the redo file is applied.
class RewrittenSource final : public RandomAccessSource {
 public:
  RewrittenSource(const RandomAccessSource& target, const RandomAccessSource& redo,
                  const RedoMap& map)
      : target_(target), redo_(redo), map_(map) {}

  std::uint64_t size() const override { return map_.target_bytes(); }
  /// Throws also CorruptError, when the redo file has become shorter.
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override;

 private:
  void read_target(std::uint64_t offset, MutableByteSpan out) const;

  const RandomAccessSource& target_;
  const RandomAccessSource& redo_;
  const RedoMap& map_;
};

}  // namespace zstdfs::store
