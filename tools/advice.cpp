#include "tools/advice.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "fs/store/byte_size.hpp"
#include "tools/dictionary_trial.hpp"
#include "tools/display.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

// Results that differ less are taken as equal, and the cheaper one is recommended.
constexpr double kAboutEqual = 1.02;
// One of so many samples is trained on.
constexpr std::size_t kTrainingShare = 4;
constexpr std::uint64_t kDictionaryBytes = 64u << 10;
constexpr std::uint64_t kMinDictionaryBytes = 4u << 10;
// The trainer wants several times as many bytes as the dictionary gets.
constexpr std::uint64_t kSamplesPerDictionary = 8;

std::string one_decimal(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

/// "12.3 % less", "0.4 % more".
std::string difference(std::uint64_t ours, std::uint64_t theirs) {
  const double share = static_cast<double>(ours) / static_cast<double>(theirs);
  return one_decimal(share <= 1 ? 100 * (1 - share) : 100 * (share - 1)) +
         (share <= 1 ? " % less" : " % more");
}

std::string speed_text(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

bool about_as_good(const RecipeTrial& trial, const RecipeTrial& best) {
  return static_cast<double>(trial.disk_blocks) <=
         kAboutEqual * static_cast<double>(best.disk_blocks);
}

class Adviser {
 public:
  Adviser(const std::vector<Bytes>& samples, const AdvicePlan& plan,
          const std::function<void()>& tried)
      : plan_(plan), tried_(tried), measured_(samples) {
    const std::size_t for_training = samples.size() / kTrainingShare;
    if (for_training >= kMinSamples) {
      training_ = measured_.first(for_training);
      measured_ = measured_.subspan(for_training);
    }
  }

  Advice run() {
    advice_.measured_samples = measured_.size();
    for (const Bytes& sample : measured_) {
      advice_.measured_bytes += sample.size();
      advice_.raw_blocks += blocks_of(sample.size(), plan_.block_bytes);
    }
    std::size_t best = choose_level();
    best = choose_chunk_size(best);
    if (saves_something(best)) {
      advice_.recommended = best;
      try_dictionary(best);
    }
    return std::move(advice_);
  }

 private:
  using Numbers = std::vector<std::size_t>;  // of trials

  const RecipeTrial& trial(std::size_t number) const { return advice_.trials[number]; }
  void reason(const std::string& sentence) { advice_.reasons.push_back(sentence); }

  std::size_t try_one(const Recipe& recipe) {
    advice_.trials.push_back(try_recipe(recipe, measured_, plan_.block_bytes));
    tried_();
    return advice_.trials.size() - 1;
  }

  /// Those that are fast enough, or the fastest of all.
  Numbers fast_enough(const Numbers& numbers) const {
    Numbers fast;
    for (const std::size_t n : numbers) {
      if (trial(n).compress_speed >= static_cast<double>(plan_.min_speed)) fast.push_back(n);
    }
    if (!fast.empty()) return fast;
    return {*std::max_element(numbers.begin(), numbers.end(), [&](auto a, auto b) {
      return trial(a).compress_speed < trial(b).compress_speed;
    })};
  }

  std::size_t smallest(const Numbers& numbers) const {
    return *std::min_element(numbers.begin(), numbers.end(), [&](auto a, auto b) {
      return std::pair(trial(a).disk_blocks, trial(a).stored_bytes) <
             std::pair(trial(b).disk_blocks, trial(b).stored_bytes);
    });
  }

  std::size_t choose_level() {
    Numbers all;
    for (const int level : plan_.levels) all.push_back(try_one({level, kDefaultChunkBytes}));
    const Numbers fast = fast_enough(all);
    const std::size_t best = smallest(fast);
    std::size_t chosen = best;
    for (const std::size_t n : fast) {
      if (!about_as_good(trial(n), trial(best))) continue;
      if (trial(n).compress_speed > trial(chosen).compress_speed) chosen = n;
    }
    explain_level(chosen, best);
    return chosen;
  }

  void explain_level(std::size_t chosen, std::size_t best) {
    const RecipeTrial& ours = trial(chosen);
    const std::string level = "Level " + std::to_string(ours.recipe.level);
    const std::string limit = speed_text(static_cast<double>(plan_.min_speed));
    if (ours.compress_speed < static_cast<double>(plan_.min_speed)) {
      return reason(level + " is the fastest; none compresses at " + limit + ".");
    }
    if (chosen == best) {
      return reason(level + " takes least of the levels that compress at " + limit +
                    " or more on one processor.");
    }
    const RecipeTrial& other = trial(best);
    reason(level + " takes " + difference(ours.disk_blocks, other.disk_blocks) +
           " on disk than level " + std::to_string(other.recipe.level) +
           ", the best of those that compress at " + limit + " or more, and is " +
           one_decimal(ours.compress_speed / other.compress_speed) + " times as fast.");
  }

  std::size_t choose_chunk_size(std::size_t at_default) {
    Numbers all = {at_default};
    for (const std::uint32_t bytes : plan_.chunk_sizes) {
      if (bytes == kDefaultChunkBytes) continue;
      all.push_back(try_one({trial(at_default).recipe.level, bytes}));
    }
    const Numbers fast = fast_enough(all);
    const std::size_t best = smallest(fast);
    // What every file has without a rule is only left where that gains something.
    const bool usual_will_do = about_as_good(trial(at_default), trial(best));
    const std::size_t chosen = usual_will_do ? at_default : smallest_chunks(fast, best);
    explain_chunk_size(chosen, best, at_default);
    return chosen;
  }

  /// Of those that are about as good as the best.
  std::size_t smallest_chunks(const Numbers& numbers, std::size_t best) const {
    std::size_t chosen = best;
    for (const std::size_t n : numbers) {
      const bool smaller = trial(n).recipe.chunk_bytes < trial(chosen).recipe.chunk_bytes;
      if (smaller && about_as_good(trial(n), trial(best))) chosen = n;
    }
    return chosen;
  }

  void explain_chunk_size(std::size_t chosen, std::size_t best, std::size_t usual) {
    const auto size_of = [&](std::size_t n) {
      return store::format_byte_size(trial(n).recipe.chunk_bytes);
    };
    if (trial(chosen).recipe.chunk_bytes == kDefaultChunkBytes) {
      return reason("No other chunk size that was tried saves 2 % more on disk than " +
                    size_of(chosen) + ", the usual one.");
    }
    std::string text = "With chunks of " + size_of(chosen) + " files take " +
                       difference(trial(chosen).disk_blocks, trial(usual).disk_blocks) +
                       " on disk than with " + size_of(usual) +
                       "; reading or overwriting a part of a file handles a whole chunk.";
    if (chosen != best) text += " Larger ones gain less than 2 %.";
    reason(text);
  }

  bool saves_something(std::size_t best) {
    const RecipeTrial& ours = trial(best);
    if (static_cast<double>(ours.disk_blocks) * kAboutEqual <
        static_cast<double>(advice_.raw_blocks)) {
      return true;
    }
    advice_.reasons.clear();
    reason("Compression saves next to nothing on disk here, so it would only cost time.");
    if (static_cast<double>(ours.compact_bytes) * kAboutEqual <
        static_cast<double>(ours.logical_bytes)) {
      reason("Counted in bytes it would save: files take " +
             difference(ours.compact_bytes, ours.logical_bytes) +
             " with \"saving\": \"bytes\", which is of use for archives and transfers.");
    }
    return false;
  }

  std::shared_ptr<const ZstdCompressionDict> train(const Recipe& recipe) {
    std::vector<ByteSpan> chunks;
    std::uint64_t bytes = 0;
    for (const Bytes& sample : training_) {
      const ByteSpan all = sample;
      chunks.push_back(all.first(std::min<std::size_t>(all.size(), recipe.chunk_bytes)));
      bytes += chunks.back().size();
    }
    const std::uint64_t size = std::min(kDictionaryBytes, bytes / kSamplesPerDictionary);
    if (size < kMinDictionaryBytes) return nullptr;
    TrainingOptions training;
    training.level = recipe.level;
    training.dict_id = kMinDictionaryId;
    training.steps = 4;
    training.threads = 1;
    return train_dictionary(static_cast<std::size_t>(size), chunks, training);
  }

  void try_dictionary(std::size_t without) {
    Recipe recipe = trial(without).recipe;
    try {
      recipe.dictionary = train(recipe);
    } catch (const ZstdError&) {  // the samples have nothing in common
    }
    if (!recipe.dictionary) {
      return reason("No dictionary was tried: there are too few samples to train one.");
    }
    const std::size_t with = try_one(recipe);
    advice_.with_dictionary = with;
    advice_.use_dictionary = static_cast<double>(trial(with).disk_blocks) * kAboutEqual <
                             static_cast<double>(trial(without).disk_blocks);
    const std::string gain =
        difference(trial(with).disk_blocks, trial(without).disk_blocks) + " on disk and " +
        difference(trial(with).compact_bytes, trial(without).compact_bytes) + " counted in bytes";
    reason(advice_.use_dictionary ? "A dictionary is worth having (" + gain +
                                        "): \"zstdfs train --install\" makes "
                                        "one, and a rule that uses it."
                                  : "A dictionary is not worth having on disk (" + gain + ").");
  }

  const AdvicePlan& plan_;
  const std::function<void()>& tried_;
  std::span<const Bytes> training_;
  std::span<const Bytes> measured_;
  Advice advice_;
};

}  // namespace

Advice find_advice(const std::vector<Bytes>& samples, const AdvicePlan& plan,
                   const std::function<void()>& tried) {
  return Adviser(samples, plan, tried).run();
}

}  // namespace zstdfs::tools
