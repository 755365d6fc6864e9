#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "fs/os/volume.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::test {

/// A store in a temporary directory, as a clean unmount leaves it; removed at the end.
class TempStore {
 public:
  TempStore();
  ~TempStore();
  TempStore(const TempStore&) = delete;
  TempStore& operator=(const TempStore&) = delete;

  std::string path(std::string_view below = "") const;
  /// Writes a file, and the directories above it.
  void write(std::string_view below, ByteSpan content) const;
  void write(std::string_view below, std::string_view text) const;
  /// Holds the store as a mount or a command of this process would.
  std::unique_ptr<os::VolumeLock> hold() const;

 private:
  std::string root_;
};

/// A whole file.
Bytes read_file(const std::string& path);

}  // namespace zstdfs::test
