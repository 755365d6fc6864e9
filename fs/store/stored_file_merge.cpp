// StoredFile: rewriting a container so that its frames hold all changes, through a redo file.

#include <algorithm>
#include <utility>

#include "fs/store/container_rewriter.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/rounding.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/stored_file.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

// A frame that outgrows its place is compressed harder rather than moving all that follows, where
// that is at least so many times as much: a chunk takes as long as a few MiB take to be moved.
constexpr int kFittingLevel = 19;
constexpr std::uint64_t kMovedBytesPerFittedByte = 64;
// For larger chunks that level takes much memory, for each thread.
constexpr std::uint32_t kMaxFittedChunkBytes = 1u << 20;

}  // namespace

void StoredFile::merge() {
  refuse_if_damaged();
  finish_rewrite();
  // The log ends with the rewrite. What it holds may be in frames now that stay where they are.
  if (data_unsynced_) sync_backing(os::SyncKind::kData);
  PendingRewrite planned;
  std::uint64_t moved_bytes = 0;
  {
    ReaderLock lock(state_mutex_);
    RedoWriter redo(services_.journal, journal_target());
    planned = finish_redo(plan_merge(redo), redo);
    moved_bytes = redo.bytes();
  }
  rewrite(std::move(planned));
  services_.statistics.add(Count::kMerges);
  services_.statistics.add(Count::kMergedBytes, moved_bytes);
}

StoredFile::PendingRewrite StoredFile::finish_redo(State after, RedoWriter& redo) {
  const std::uint64_t target_bytes =
      after.form == Form::kContainer ? after.header.stored_bytes : after.logical_bytes;
  PendingRewrite planned;
  planned.redo_name = redo.finish(*backing_, target_bytes, modification_time());
  planned.map = redo.take_map();
  planned.after = std::move(after);
  return planned;
}

void StoredFile::rewrite(PendingRewrite rewrite) {
  drop_frames_underway();
  {
    WriterLock lock(state_mutex_);
    pending_ = std::move(rewrite);
    needs_settling_ = needs_flush_ = true;  // should it fail, it is tried again
  }
  finish_rewrite();
}

StoredFile::State StoredFile::plan_merge(RedoWriter& redo) {
  State after;
  after.content_id = services_.next_content_id++;
  after.logical_bytes = state_.logical_bytes;
  after.header = state_.header;
  const bool too_small = !state_.header.compact && state_.logical_bytes <= services_.block_bytes;
  if ((too_small || state_.logical_bytes == 0) && !begins_like_container()) {
    after.form = state_.logical_bytes == 0 ? Form::kEmpty : Form::kRaw;
    Bytes content(static_cast<std::size_t>(state_.logical_bytes));
    load_content(0, content);
    redo.add(0, content);
    return after;
  }
  after.form = Form::kContainer;
  fit_header(after.header, state_.logical_bytes);
  after.index = FrameIndex(after.header.bytes());
  if (after.header.is_short) {
    encode_range({0, state_.logical_bytes}, after.header, after.header.level,
                 [&](NewFrame&& frame) { place_frame(after, std::move(frame), redo); });
    finish_container(after, redo);
    return after;
  }
  ContainerRewriter rewriter(*backing_, redo);
  std::uint64_t done = 0;
  const std::vector<ByteRange> ranges = ranges_to_encode();
  const bool fitting = bytes_to_move(ranges) == 0;
  for (const ByteRange& range : ranges) {
    keep_frames(rewriter, {done, range.offset - done});
    if (fitting) {
      encode_to_fit(rewriter, range);
    } else {
      encode_range(range, after.header, after.header.level,
                   [&rewriter](NewFrame&& frame) { rewriter.add(std::move(frame)); });
    }
    done = range.end();
  }
  keep_frames(rewriter, {done, state_.logical_bytes - done});
  after.index = rewriter.index();
  ZSTDFS_ASSERT(after.index.logical_bytes() == state_.logical_bytes);
  finish_container(after, redo);
  return after;
}

