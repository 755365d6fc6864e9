#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {

/// Room for less than the disks in it pretend to have.
class ThinPool {
 public:
  ThinPool() {
    const Ended made = shell("mount -t tmpfs -o size=40M tmpfs \"$1\"", {path()});
    if (!made.ok()) throw std::runtime_error("no tmpfs: " + made.output);
  }
  ThinPool(const ThinPool&) = delete;
  ThinPool& operator=(const ThinPool&) = delete;
  ~ThinPool() { unmount(path()); }

  const std::string& path() const { return scratch_.path(); }
  void exhaust() const {
    shell("dd if=/dev/zero of=\"$1\"/ballast bs=1M status=none", {path()});
    EXPECT_EQ(std::filesystem::space(path()).available, 0u);
  }
  void relieve() const { std::filesystem::remove(path() + "/ballast"); }

 private:
  TempDir scratch_;
};

}  // namespace zstdfs::mounttest
