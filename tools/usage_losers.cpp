#include "tools/usage_losers.hpp"

#include <algorithm>
#include <tuple>

#include "tools/display.hpp"
#include "tools/known_formats.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::uint64_t kSamplePieces = 4;
constexpr int kSampleLevel = 3;

struct Sample {
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
};

/// Compresses some chunks of a file, from its beginning to its end.
Sample compress_sample(const RandomAccessSource& content) {
  Sample sample;
  FrameEncoder encoder;
  const std::uint64_t chunks = (content.size() + kDefaultChunkBytes - 1) / kDefaultChunkBytes;
  const std::uint64_t pieces = std::min(chunks, kSamplePieces);
  for (std::uint64_t i = 0; i < pieces; ++i) {
    const std::uint64_t chunk = pieces == 1 ? 0 : i * (chunks - 1) / (pieces - 1);
    Bytes piece(kDefaultChunkBytes);
    piece.resize(content.read_at(chunk * kDefaultChunkBytes, piece));
    sample.logical_bytes += piece.size();
    sample.stored_bytes += encoder.encode(piece, kSampleLevel).size();
  }
  return sample;
}

std::uint64_t percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 100 : part * 100 / whole;
}

/// What a container of the file would take by the sample: its frames, header and seek table.
std::uint64_t container_bytes(std::uint64_t logical_bytes, std::uint64_t share_percent) {
  const std::uint64_t chunks = (logical_bytes + kDefaultChunkBytes - 1) / kDefaultChunkBytes;
  return logical_bytes * share_percent / 100 +
         container_overhead_bytes(ContainerHeader(), static_cast<std::size_t>(chunks));
}

std::uint64_t whole_blocks(std::uint64_t bytes, std::uint64_t block) {
  return (bytes + block - 1) / block * block;
}

/// Looks into a raw file for why it is raw.
void judge_by_sample(const CountedFile& file, UsageLoser& loser) {
  const Sample sample = compress_sample(file.stored);
  const std::uint64_t share = percent(sample.stored_bytes, sample.logical_bytes);
  const std::string text = "a sample of " + format_bytes(sample.logical_bytes) + " compresses to " +
                           std::to_string(share) + " %";
  if (share > 100 - UsageLosers::kLoserPercent) {
    loser.reason = LossReason::kIncompressible;
    loser.explanation = "incompressible: " + text;
  } else if (whole_blocks(container_bytes(file.form.logical_bytes, share), file.block_bytes) +
                 file.block_bytes >
             file.totals.disk_bytes) {
    loser.reason = LossReason::kNoBlockSaved;
    loser.explanation = text + ", which saves no block of " + format_bytes(file.block_bytes);
  } else {
    loser.reason = LossReason::kNotCompressed;
    loser.explanation =
        "not compressed, though " + text + ": it was there before zstdfs, or was written just now";
  }
}

bool is_smaller(const UsageLoser& a, const UsageLoser& b) {
  return std::tie(a.totals.disk_bytes, b.path) < std::tie(b.totals.disk_bytes, a.path);
}

/// For heaps and sorting: the largest first, so that a heap has the smallest on top.
bool is_larger(const UsageLoser& a, const UsageLoser& b) {
  return is_smaller(b, a);
}

}  // namespace

void UsageLosers::add(const CountedFile& file) {
  const Totals& totals = file.totals;
  const std::int64_t saved = totals.saved_disk_bytes();
  if (totals.disk_bytes == 0) return;
  if (saved > 0 &&
      static_cast<std::uint64_t>(saved) * 100 >= totals.uncompressed_disk_bytes * kLoserPercent) {
    return;
  }
  UsageLoser loser{file.entry.path, file.form, totals, LossReason::kRaw, ""};
  judge(file, loser);
  by_reason_[loser.reason] += totals;
  if (heap_.size() == top_ && (top_ == 0 || is_smaller(loser, heap_.front()))) return;
  if (loser.reason == LossReason::kRaw) judge_by_sample(file, loser);
  keep(std::move(loser));
}

void UsageLosers::judge(const CountedFile& file, UsageLoser& loser) {
  const bool raw = file.form.form == Form::kRaw;
  const auto decided =
      settings_.decide(file.entry.path, file.entry.status, file.form.logical_bytes);
  if (raw && decided && decided->settings.form == store::Settings::Form::kRaw) {
    loser.reason = LossReason::kExcluded;
    loser.explanation = "excluded by " + StoreSettings::form_decided_by(*decided);
  } else if (file.totals.disk_bytes <= file.block_bytes) {
    loser.reason = LossReason::kOneBlock;
    loser.explanation = "takes one block of " + format_bytes(file.block_bytes) + ", the least";
  } else if (!raw) {
    loser.reason = LossReason::kSavesLittle;
    loser.explanation = "compresses to " +
                        std::to_string(percent(file.form.stored_bytes, file.form.logical_bytes)) +
                        " % only";
  } else if (const auto format = compressed_format(file.stored)) {
    loser.reason = LossReason::kCompressedFormat;
    loser.explanation = "compressed already: " + std::string(*format);
  }
}

void UsageLosers::keep(UsageLoser loser) {
  heap_.push_back(std::move(loser));
  std::push_heap(heap_.begin(), heap_.end(), is_larger);
  if (heap_.size() <= top_) return;
  std::pop_heap(heap_.begin(), heap_.end(), is_larger);
  heap_.pop_back();
}

std::vector<UsageLoser> UsageLosers::sorted() const {
  std::vector<UsageLoser> losers = heap_;
  std::sort(losers.begin(), losers.end(), is_larger);
  return losers;
}

std::string reason_name(LossReason reason) {
  switch (reason) {
    case LossReason::kExcluded:
      return "excluded";
    case LossReason::kOneBlock:
      return "one_block";
    case LossReason::kCompressedFormat:
      return "compressed_format";
    case LossReason::kIncompressible:
      return "incompressible";
    case LossReason::kNoBlockSaved:
      return "no_block_saved";
    case LossReason::kNotCompressed:
      return "not_compressed";
    case LossReason::kSavesLittle:
      return "saves_little";
    case LossReason::kRaw:
      break;
  }
  return "raw";
}

std::string reason_text(LossReason reason) {
  switch (reason) {
    case LossReason::kExcluded:
      return "excluded by policy or attribute";
    case LossReason::kOneBlock:
      return "takes one block, the least";
    case LossReason::kCompressedFormat:
      return "compressed already";
    case LossReason::kIncompressible:
      return "incompressible";
    case LossReason::kNoBlockSaved:
      return "compression saves no block";
    case LossReason::kNotCompressed:
      return "not compressed yet";
    case LossReason::kSavesLittle:
      return "compressed, but saves little";
    case LossReason::kRaw:
      break;
  }
  return "stored raw; samples of the largest, above, tell why";
}

}  // namespace zstdfs::tools