void StoredFile::keep_frames(ContainerRewriter& rewriter, ByteRange range) {
  std::uint64_t at = range.offset;
  while (at < range.end()) {
    const FrameEntry& frame = state_.index[*state_.index.find(at)];
    const std::uint64_t to = std::min(frame.logical_end(), range.end());
    if (frame.logical_offset == at && frame.logical_end() == to) {
      rewriter.keep(frame);
    } else {
      rewriter.add_zeros(to - at);  // ranges to encode end within a frame only if it is zeros
    }
    at = to;
  }
}

std::uint64_t StoredFile::settling_cost() {
  ReaderLock lock(state_mutex_);
  return bytes_to_move(ranges_to_encode());
}

std::uint64_t StoredFile::bytes_to_move(const std::vector<ByteRange>& ranges) const {
  if (ranges.empty() || ranges.front().offset >= state_.base_limit) return 0;
  std::uint64_t changed = 0;
  for (const ByteRange& range : ranges) changed += range.bytes;
  const FrameEntry& first = state_.index[*state_.index.find(ranges.front().offset)];
  const std::uint64_t following = state_.index.frames_end() - first.stored_offset;
  const bool fitting = changed <= following / kMovedBytesPerFittedByte &&
                       state_.header.chunk_bytes <= kMaxFittedChunkBytes;
  return fitting ? 0 : following;
}

void StoredFile::encode_to_fit(ContainerRewriter& rewriter, ByteRange range) {
  std::vector<NewFrame> frames;
  const auto encode = [&](int level) ZSTDFS_REQUIRES_SHARED(state_mutex_) {
    frames.clear();
    std::uint64_t stored_bytes = 0;
    encode_range(range, state_.header, level, [&](NewFrame&& frame) {
      stored_bytes += frame.stored.size();
      frames.push_back(std::move(frame));
    });
    return stored_bytes;
  };
  const std::uint64_t usual_bytes = encode(state_.header.level);
  if (range.end() < state_.base_limit) {
    const FrameEntry& next = state_.index[*state_.index.find(range.end())];
    if (!rewriter.fits(usual_bytes, next) && rewriter.fits(0, next)) encode(kFittingLevel);
  }
  for (NewFrame& frame : frames) rewriter.add(std::move(frame));
}

void StoredFile::place_frame(State& after, NewFrame&& frame, RedoWriter& redo) {
  const std::uint64_t at = after.index.frames_end();
  redo.add(at, frame.stored);
  after.index.append(at, static_cast<std::uint32_t>(frame.stored.size()), frame.logical_bytes,
                     frame.checksum);
}

void StoredFile::finish_container(State& after, RedoWriter& redo) {
  after.base_limit = after.logical_bytes;
  after.header.generation = services_.new_generation();
  // The header becomes valid when all of the rewrite is on stable storage.
  const Bytes table = store::seal(after.header, after.index, after.index.frames_end());
  redo.add(after.index.frames_end(), table);
  redo.add(0, encode_container_header(after.header));
}

