#include "tools/recompression_estimate.hpp"

#include <algorithm>

#include "fs/os/posix.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::uint64_t kSampledChunks = 16;

}  // namespace

RecompressionEstimator::RecompressionEstimator(const std::string& store) {
  if (store.empty()) return;
  volume_ = os::open_posix_volume(store);
  dictionaries_ = std::make_unique<store::Dictionaries>(*volume_);
}

FrameRecipe RecompressionEstimator::recipe(const store::Settings& wanted) const {
  FrameRecipe how{.level = wanted.level, .long_distance_matching = wanted.long_distance_matching};
  const std::uint32_t id = wanted.dictionary_id;
  if (id == 0) return how;
  if (!dictionaries_) throw MissingDictionaryError(id, "the mount's backing directory is unknown");
  how.dictionary = dictionaries_->digested_for(id, wanted.level);
  return how;
}

std::uint64_t RecompressionEstimator::stored_bytes(const RandomAccessSource& content,
                                                   const store::Settings& wanted) {
  const std::uint64_t bytes = content.size();
  if (wanted.form == store::Settings::Form::kRaw || bytes == 0) return bytes;
  const FrameRecipe how = recipe(wanted);
  const std::uint64_t chunk = wanted.chunk_bytes;
  const std::uint64_t chunks = (bytes + chunk - 1) / chunk;
  const std::uint64_t step =
      bytes <= kEstimateWholeBytes ? 1 : std::max<std::uint64_t>(1, chunks / kSampledChunks);
  std::uint64_t taken = 0;
  std::uint64_t stored = 0;
  Bytes piece;
  for (std::uint64_t i = 0; i < chunks; i += step) {
    piece.resize(static_cast<std::size_t>(std::min(chunk, bytes - i * chunk)));
    piece.resize(content.read_at(i * chunk, piece));  // the file may have become shorter
    taken += piece.size();
    if (!all_zeros(piece)) stored += encoder_.encode(piece, how).size();
  }
  if (taken == 0) return 0;
  const double scale = static_cast<double>(bytes) / static_cast<double>(taken);
  ContainerHeader header;
  store::put_settings(wanted, header);
  header.is_short = header.may_be_short(bytes);
  return static_cast<std::uint64_t>(static_cast<double>(stored) * scale) +
         container_overhead_bytes(header, static_cast<std::size_t>(chunks));
}

}  // namespace zstdfs::tools
