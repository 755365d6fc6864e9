// StoredFile: what happens in the background once a file is closed, and how a raw file becomes a
// container.

#include <algorithm>
#include <utility>

#include "fs/store/redo.hpp"
#include "fs/store/rounding.hpp"
#include "fs/store/stored_file.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::store {
namespace {

// Of a larger file, a few chunks from all over it tell whether compressing is worth a try.
constexpr std::uint64_t kTryWholeBytes = 2u << 20;
constexpr std::uint64_t kSamples = 16;
constexpr std::uint64_t kStatBlockBytes = 512;

}  // namespace

void StoredFile::settle() {
  if (!needs_settling_ && !needs_flush_) return;
  MutexLock changing(write_mutex_);
  settle_locked();
}

void StoredFile::settle_locked() {
  if (services_.options.read_only || (!needs_settling_ && !needs_flush_)) return;
  unseen([this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    finish_rewrite();
    flush_locked();
    const State& state = seen();
    const bool merged = !log_ && frames_hold_all();
    if (state.form == Form::kContainer && !merged) merge();
    if (state.form == Form::kRaw && reconsider_form_) compress_raw_if_it_pays();
    if (backing_sync_.must_write_again()) sync_backing(os::SyncKind::kData);
  });
  reconsider_form_ = false;
  needs_settling_ = false;
}

void StoredFile::compress_raw_if_it_pays() {
  decide_settings();
  if (must_be_raw()) return;
  if (!seen().header.compact && seen().logical_bytes <= services_.block_bytes) return;
  if (seen().logical_bytes > kTryWholeBytes) {
    ReaderLock lock(state_mutex_);
    if (!sample_is_compressible()) return;
  }
  compress_raw(/*required=*/false);
}

bool StoredFile::sample_is_compressible() {
  const std::uint64_t chunk = state_.header.chunk_bytes;
  const std::uint64_t chunks = state_.logical_bytes / chunk;
  const std::uint64_t step = std::max<std::uint64_t>(1, chunks / kSamples);
  FrameEncoder encoder;
  const FrameRecipe how = recipe(state_.header, state_.header.level);
  Bytes content(static_cast<std::size_t>(chunk));
  std::uint64_t taken = 0;
  std::uint64_t stored = 0;
  for (std::uint64_t i = 0; i < chunks; i += step) {
    if (next_data(i * chunk) >= (i + 1) * chunk) continue;
    load_content(i * chunk, content);
    stored += encoder.encode(content, how).size();
    taken += chunk;
  }
  return stored * kWorthDenominator < taken * kWorthNumerator;
}

// Of a sparse file, only what it has on disk counts.
bool StoredFile::saves(const ContainerHeader& header) const {
  const auto on_disk = static_cast<std::uint64_t>(backing_->stat().st_blocks) * kStatBlockBytes;
  if (header.compact) return header.stored_bytes < std::min(on_disk, state_.logical_bytes);
  return ceil_to(header.stored_bytes, services_.block_bytes) < on_disk;
}

bool StoredFile::compress_raw(bool required) {
  PendingRewrite planned;
  {
    ReaderLock lock(state_mutex_);
    State after;
    after.form = Form::kContainer;
    after.content_id = services_.next_content_id++;
    after.logical_bytes = state_.logical_bytes;
    after.header = state_.header;
    fit_header(after.header, state_.logical_bytes);
    after.index = FrameIndex(after.header.bytes());
    RedoWriter redo(services_.journal, journal_target());
    encode_range({0, state_.logical_bytes}, after.header, after.header.level,
                 [&](NewFrame&& frame) { place_frame(after, std::move(frame), redo); });
    finish_container(after, redo);
    if (!required && !saves(after.header)) return false;
    planned = finish_redo(std::move(after), redo);
  }
  rewrite(std::move(planned));
  services_.statistics.add(Count::kFilesConverted);
  return true;
}

}  // namespace zstdfs::store
