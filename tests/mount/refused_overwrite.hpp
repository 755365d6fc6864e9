#pragma once

#include <cstddef>
#include <string>

#include "zstdfs/bytes.hpp"

namespace zstdfs::mounttest {

/// Compressible content of a file that is overwritten by incompressible one, block after block with
/// a sync after each, until there is no room.
class RefusedOverwrite {
 public:
  /// Makes the file.
  explicit RefusedOverwrite(std::string path);

  /// Overwrites as much as is taken, and returns the error that ended it; 0 when none did.
  int overwrite();
  /// Reports a test failure unless what was synced is there and what was not written is as before.
  /// Of the block between nothing is known.
  void expect_old_or_new() const;

  const std::string& path() const { return path_; }
  /// All of it, as it was to become.
  const Bytes& after() const { return after_; }

 private:
  const std::string path_;
  const Bytes before_;
  const Bytes after_;
  std::size_t synced_ = 0;
};

}  // namespace zstdfs::mounttest
