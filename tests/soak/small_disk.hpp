#pragma once

#include <cstdint>
#include <string>

#include "tests/mount/files.hpp"

namespace zstdfs::soak {

/// A lower filesystem of limited size, in a file, with room for a store. What is free can be
/// changed at any time. Not thread-safe.
class SmallDisk {
 public:
  /// Makes and mounts it below `scratch`. `filesystem` is ext4, xfs or btrfs. Throws
  /// std::runtime_error.
  SmallDisk(const std::string& scratch, const std::string& filesystem, unsigned megabytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  /// The directory for the store.
  std::string store() const { return path_ + "/store"; }
  /// Leaves about so much room, by a file beside the store that takes the rest.
  void leave_free(std::uint64_t bytes);
  void leave_everything() { leave_free(~std::uint64_t{0}); }

 private:
  const std::string path_;
};

}  // namespace zstdfs::soak
