#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/recipe_trial.hpp"

namespace zstdfs::tools {

struct AdvicePlan {
  std::vector<int> levels;                 ///< tried with kDefaultChunkBytes; not empty
  std::vector<std::uint32_t> chunk_sizes;  ///< tried at the level that was found best
  std::uint64_t min_speed = 0;             ///< bytes per second that compression has to reach
  std::uint64_t block_bytes = 4096;
};

struct Advice {
  std::vector<RecipeTrial> trials;  ///< in the order in which they were made
  /// Number of the recommended trial; nothing when files are best stored raw.
  std::optional<std::size_t> recommended;
  /// Number of the trial with a dictionary, and whether it is worth having one.
  std::optional<std::size_t> with_dictionary;
  bool use_dictionary = false;
  std::vector<std::string> reasons;  ///< sentences, for people
  /// What was measured; the samples that a dictionary was trained on are not among it.
  std::size_t measured_samples = 0;
  std::uint64_t measured_bytes = 0;
  std::uint64_t raw_blocks = 0;  ///< of what was measured
};

/// Tries the levels, then chunk sizes at the best level, then a dictionary that is trained on a
/// quarter of the samples, which is not measured. Less on disk counts, and of about equal ones what
/// is faster. `samples` are in random order and not empty. `tried` is called after each trial, of
/// which there are at most levels + chunk sizes + 1. Throws ZstdError.
Advice find_advice(const std::vector<Bytes>& samples, const AdvicePlan& plan,
                   const std::function<void()>& tried);

}  // namespace zstdfs::tools
