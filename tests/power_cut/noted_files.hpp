#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/mount/files.hpp"

namespace zstdfs::powercut {

/// The directory that a workload works in, and the recording's file of marks. Each operation is
/// noted before it begins where that may already have an effect, and after it returned where it
/// promises something. Thread-safe, as long as each path and each file has one thread that changes
/// it.
class NotedDirectory {
 public:
  NotedDirectory(std::string root, const std::string& mark_file);

  /// Below the mount; paths in marks and in arguments are relative to it.
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void mark(const std::string& text);

  void make_directory(const std::string& name);
  /// Another number than any file had before.
  std::uint64_t new_file_number() { return next_file_++; }

  void rename(const std::string& from, const std::string& to, std::uint64_t file);
  void unlink(const std::string& name);
  /// fsync of a directory, after which the paths `names` in it are what they are for good.
  void sync_directory(const std::string& directory, std::initializer_list<std::string> names);

 private:
  std::string root_;
  mounttest::Fd marks_;
  std::atomic<std::uint64_t> next_file_{1};
};

/// A file that is open, of which everything is noted. All its blocks are written as a whole or, at
/// the end, piece by piece.
class NotedFile {
 public:
  /// Makes an empty file.
  static NotedFile create(NotedDirectory& directory, const std::string& name);
  /// Opens one that is there.
  NotedFile(NotedDirectory& directory, const std::string& name, std::uint64_t file, int flags);

  std::uint64_t number() const { return file_; }
  void write_blocks(std::uint64_t first, std::uint64_t count, std::uint64_t version);
  /// Makes them zeros, and the file as long as they reach (FALLOC_FL_ZERO_RANGE).
  void zero_blocks(std::uint64_t first, std::uint64_t count);
  /// Appends to a file that has `size` bytes, all of version 1; in pieces of a size that programs
  /// use.
  void append(std::uint64_t size, std::uint64_t bytes);
  void truncate(std::uint64_t bytes);
  void sync();
  void sync_data();
  /// Of a file that was just made, fsync makes its name durable too.
  void sync_with_name();
  void close();

 private:
  void note_write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version);
  void write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version);

  NotedDirectory* directory_;
  std::string name_;
  std::uint64_t file_;
  mounttest::Fd fd_;
};

}  // namespace zstdfs::powercut
