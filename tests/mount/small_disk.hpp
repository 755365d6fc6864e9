#pragma once

#include <stdexcept>
#include <string>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {

/// A small ext4 filesystem in a file, mounted through a loop device that goes with the mount.
class SmallDisk {
 public:
  /// `format` are more options of mkfs.ext4; by default nothing is reserved for root.
  explicit SmallDisk(const std::string& megabytes, const std::string& format = "-m 0")
      : path_(scratch_ / "disk") {
    const Ended made = shell(
        "truncate -s \"$2\"M \"$1/image\"; mkfs.ext4 -q -F $3 -O ^has_journal \"$1/image\"; "
        "mkdir \"$1/disk\"; mount -o loop \"$1/image\" \"$1/disk\"; rmdir \"$1/disk/lost+found\"",
        {scratch_.path(), megabytes, format});
    if (!made.ok()) throw std::runtime_error("no small disk: " + made.output);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { unmount(path_); }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  TempDir scratch_;
  std::string path_;
};

}  // namespace zstdfs::mounttest
