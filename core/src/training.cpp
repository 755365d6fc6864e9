#define ZDICT_STATIC_LINKING_ONLY
#include <zdict.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "zstdfs/dictionary.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs {

struct DictionaryTrainer {
  static std::shared_ptr<ZstdCompressionDict> trained(ByteSpan data, unsigned k, unsigned d) {
    auto dictionary = std::make_shared<ZstdCompressionDict>(data, DictType::kFullDict);
    dictionary->k_ = k;
    dictionary->d_ = d;
    return dictionary;
  }
};

namespace {

/// The form in which libzstd takes samples: one after the other, and their sizes in bytes.
struct JoinedSamples {
  explicit JoinedSamples(std::span<const ByteSpan> samples) {
    if (samples.size() > std::numeric_limits<unsigned>::max()) {
      throw std::invalid_argument("more than 2^32 samples");
    }
    std::size_t bytes = 0;
    for (const ByteSpan sample : samples) bytes += sample.size();
    content.reserve(bytes);
    sizes.reserve(samples.size());
    for (const ByteSpan sample : samples) {
      content.insert(content.end(), sample.begin(), sample.end());
      sizes.push_back(sample.size());
    }
  }
  unsigned count() const { return static_cast<unsigned>(sizes.size()); }

  Bytes content;
  std::vector<std::size_t> sizes;
};

/// The largest table of frequencies, which libzstd has 6 bytes for each entry of.
constexpr unsigned kMaxTableLog = 31;

void check_at_most(const char* name, std::uint64_t value, std::uint64_t most) {
  if (value <= most) return;
  throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                              "; it must be at most " + std::to_string(most));
}

// libzstd shifts by f before it looks at it, and says of the others only that something is wrong.
void check_options(std::size_t dict_size, const TrainingOptions& options) {
  if (dict_size < ZDICT_DICTSIZE_MIN) {
    throw std::invalid_argument("dict_size is " + std::to_string(dict_size) +
                                "; a dictionary has at least " +
                                std::to_string(ZDICT_DICTSIZE_MIN) + " bytes");
  }
  if (options.d != 0 && options.d != 6 && options.d != 8) {
    throw std::invalid_argument("d is " + std::to_string(options.d) + "; it must be 6 or 8");
  }
  check_at_most("k", options.k, dict_size);
  check_at_most("f", options.f, kMaxTableLog);
  // Written so that what is not a number is refused, too.
  if (!(options.split_point >= 0.0 && options.split_point <= 1.0)) {
    throw std::invalid_argument("split_point is " + std::to_string(options.split_point) +
                                "; it must be from 0 to 1");
  }
}

}  // namespace

std::shared_ptr<ZstdCompressionDict> train_dictionary(std::size_t dict_size,
                                                      std::span<const ByteSpan> samples,
                                                      const TrainingOptions& options) {
  check_options(dict_size, options);
  ZDICT_fastCover_params_t parameters{};
  parameters.k = options.k;
  parameters.d = options.d;
  parameters.f = options.f;
  parameters.steps = options.steps;
  parameters.nbThreads =
      options.threads < 0 ? processor_count() : static_cast<unsigned>(options.threads);
  parameters.splitPoint = options.split_point;
  parameters.accel = options.accel;
  parameters.zParams.compressionLevel = options.level;
  parameters.zParams.notificationLevel = options.notifications;
  parameters.zParams.dictID = options.dict_id;
  if (options.steps == 0 && options.threads == 0) {
    // What ZDICT_trainFromBuffer does.
    if (parameters.d == 0) parameters.d = 8;
    parameters.steps = 4;
    if (options.level == 0) parameters.zParams.compressionLevel = 3;
  }

  const JoinedSamples joined(samples);
  Bytes data(dict_size);
  data.resize(ZstdError::check(
      ZDICT_optimizeTrainFromBuffer_fastCover(data.data(), data.size(), joined.content.data(),
                                              joined.sizes.data(), joined.count(), &parameters),
      "train a dictionary"));
  return DictionaryTrainer::trained(data, parameters.k, parameters.d);
}

std::shared_ptr<ZstdCompressionDict> finalize_dictionary(ByteSpan content, std::size_t dict_size,
                                                         std::span<const ByteSpan> samples,
                                                         const FinalizingOptions& options) {
  ZDICT_params_t parameters{};
  parameters.compressionLevel = options.level;
  parameters.notificationLevel = options.notifications;
  parameters.dictID = options.dict_id;

  const JoinedSamples joined(samples);
  Bytes data(dict_size);
  data.resize(
      ZstdError::check(ZDICT_finalizeDictionary(data.data(), data.size(), content.data(),
                                                content.size(), joined.content.data(),
                                                joined.sizes.data(), joined.count(), parameters),
                       "finalize a dictionary"));
  return DictionaryTrainer::trained(data, 0, 0);
}

}  // namespace zstdfs
