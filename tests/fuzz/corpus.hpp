#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "zstdfs/bytes.hpp"

namespace zstdfs::fuzz {

/// The folder that the inputs are written to, one folder in it for each target.
class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Throws std::runtime_error when the file cannot be written.
  void add(const char* target, const char* name, ByteSpan content) const {
    std::filesystem::create_directories(folder_ / target);
    std::ofstream file(folder_ / target / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    if (!file.flush()) throw std::runtime_error(std::string("cannot write ") + name);
  }

 private:
  std::filesystem::path folder_;
};

/// The inputs of the targets that take frames, dictionaries and buffers.
void add_frame_corpus(const Corpus& corpus);

}  // namespace zstdfs::fuzz
