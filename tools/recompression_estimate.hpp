#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "fs/os/volume.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/settings.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::tools {

/// Files up to this size are compressed whole for an estimate; of larger ones, pieces.
inline constexpr std::uint64_t kEstimateWholeBytes = 4u << 20;

/// Estimates what files would take with other settings, in memory.
///
/// Memory: one chunk, and what zstd needs. One thread at a time.
class RecompressionEstimator {
 public:
  /// `store` is the backing directory, for its dictionaries; empty where it is not known.
  explicit RecompressionEstimator(const std::string& store);

  /// The bytes that `content` would be stored in, about. Throws MissingDictionaryError, ZstdError,
  /// and what `content` throws.
  std::uint64_t stored_bytes(const RandomAccessSource& content, const store::Settings& wanted);

 private:
  FrameRecipe recipe(const store::Settings& wanted) const;

  std::unique_ptr<os::Volume> volume_;
  std::unique_ptr<store::Dictionaries> dictionaries_;  // null: not known
  FrameEncoder encoder_;
};

}  // namespace zstdfs::tools
