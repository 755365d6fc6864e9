#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fs/os/volume.hpp"
#include "tools/open_store.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::tools {

/// A regular file that is copied from or to, seen as programs see it.
///
/// One thread at a time. Errors: std::system_error; CorruptError and MissingDictionaryError where
/// it is in a store.
class CopiedFile {
 public:
  virtual ~CopiedFile() = default;

  virtual struct stat status() = 0;
  /// All extended attributes, of a file that was opened to be copied from.
  virtual os::Attributes attributes() = 0;
  /// Fewer than asked for only at the end of the file.
  virtual std::size_t read(std::uint64_t offset, MutableByteSpan out) = 0;
  /// The next range that is no hole, from `offset` on; an empty one behind the last.
  virtual ByteRange next_data(std::uint64_t offset) = 0;

  virtual void write(std::uint64_t offset, ByteSpan bytes) = 0;
  virtual void truncate(std::uint64_t bytes) = 0;
  /// Runs `change`, which changes attributes by other means, when nothing is left to be stored that
  /// would change them again.
  virtual void change_attributes(const std::function<void()>& change) = 0;
  /// Makes content and attributes durable.
  virtual void sync() = 0;
};

/// Opens the regular files of a tree that is copied from or to, by paths below its root. No link is
/// followed.
///
/// Thread safety: all methods may run concurrently. Errors: std::system_error.
class CopySide {
 public:
  virtual ~CopySide() = default;
  virtual std::unique_ptr<CopiedFile> open(const std::string& path) = 0;
  /// Throws EEXIST when the name is taken. Only the user may access it for now.
  virtual std::unique_ptr<CopiedFile> create(const std::string& path) = 0;
  /// Makes everything in the filesystem durable. Write errors since this side was opened are told.
  virtual void sync() = 0;
  /// Whether that does not reach what was written to its files: they are to be synced each.
  virtual bool needs_sync_of_each() const { return false; }
  /// Settings among the attributes of a directory were made.
  virtual void directories_changed() {}
};

/// An ordinary directory.
std::unique_ptr<CopySide> plain_side(const std::string& root);
/// The files of a store, which outlives the result.
std::unique_ptr<CopySide> store_side(OpenStore& store, store::ForWriting for_writing);

}  // namespace zstdfs::tools
