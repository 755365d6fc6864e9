#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

/// Bytes that arrive in order: what a compressor or decompressor reads from.
///
/// Thread safety of this and everything below: one thread at a time.
class Source {
 public:
  virtual ~Source() = default;

  /// Reads up to `out.size()` bytes. Returns how many; may be fewer at any time, and is 0 only at
  /// the end (or when `out` is empty). Throws whatever the implementation throws.
  virtual std::size_t read(MutableByteSpan out) = 0;

  /// How many bytes are still to come, where that is certain.
  virtual std::optional<std::uint64_t> remaining_bytes() const { return std::nullopt; }

  virtual void close() {}
};

/// Where a compressor or decompressor writes to.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes at least one byte of `bytes`, unless that is empty. Returns how many it took.
  virtual std::size_t write(ByteSpan bytes) = 0;
  virtual void flush() {}
  virtual void close() {}
  /// The descriptor behind it, where there is one.
  virtual std::optional<int> fileno() const { return std::nullopt; }
};

/// Writes all of `bytes`, however short the single writes are. Throws std::system_error (EIO) when
/// the sink takes nothing or says that it took more than it was given.
void write_all(Sink& sink, ByteSpan bytes);

/// Memory of the caller's as a source.
class SpanSource final : public Source {
 public:
  explicit SpanSource(ByteSpan bytes) : rest_(bytes) {}
  std::size_t read(MutableByteSpan out) override;
  std::optional<std::uint64_t> remaining_bytes() const override { return rest_.size(); }

 private:
  ByteSpan rest_;
};

/// Appends to a vector of the caller's.
class BytesSink final : public Sink {
 public:
  explicit BytesSink(Bytes& out) : out_(out) {}
  std::size_t write(ByteSpan bytes) override;

 private:
  Bytes& out_;
};

/// A function that reads as Source::read does.
class CallbackSource final : public Source {
 public:
  explicit CallbackSource(std::function<std::size_t(MutableByteSpan)> read)
      : read_(std::move(read)) {}
  std::size_t read(MutableByteSpan out) override { return read_(out); }

 private:
  std::function<std::size_t(MutableByteSpan)> read_;
};

/// A function that writes as Sink::write does.
class CallbackSink final : public Sink {
 public:
  explicit CallbackSink(std::function<std::size_t(ByteSpan)> write) : write_(std::move(write)) {}
  std::size_t write(ByteSpan bytes) override { return write_(bytes); }

 private:
  std::function<std::size_t(ByteSpan)> write_;
};

enum class FileOwnership { kBorrowed, kOwned };

/// What a file that exists already means for a writer.
enum class OpenMode {
  kTruncate,   ///< "wb": its content goes
  kAppend,     ///< "ab": what is written comes behind its content
  kExclusive,  ///< "xb": it is an error
};

/// A file descriptor as a source. Interrupted calls are repeated; throws std::system_error.
class FileSource final : public Source {
 public:
  /// Opens a file. The error names it.
  explicit FileSource(const std::filesystem::path& filename);
  FileSource(int fd, FileOwnership ownership) : fd_(fd), ownership_(ownership) {}
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::size_t read(MutableByteSpan out) override;
  /// Of regular files.
  std::optional<std::uint64_t> remaining_bytes() const override;
  /// Closes the descriptor if it is owned. A second call does nothing.
  void close() override;
  int fd() const { return fd_; }

 private:
  int fd_;
  FileOwnership ownership_;
};

/// A file descriptor as a sink. Interrupted calls are repeated; throws std::system_error.
class FileSink final : public Sink {
 public:
  /// Opens a file, which is created if it is missing. The error names it.
  explicit FileSink(const std::filesystem::path& filename, OpenMode mode = OpenMode::kTruncate);
  FileSink(int fd, FileOwnership ownership) : fd_(fd), ownership_(ownership) {}
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  std::size_t write(ByteSpan bytes) override;
  /// Closes the descriptor if it is owned, and reports what close(2) reports. A second call does
  /// nothing.
  void close() override;
  std::optional<int> fileno() const override { return fd_; }

 private:
  int fd_;
  FileOwnership ownership_;
};

}  // namespace zstdfs
