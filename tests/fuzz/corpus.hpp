#pragma once

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <random>
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

/// Bytes that choose, and what they choose for.
inline Bytes input_of(std::initializer_list<unsigned> choices, ByteSpan data) {
  Bytes input;
  for (const unsigned choice : choices) input.push_back(static_cast<std::byte>(choice));
  input.insert(input.end(), data.begin(), data.end());
  return input;
}

inline Bytes joined(std::initializer_list<ByteSpan> parts) {
  Bytes all;
  for (const ByteSpan part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Content for inputs of some dozens of bytes, of which the patterns of other tests are too long to
// be compressed. What it is stays, so that the inputs that are there are made again.

/// Bytes that zstd can halve or better, different for each seed.
inline Bytes compressible_bytes(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    out[i] = i % 16 == 0 ? std::byte(random()) : std::byte('a' + i % 16);
  }
  return out;
}

inline Bytes random_bytes(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  Bytes out(bytes);
  for (std::byte& b : out) b = std::byte(random());
  return out;
}

inline Bytes with_byte(Bytes bytes, std::size_t offset, unsigned value) {
  bytes.at(offset) = static_cast<std::byte>(value);
  return bytes;
}

/// A full dictionary, with few bytes of content.
Bytes small_dictionary();

/// The inputs of the targets that take frames, dictionaries and buffers.
void add_frame_corpus(const Corpus& corpus);
/// The inputs of the targets that take what is made of frames and blocks: walks, seekable files,
/// sequences, sessions, patches.
void add_extension_corpus(const Corpus& corpus);
/// The inputs of the targets that take journals.
void add_journal_corpus(const Corpus& corpus);
/// Policies, and patterns and values as they stand in them.
void add_policy_corpus(const Corpus& corpus);

}  // namespace zstdfs::fuzz
