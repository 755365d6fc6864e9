#pragma once

#include <functional>
#include <optional>

#include "fs/os/file.hpp"
#include "zstdfs/bytes.hpp"

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

  /// What `write_again` of run() is made of: as the function below. Should a write fail, what was
  /// to be written is kept until put_back() or another call has written it: by then the kernel may
  /// have nothing of it.
  void write_again(File& file, ByteRange range);
  /// Before anything else changes the file: writes what is kept. Throws std::system_error.
  void put_back(File& file);

  /// Whether a sync has failed and what it lost could not be written again yet: only this object
  /// knows.
  bool must_write_again() const { return must_write_again_; }

 private:
  struct Taken {
    std::uint64_t offset;
    Bytes bytes;
  };
  /// What the kernel was told to drop, and is not written yet.
  std::optional<Taken> taken_;
  bool must_write_again_ = false;
};

/// As much as the largest folio of the page cache, and aligned as these are: only whole ones are
/// dropped.
inline constexpr std::uint64_t kRewriteStepBytes = 2u << 20;

/// Writes a range of a file once more, from what the kernel still has of it, in steps of
/// kRewriteStepBytes from the file's beginning: so what lies around the range, too. The file is to
/// be synced before, or a sync of it have failed: pages that are not clean stay the same. After an
/// error a step of it may be gone.
void write_again(File& file, ByteRange range);

}  // namespace zstdfs::os
