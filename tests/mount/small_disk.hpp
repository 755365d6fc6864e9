#pragma once

#include <stdexcept>
#include <string>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {

/// A small ext4 filesystem in a file, mounted through a loop device that goes with the mount.
class SmallDisk {
 public:
  /// `format` are more options of mkfs.ext4; by default nothing is reserved for root. `folder` is
  /// where the file lies, if not in a scratch directory.
  explicit SmallDisk(const std::string& megabytes, const std::string& format = "-m 0",
                     const std::string& folder = {})
      : image_(folder.empty() ? scratch_ / "image" : folder + "/image"), path_(scratch_ / "disk") {
    const Ended made = shell(
        "truncate -s \"$3\"M \"$1\"; mkfs.ext4 -q -F $4 -O ^has_journal \"$1\"; "
        "mkdir \"$2\"; mount -o loop \"$1\" \"$2\"; rmdir \"$2/lost+found\"",
        {image_, path_, megabytes, format});
    if (!made.ok()) throw std::runtime_error("no small disk: " + made.output);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { unmount(path_); }

  const std::string& path() const { return path_; }
  /// The file that it lies in.
  const std::string& image() const { return image_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  /// Forgets all that is not on the disk.
  void drop_caches() const {
    const Ended again = shell("umount \"$2\"; mount -o loop \"$1\" \"$2\"", {image_, path_});
    if (!again.ok()) throw std::runtime_error("the small disk is gone: " + again.output);
  }

 private:
  TempDir scratch_;
  std::string image_;
  std::string path_;
};

}  // namespace zstdfs::mounttest
