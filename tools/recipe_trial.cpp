#include "tools/recipe_trial.hpp"

#include <algorithm>
#include <ctime>
#include <functional>
#include <vector>

#include "zstdfs/container_header.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/dictionary_source.hpp"

namespace zstdfs::tools {
namespace {

constexpr double kLeastSeconds = 0.2;
constexpr double kLongSeconds = 2.0;
constexpr unsigned kTimings = 3;

/// Time that this thread has spent on a processor.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Speed {
  double bytes_per_second = 0;
  unsigned timings = 0;
};

/// Times whole passes over the samples, each of which handles `bytes`.
Speed measure(std::uint64_t bytes, const std::function<void()>& pass) {
  std::vector<double> speeds;
  while (speeds.size() < kTimings) {
    const double begun = processor_seconds();
    double spent = 0;
    unsigned passes = 0;
    do {
      pass();
      ++passes;
      spent = processor_seconds() - begun;
    } while (spent < kLeastSeconds);
    speeds.push_back(static_cast<double>(bytes) * passes / spent);
    if (spent > kLongSeconds) break;  // long enough not to depend on chance
  }
  std::sort(speeds.begin(), speeds.end());
  return {speeds[speeds.size() / 2], static_cast<unsigned>(speeds.size())};
}

/// The one dictionary of a trial, whatever its id.
class OneDictionary final : public DictionarySource {
 public:
  explicit OneDictionary(const ZstdCompressionDict& dictionary)
      : digested_(dictionary.digested()) {}
  std::shared_ptr<const ZSTD_DDict_s> digested(std::uint32_t) const override { return digested_; }

 private:
  std::shared_ptr<const ZSTD_DDict_s> digested_;
};

class RecipeRun {
 public:
  RecipeRun(const Recipe& recipe, std::span<const Bytes> samples) : samples_(samples) {
    trial_.recipe = recipe;
    how_.level = recipe.level;
    if (recipe.dictionary) {
      how_.dictionary = recipe.dictionary->digested_for(recipe.level);
      dictionary_ = std::make_unique<OneDictionary>(*recipe.dictionary);
    }
    for (const Bytes& sample : samples_) trial_.logical_bytes += sample.size();
  }

  RecipeTrial run(std::uint64_t block_bytes) {
    const Speed compress = measure(trial_.logical_bytes, [this] { compress_all(); });
    const Speed decompress = measure(trial_.logical_bytes, [this] { decompress_all(); });
    trial_.compress_speed = compress.bytes_per_second;
    trial_.decompress_speed = decompress.bytes_per_second;
    trial_.timings = compress.timings;
    std::size_t frame = 0;
    for (const Bytes& sample : samples_) add_up(sample.size(), frame, block_bytes);
    return trial_;
  }

 private:
  std::size_t chunks_of(std::size_t bytes) const {
    return static_cast<std::size_t>(blocks_of(bytes, trial_.recipe.chunk_bytes));
  }

  /// Calls `use` with each chunk of each sample.
  template <typename Use>
  void for_each_chunk(const Use& use) const {
    for (const Bytes& sample : samples_) {
      ByteSpan rest = sample;
      while (!rest.empty()) {
        const ByteSpan chunk =
            rest.first(std::min<std::size_t>(rest.size(), trial_.recipe.chunk_bytes));
        use(chunk);
        rest = rest.subspan(chunk.size());
      }
    }
  }

  void compress_all() {
    frames_.clear();
    for_each_chunk([this](ByteSpan chunk) { frames_.push_back(encoder_.encode(chunk, how_)); });
  }

  void decompress_all() {
    std::size_t frame = 0;
    for_each_chunk([&](ByteSpan chunk) {
      content_.resize(chunk.size());
      const DictionarySource& source = dictionary_ ? *dictionary_ : no_dictionaries();
      decoder_.decode(frames_[frame++], content_, 0, source);
    });
  }

  /// One sample as a file. `frame` is the number of its first frame, and then of the next one's.
  void add_up(std::uint64_t logical, std::size_t& frame, std::uint64_t block_bytes) {
    const std::size_t chunks = chunks_of(logical);
    std::uint64_t frame_bytes = 0;
    for (std::size_t i = 0; i < chunks; ++i) frame_bytes += frames_[frame++].size();
    ContainerHeader header;
    const std::uint64_t container = frame_bytes + container_overhead_bytes(header, chunks);
    header.compact = true;
    header.is_short = header.may_be_short(logical);
    const std::uint64_t compact = frame_bytes + container_overhead_bytes(header, chunks);
    trial_.compact_bytes += std::min(compact, logical);
    const std::uint64_t blocks = blocks_of(container, block_bytes);
    const bool saves = blocks < blocks_of(logical, block_bytes);
    trial_.stored_bytes += saves ? container : logical;
    trial_.disk_blocks += saves ? blocks : blocks_of(logical, block_bytes);
  }

  const std::span<const Bytes> samples_;
  RecipeTrial trial_;
  FrameRecipe how_;
  std::unique_ptr<OneDictionary> dictionary_;
  FrameEncoder encoder_;
  FrameDecoder decoder_;
  std::vector<Bytes> frames_;
  Bytes content_;
};

}  // namespace

double RecipeTrial::ratio() const {
  return stored_bytes == 0 ? 1.0
                           : static_cast<double>(logical_bytes) / static_cast<double>(stored_bytes);
}

RecipeTrial try_recipe(const Recipe& recipe, std::span<const Bytes> samples,
                       std::uint64_t block_bytes) {
  return RecipeRun(recipe, samples).run(block_bytes);
}

}  // namespace zstdfs::tools