std::vector<ByteRange> StoredFile::ranges_to_encode() const {
  const std::uint64_t chunk = state_.header.chunk_bytes;
  std::vector<ByteRange> wanted;
  const auto want = [&](std::uint64_t from, std::uint64_t to) ZSTDFS_REQUIRES_SHARED(state_mutex_) {
    const std::uint64_t begin = floor_to(from, chunk);
    const std::uint64_t end = std::min(ceil_to(to, chunk), state_.logical_bytes);
    if (begin < end) wanted.push_back(expanded_to_frames({begin, end - begin}));
  };
  for (const auto& [offset, piece] : overlay_.pieces()) want(offset, offset + piece.bytes);
  if (state_.base_limit < state_.logical_bytes) {
    want(state_.base_limit, state_.logical_bytes);
  } else if (state_.base_limit > 0 && state_.base_limit < state_.index.logical_bytes()) {
    const FrameEntry& last = state_.index[*state_.index.find(state_.base_limit - 1)];
    const bool cut = last.logical_end() > state_.base_limit;
    if (cut && !is_zero_run(last)) want(last.logical_offset, state_.base_limit);
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  std::vector<ByteRange> ranges;
  for (const ByteRange& range : wanted) {
    if (ranges.empty() || range.offset > ranges.back().end()) {
      ranges.push_back(range);
    } else {
      const std::uint64_t end = std::max(ranges.back().end(), range.end());
      ranges.back().bytes = end - ranges.back().offset;
    }
  }
  return ranges;
}

ByteRange StoredFile::expanded_to_frames(ByteRange range) const {
  std::uint64_t begin = range.offset;
  std::uint64_t end = range.end();
  if (begin < state_.base_limit) {
    const FrameEntry& first = state_.index[*state_.index.find(begin)];
    if (first.logical_offset < begin && !is_zero_run(first)) begin = first.logical_offset;
  }
  if (end < state_.base_limit) {
    const FrameEntry& last = state_.index[*state_.index.find(end)];
    if (last.logical_offset < end && !is_zero_run(last)) {
      end = std::min(last.logical_end(), state_.logical_bytes);
    }
  }
  return {begin, end - begin};
}

// The redo file is whole and durable, and holds every byte that changes: with its bytes laid over
// the backing file, readers see the new state from now on, whatever part of it is applied. So they
// need neither wait until it is, nor notice when that fails.
void StoredFile::begin_rewrite() {
  OpenRedo redo = open_redo(services_.journal, seen_pending()->redo_name);
  reserve(backing(), redo.content.target_bytes);
  WriterLock lock(state_mutex_);
  pending_->redo = std::move(redo);
  pending_->progress = PendingRewrite::Progress::kBegun;
  state_ = std::move(pending_->after);
  overlay_.clear();
  account_memory();
}

void StoredFile::apply_rewrite() {
  const OpenRedo& redo = seen_pending()->redo;
  os::File& file = backing();
  if (seen_pending()->progress == PendingRewrite::Progress::kBegun) {
    // As a raw file it may have lost what a sync did not get to the disk.
    if (services_.lost_syncs.contains(key_)) {
      file.sync(os::SyncKind::kData);  // What was changed since, would not be written anew.
      backing_sync_.write_again(file, {0, std::min(file.size(), redo.content.target_bytes)});
    }
    apply_redo(*redo.file, redo.content, file);
    set_progress(PendingRewrite::Progress::kApplied);
  }
  backing_sync_.run(file, os::SyncKind::kData, [&]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    // First what the rewrite left where it was, and may not have been synced either.
    backing_sync_.write_again(file, {0, file.size()});
    apply_redo(*redo.file, redo.content, file);
  });
  services_.lost_syncs.forget(key_);
  set_progress(PendingRewrite::Progress::kDurable);
}

void StoredFile::set_progress(PendingRewrite::Progress progress) {
  WriterLock lock(state_mutex_);
  pending_->progress = progress;
  if (progress == PendingRewrite::Progress::kDurable) pending_->redo.file.reset();
}

void StoredFile::finish_changes() {
  MutexLock changing(write_mutex_);
  finish_rewrite();
}

void StoredFile::finish_rewrite() {
  backing_sync_.put_back(backing());
  if (!seen_pending()) return;
  unseen([this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    const auto finish = [this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
      using Progress = PendingRewrite::Progress;
      if (seen_pending()->progress == Progress::kPlanned) begin_rewrite();
      if (seen_pending()->progress != Progress::kDurable) apply_rewrite();
    };
    if (seen_pending()->keeps_privileges) {
      backing().keep_privileges(finish);
    } else {
      finish();
    }
  });
  if (log_) log_->remove();
  log_.reset();
  merge_from_log_bytes_ = 0;
  services_.journal.remove(seen_pending()->redo_name);
  services_.journal.sync_directory();
  WriterLock lock(state_mutex_);
  pending_.reset();
  data_unsynced_ = table_stale_ = must_merge_ = size_changed_ = reconsider_form_ = false;
  needs_flush_ = false;
  lowest_bytes_ = state_.logical_bytes;
  durable_bytes_ = state_.form == Form::kContainer ? state_.index.frames_end() : 0;
}

}  // namespace zstdfs::store
