#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "zstdfs/bytes.hpp"

// The zstd command, for tests that what is stored is read without any help.

namespace zstdfs::test {

class ScratchFile {
 public:
  explicit ScratchFile(ByteSpan content) {
    std::string name = (std::filesystem::temp_directory_path() / "zstdfs-core-XXXXXX").string();
    const int fd = mkstemp(name.data());
    EXPECT_GE(fd, 0);
    close(fd);
    path_ = name;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string quoted() const {
    std::string name(1, '\'');
    return name.append(path_.string()).append(1, '\'');
  }

 private:
  std::filesystem::path path_;
};

/// Runs `zstd ARGUMENTS FILE` and gives its output, piece by piece, to `take`. Returns whether the
/// command succeeded.
template <typename Take>
bool run_zstd(const char* arguments, ByteSpan stored, Take take) {
  const ScratchFile file(stored);
  std::string command = "zstd ";
  command.append(arguments).append(" ").append(file.quoted());
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return false;
  Bytes piece(1u << 20);
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe)) {
    take(ByteSpan(piece).first(n));
  }
  return pclose(pipe) == 0;
}

inline Bytes unpacked_by_zstd(ByteSpan stored) {
  Bytes content;
  EXPECT_TRUE(run_zstd("-q -dc", stored, [&](ByteSpan piece) {
    content.insert(content.end(), piece.begin(), piece.end());
  }));
  return content;
}

inline bool zstd_accepts(ByteSpan stored) {
  return run_zstd("-q -t", stored, [](ByteSpan) {});
}

}  // namespace zstdfs::test
