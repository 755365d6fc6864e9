#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "zstdfs/dictionary.hpp"

namespace zstdfs::tools {

/// Fewer samples than that are refused: what they show would be chance.
inline constexpr std::size_t kMinSamples = 20;
/// The ids that the zstd format leaves to everybody; the others are reserved.
inline constexpr std::uint32_t kMinDictionaryId = 32768;
inline constexpr std::uint32_t kMaxDictionaryId = (std::uint32_t{1} << 31) - 1;

struct TrialOptions {
  std::vector<std::uint64_t> sizes;  ///< of dictionaries, in bytes
  /// What core's trainer is given. Its `threads` say how many sizes are tried at once; each is
  /// trained by one thread, because with more the result may depend on which one is faster.
  /// With `dict_id` 0 the id is made from the content.
  TrainingOptions training;
  double held_back_share = 0.2;  ///< of the samples, which are measured and not trained on
  /// Bytes of all content that the samples stand for: what a dictionary has to be worth its space.
  std::uint64_t content_bytes = 0;
};

/// One size, tried.
struct Trial {
  std::uint64_t size = 0;                           ///< what was asked for
  std::shared_ptr<ZstdCompressionDict> dictionary;  ///< absent when it could not be trained
  std::string failure;                              ///< why
  unsigned k = 0;                                   ///< parameters that training chose
  unsigned d = 0;
  std::uint64_t stored_bytes = 0;  ///< of the samples held back, compressed with it
};

struct TrialResult {
  std::size_t training_samples = 0;
  std::uint64_t training_bytes = 0;
  std::size_t held_back_samples = 0;
  std::uint64_t held_back_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< of the samples held back, without a dictionary
  std::vector<Trial> trials;       ///< the smallest first
  /// The number of the trial whose dictionary is to be used: the smallest of about the best gain.
  /// Absent when none is worth it.
  std::optional<std::size_t> recommended;

  /// What all content would take, judged by what the samples held back take.
  std::uint64_t expected_bytes(std::uint64_t sample_stored_bytes,
                               std::uint64_t content_bytes) const;
};

/// Trains a dictionary of each size on a part of the samples, and compresses the others with and
/// without it, each to a frame with a checksum as the filesystem does; a sample that this does not
/// make smaller counts as it is. `samples` are in random order; the same samples and options give
/// the same dictionaries, bit by bit. `tried` is told about each size that is done, by one thread
/// at a time.
/// Throws std::invalid_argument for fewer than kMinSamples samples, and for a k or d that is none.
TrialResult try_dictionaries(std::span<const Bytes> samples, const TrialOptions& options,
                             const std::function<void()>& tried);

}  // namespace zstdfs::tools
