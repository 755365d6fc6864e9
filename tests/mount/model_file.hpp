#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/mount/files.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {

/// A file in a mount, and beside it, in memory, what it must contain. Each step() does one random
/// operation to both and then compares all of the file with the model.
///
/// Not thread-safe; several of them may run in several threads.
class ModelFile {
 public:
  /// Makes the file. Throws std::system_error.
  ModelFile(std::string path, std::uint64_t seed);

  /// Throws std::runtime_error, with the last operations, when the file is not what it must be,
  /// and std::system_error when an operation fails.
  void step();

  /// Closes the file, so that the mount may go; reopen() afterwards, and compares.
  void close();
  void reopen();

  /// The last operations, one on a line.
  std::string history() const;

 private:
  void write();
  void append();
  void truncate();
  void write_map();
  void fallocate();
  void copy_range();
  void replace();
  void reopen_emptied();

  void compare();
  void did(const std::string& operation);
  Bytes piece(std::size_t bytes);
  std::size_t random_length();
  std::uint64_t random_offset(std::uint64_t limit);
  void set(std::uint64_t offset, ByteSpan bytes);

  std::string path_;
  test::Random random_;
  Bytes model_;
  Fd fd_;
  Fd direct_;  // reads past the kernel's cache
  std::deque<std::string> history_;
};

}  // namespace zstdfs::mounttest
