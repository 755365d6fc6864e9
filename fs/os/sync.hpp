#pragma once

#include <functional>

#include "fs/os/file.hpp"

namespace zstdfs::os {

/// Syncs one file so that success means that everything is on the disk, also after failures: Linux
/// reports a failure once, and then takes the pages that it could not write for written.
///
/// Thread safety: one thread at a time.
class ReliableSync {
 public:
  /// As file.sync(). Should it fail, `write_again` writes once more what is not on the disk for
  /// certain, at once or, as long as that fails too, before the next sync. Throws the sync's error,
  /// or, before a sync, that of `write_again`.
  void run(File& file, SyncKind kind, const std::function<void()>& write_again);

 private:
  bool must_write_again_ = false;
};

/// As much as the largest folio of the page cache, and aligned as these are: only whole ones are
/// dropped.
inline constexpr std::uint64_t kRewriteStepBytes = 2u << 20;

/// Writes a range of a file once more, from what the kernel still has of it, in steps of
/// kRewriteStepBytes from the file's beginning: so what lies around the range, too.
void write_again(File& file, ByteRange range);

}  // namespace zstdfs::os
