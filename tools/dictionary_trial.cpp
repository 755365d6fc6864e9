#include "tools/dictionary_trial.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "zstdfs/compressor.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs::tools {
namespace {

// A smaller dictionary whose result is so much of the best is preferred: it costs less memory and
// time in every file that is opened.
constexpr double kAboutTheBest = 1.01;
// Less gain than that is not worth that files depend on a dictionary.
constexpr double kLeastGain = 1.02;
// A store keeps each dictionary twice.
constexpr std::uint64_t kStoredCopies = 2;
// Where a dictionary has its id, behind the magic number.
constexpr std::size_t kIdOffset = 4;

std::uint64_t sum_of_sizes(std::span<const ByteSpan> samples) {
  std::uint64_t bytes = 0;
  for (const ByteSpan sample : samples) bytes += sample.size();
  return bytes;
}

/// The same dictionary with another id: what is chosen, or what its content says.
std::shared_ptr<ZstdCompressionDict> with_id(const ZstdCompressionDict& dictionary,
                                             std::uint32_t chosen) {
  Bytes bytes(dictionary.as_bytes().begin(), dictionary.as_bytes().end());
  const std::uint32_t hash = content_checksum(ByteSpan(bytes).subspan(kIdOffset + sizeof(chosen)));
  const std::uint32_t from_content =
      kMinDictionaryId + hash % (kMaxDictionaryId - kMinDictionaryId + 1);
  store_le(MutableByteSpan(bytes), kIdOffset, chosen != 0 ? chosen : from_content);
  return std::make_shared<ZstdCompressionDict>(bytes, DictType::kFullDict);
}

std::uint64_t compressed_bytes(std::span<const ByteSpan> samples,
                               const std::shared_ptr<ZstdCompressionDict>& dictionary,
                               const TrialOptions& options) {
  CompressorOptions how;
  how.level = options.training.level;
  how.dict_data = dictionary;
  how.write_checksum = true;
  ZstdCompressor compressor(how);
  Bytes frame;
  std::uint64_t bytes = 0;
  for (const ByteSpan sample : samples) {
    frame.resize(std::max(frame.size(), compress_bound(sample.size())));
    bytes += std::min(compressor.compress_into(frame, sample), sample.size());
  }
  return bytes;
}

class Trials {
 public:
  Trials(std::span<const Bytes> samples, const TrialOptions& options) : options_(options) {
    const auto share = std::clamp(options.held_back_share, 0.0, 1.0);
    const auto held_back =
        static_cast<std::size_t>(std::lround(static_cast<double>(samples.size()) * share));
    const std::size_t first_for_training =
        std::clamp<std::size_t>(held_back, 1, samples.size() - 1);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      (i < first_for_training ? held_back_ : training_).emplace_back(samples[i]);
    }
  }

  TrialResult run(const std::function<void()>& tried) {
    TrialResult result;
    result.training_samples = training_.size();
    result.training_bytes = sum_of_sizes(training_);
    result.held_back_samples = held_back_.size();
    result.held_back_bytes = sum_of_sizes(held_back_);
    result.trials = try_all(result, tried);
    result.recommended = recommend(result);
    return result;
  }

 private:
  /// The trial without a dictionary is one more job.
  std::vector<Trial> try_all(TrialResult& result, const std::function<void()>& tried) {
    std::vector<std::uint64_t> sizes = options_.sizes;
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    std::vector<Trial> trials(sizes.size());
    Mutex mutex;  // around `tried`
    const int threads = options_.training.threads;
    WorkerPool pool(threads <= 0 ? 0 : static_cast<unsigned>(threads));
    pool.for_each(sizes.size() + 1, [&](std::size_t i) {
      // The largest takes longest, and is begun first.
      const std::size_t at = sizes.size() - i;
      if (i == 0) {
        result.stored_bytes = compressed_bytes(held_back_, nullptr, options_);
      } else {
        trials[at] = try_size(sizes[at]);
      }
      const MutexLock lock(mutex);
      tried();
    });
    return trials;
  }

  Trial try_size(std::uint64_t size) const {
    Trial trial;
    trial.size = size;
    TrainingOptions training = options_.training;
    training.threads = 1;
    try {
      const auto trained = train_dictionary(static_cast<std::size_t>(size), training_, training);
      trial.k = trained->k();
      trial.d = trained->d();
      trial.dictionary = with_id(*trained, training.dict_id);
      trial.stored_bytes = compressed_bytes(held_back_, trial.dictionary, options_);
    } catch (const ZstdError& error) {
      trial.failure = error.what();
    }
    return trial;
  }

  bool is_worth_it(const Trial& trial, const TrialResult& result) const {
    if (!trial.dictionary) return false;
    const auto with = static_cast<double>(trial.stored_bytes);
    if (with * kLeastGain > static_cast<double>(result.stored_bytes)) return false;
    const std::uint64_t content = options_.content_bytes;
    return result.expected_bytes(trial.stored_bytes, content) +
               kStoredCopies * trial.dictionary->size() <
           result.expected_bytes(result.stored_bytes, content);
  }

  std::optional<std::size_t> recommend(const TrialResult& result) const {
    std::uint64_t best = UINT64_MAX;
    for (const Trial& trial : result.trials) {
      if (is_worth_it(trial, result)) best = std::min(best, trial.stored_bytes);
    }
    for (std::size_t i = 0; i < result.trials.size(); ++i) {
      const Trial& trial = result.trials[i];
      const bool about_the_best =
          static_cast<double>(trial.stored_bytes) <= static_cast<double>(best) * kAboutTheBest;
      if (is_worth_it(trial, result) && about_the_best) return i;
    }
    return std::nullopt;
  }

  const TrialOptions& options_;
  std::vector<ByteSpan> held_back_;
  std::vector<ByteSpan> training_;
};

}  // namespace

std::uint64_t TrialResult::expected_bytes(std::uint64_t sample_stored_bytes,
                                          std::uint64_t content_bytes) const {
  if (held_back_bytes == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(content_bytes) *
                                    static_cast<double>(sample_stored_bytes) /
                                    static_cast<double>(held_back_bytes));
}

TrialResult try_dictionaries(std::span<const Bytes> samples, const TrialOptions& options,
                             const std::function<void()>& tried) {
  if (samples.size() < kMinSamples) {
    throw std::invalid_argument(std::to_string(samples.size()) + " samples are too few");
  }
  return Trials(samples, options).run(tried);
}

}  // namespace zstdfs::tools
