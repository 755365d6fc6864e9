#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace zstdfs {

/// libzstd refused an operation. `code()` is zstd's error code (ZSTD_ErrorCode).
class ZstdError : public std::runtime_error {
 public:
  ZstdError(int code, const std::string& what) : std::runtime_error(what), code_(code) {}

  /// Throws when `result`, which a libzstd function returned, is an error; returns it otherwise.
  /// `doing` says what was attempted ("compress a chunk").
  static std::size_t check(std::size_t result, const char* doing);

  int code() const { return code_; }

 private:
  int code_;
};

/// The caller broke an object's protocol: a closed stream, an operation that was overtaken by
/// another, two threads in an object that takes one.
class UsageError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Stored bytes are not what they have to be. Says what was expected and where; whoever knows the
/// file's name adds it with `in_file`.
class CorruptError : public std::runtime_error {
 public:
  CorruptError(std::uint64_t stored_offset, const std::string& what)
      : std::runtime_error(what + " (stored offset " + std::to_string(stored_offset) + ")"),
        stored_offset_(stored_offset) {}

  std::uint64_t stored_offset() const { return stored_offset_; }

 private:
  std::uint64_t stored_offset_;
};

/// A frame was compressed with a dictionary that cannot be had. Nothing is known to be wrong with
/// the frame.
class MissingDictionaryError : public std::runtime_error {
 public:
  MissingDictionaryError(std::uint32_t id, const std::string& why)
      : std::runtime_error("dictionary " + std::to_string(id) + " is missing: " + why), id_(id) {}

  std::uint32_t id() const { return id_; }

 private:
  std::uint32_t id_;
};

/// A file or a store was written by a newer version of zstdfs than this one can read.
class NewerFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace detail

}  // namespace zstdfs

/// Checks something that only a bug of ours can make false. Kept in release builds: going on would
/// risk the user's data. Wrong stored bytes are never an assertion, they are a CorruptError.
#define ZSTDFS_ASSERT(expression) \
  ((expression) ? void() : ::zstdfs::detail::assertion_failed(#expression, __FILE__, __LINE__))
