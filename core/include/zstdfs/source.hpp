#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/stream.hpp"

namespace zstdfs {

/// Bytes that can be read at any offset: a file, a piece of memory.
///
/// Thread safety: all methods may run concurrently.
class RandomAccessSource {
 public:
  virtual ~RandomAccessSource() = default;

  virtual std::uint64_t size() const = 0;

  /// Reads into `out` from `offset`. Returns how many bytes were read: fewer than `out.size()`
  /// only at the end. Throws std::system_error.
  virtual std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const = 0;

  /// The descriptor behind it, where there is one.
  virtual std::optional<int> fileno() const { return std::nullopt; }
};

/// Memory as a source. The span is not owned.
class MemorySource final : public RandomAccessSource {
 public:
  explicit MemorySource(ByteSpan bytes) : bytes_(bytes) {}

  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    if (offset >= bytes_.size()) return 0;
    const ByteSpan rest = bytes_.subspan(static_cast<std::size_t>(offset));
    const std::size_t n = std::min(rest.size(), out.size());
    std::copy_n(rest.begin(), n, out.begin());
    return n;
  }

 private:
  ByteSpan bytes_;
};

/// A regular file as a source, with the size that it has when this is made: what is appended later
/// is not seen. Does not use or move the descriptor's position. Interrupted calls are repeated.
///
/// Thread safety: as above; nothing else may overlap close() and the destructor.
class RandomAccessFile final : public RandomAccessSource {
 public:
  /// Throws std::system_error: what fstat(2) reports, ESPIPE when the file is not a regular one.
  /// The descriptor is then still the caller's.
  RandomAccessFile(int fd, FileOwnership ownership);

  std::uint64_t size() const override { return size_; }
  /// Throws std::system_error, with EBADF after close().
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override;
  std::optional<int> fileno() const override { return file_.fd(); }

  /// Closes the descriptor if it is owned. A second call does nothing.
  void close() { file_.close(); }

 private:
  std::uint64_t size_;
  FileSource file_;
};

/// A function as a source of `size` bytes: what is read over a network, or out of something larger.
class RandomAccessCallback final : public RandomAccessSource {
 public:
  /// Reads up to `out.size()` bytes, all of which lie below `size`, from `offset`. Returns how many
  /// bytes those were; may be fewer at any time, and 0 only where the bytes end after all. May be
  /// called from several threads at the same time.
  using ReadAt = std::function<std::size_t(std::uint64_t offset, MutableByteSpan out)>;

  /// Throws std::invalid_argument when there is no function.
  RandomAccessCallback(std::uint64_t size, ReadAt read);

  std::uint64_t size() const override { return size_; }
  /// Passes on what the function throws; std::system_error (EIO) when it says that it read more
  /// than it was asked for.
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override;

 private:
  std::uint64_t size_;
  ReadAt read_;
};

}  // namespace zstdfs
