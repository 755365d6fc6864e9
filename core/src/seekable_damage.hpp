#pragma once

#include <zstd_errors.h>

#include <cstdint>
#include <string>

#include "zstdfs/errors.hpp"

// What is wrong with a frame of a seekable file, in words that tell which.

namespace zstdfs {

struct FramePlace {
  std::size_t number = 0;
  std::uint64_t offset = 0;
};

[[noreturn]] inline void throw_damaged(const FramePlace& frame, const std::string& what) {
  throw CorruptError(frame.offset, "frame number " + std::to_string(frame.number) + ": " + what);
}

/// For what libzstd says of a frame: it is the file that is wrong, unless memory, a limit or the
/// dictionary of the caller's is.
[[noreturn]] inline void throw_as_damage(const FramePlace& frame, const ZstdError& error) {
  switch (error.code()) {
    case ZSTD_error_memory_allocation:
    case ZSTD_error_frameParameter_windowTooLarge:
    case ZSTD_error_dictionary_wrong:
      throw ZstdError(error.code(), "frame number " + std::to_string(frame.number) + ": " +
                                        error.what() + " (stored offset " +
                                        std::to_string(frame.offset) + ")");
    default:
      throw_damaged(frame, error.what());
  }
}

}  // namespace zstdfs
