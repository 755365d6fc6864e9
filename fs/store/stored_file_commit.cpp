// StoredFile: how changes get from memory to the backing file and the write log.

#include <algorithm>
#include <system_error>
#include <utility>

#include "fs/store/log.hpp"
#include "fs/store/rounding.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/stored_file.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

// So much is encoded and written at a time, which bounds memory.
constexpr std::uint64_t kAppendStepBytes = 4u << 20;
// So much of a stream may be underway while the program writes on.
constexpr std::uint64_t kMostUnderwayBytes = 4u << 20;
// So much of a stream is sent to the disk at once, so that a sync at its end need not wait for all
// of it. Files that are soon removed again are mostly smaller.
constexpr std::uint64_t kWritebackBytes = 4u << 20;
// A shorter addition goes to the write log: as a frame of its own it would compress badly, and the
// seek table would be written again for it.
constexpr std::uint64_t kMinAppendBytes = 4096;
constexpr std::uint64_t kTableBytesPerAppendedByte = 8;
// A new file that exceeds a few blocks by little is compressed harder, which saves the last block
// of many small files: a 40th of a source tree.
constexpr int kBlockSavingLevel = 6;
constexpr std::uint64_t kFewBlocks = 8;
constexpr std::uint64_t kStoredBytesPerExcessByte = 12;
// A longer log is merged at once, unless the file is so large that merging costs more.
constexpr std::uint64_t kMinMergeBytes = 8u << 20;
constexpr std::uint64_t kFileBytesPerLogByte = 4;

std::uint64_t blocks(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit;
}

std::uint64_t sum_of(const std::vector<NewFrame>& frames) {
  std::uint64_t bytes = 0;
  for (const NewFrame& frame : frames) bytes += frame.stored.size();
  return bytes;
}

}  // namespace

void StoredFile::flush() {
  if (!needs_flush_) return;
  MutexLock changing(write_mutex_);
  flush_locked();
}

void StoredFile::sync(os::SyncKind kind) {
  const LatencyTimer timer(services_.statistics.syncs);
  MutexLock changing(write_mutex_);
  flush_locked();
  // The frames first: a log's batch counts only when the frames it builds on are there.
  if (data_unsynced_ || kind == os::SyncKind::kDataAndTimes) sync_backing(kind);
  if (log_) log_->sync();
  timer.done();
}

void StoredFile::sync_backing(os::SyncKind kind) {
  data_unsynced_ = true;  // until it succeeds
  os::File& file = backing();
  const std::uint64_t durable_bytes = durable_bytes_;
  // Raw files promise what the lower filesystem promises.
  const bool is_container = seen().form == Form::kContainer;
  try {
    const auto write_again = [&](ByteRange range) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
      backing_sync_.write_again(file, range);
    };
    backing_sync_.run(file, kind, [&] {
      const std::uint64_t stored_bytes = is_container ? file.size() : 0;
      const std::uint64_t begin = std::min(durable_bytes, stored_bytes);
      write_again({begin, stored_bytes - begin});
      if (begin > 0) write_again({0, kContainerHeaderBytes});
    });
  } catch (const std::system_error&) {
    if (!is_container) {
      ++lost_syncs_;
      services_.lost_syncs.note(key_);
    }
    // What only this object knows, it has to bring to its end.
    if (backing_sync_.must_write_again()) needs_settling_ = true;
    throw;
  }
  data_unsynced_ = false;
  if (seen().form == Form::kContainer) durable_bytes_ = seen().index.frames_end();
}

void StoredFile::flush_locked() {
  if (!needs_flush_) return;
  const LatencyTimer timer(services_.statistics.commits);
  finish_rewrite();
  unseen([this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    if (seen().form == Form::kEmpty && seen().logical_bytes > 0) first_commit();
    if (seen().form == Form::kContainer) flush_container();
  });
  needs_flush_ = false;
  timer.done();
}

void StoredFile::unseen(const std::function<void()>& work) {
  bool outermost = false;
  backing_changed_ = true;
  {
    WriterLock lock(state_mutex_);
    outermost = !shown_times_;
    if (outermost) {
      name_changed_ = false;
      const struct stat status = backing_->stat();
      shown_times_ = {status.st_mtim, services_.change_times.visible(key_, status.st_ctim)};
    }
  }
  std::exception_ptr error;
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
  std::optional<timespec> changed;
  try {
    changed = put_times_back();
  } catch (...) {
    if (!error) error = std::current_exception();
  }
  if (outermost) {
    WriterLock lock(state_mutex_);
    const ShownTimes shown = *std::exchange(shown_times_, std::nullopt);
    try {
      if (!changed) changed = backing_->stat().st_ctim;
      services_.change_times.hide(key_, *changed, shown.changed);
      if (name_changed_) services_.change_times.show(key_);
    } catch (...) {
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

timespec StoredFile::put_times_back() {
  timespec shown;
  {
    ReaderLock lock(state_mutex_);
    shown = shown_times_->modified;
  }
  const struct stat status = backing().stat();
  if (is_same(shown, status.st_mtim)) return status.st_ctim;
  backing().set_modification_time(shown);
  return backing().stat().st_ctim;
}

timespec StoredFile::modification_time() const {
  return shown_times_ ? shown_times_->modified : backing_->stat().st_mtim;
}

void StoredFile::flush_container() {
  const State& state = seen();
  // What was not whole when it was loaded. Of this form nothing is made whole in its place.
  if (must_merge_ || (state.header.is_short && table_stale_)) return merge();
  const bool truncated = state.base_limit < state.index.logical_bytes();
  if (!truncated && !state.header.is_short && state.logical_bytes > state.base_limit) {
    const std::uint64_t tail = state.logical_bytes - state.base_limit;
    const std::uint64_t table_share =
        container_table_bytes(state.index) / kTableBytesPerAppendedByte;
    if (table_stale_ || tail >= std::max(kMinAppendBytes, table_share)) {
      append_frames(state.logical_bytes);
    }
  }
  if (table_stale_) seal();
  const bool unlogged = !seen_overlay().unlogged().empty();
  const bool frames_grew = log_ && logged_base_bytes_ != state.index.logical_bytes();
  // Only what failed to be stored for long is too much for a batch.
  if (seen_overlay().memory_bytes() > kMaxBatchBytes / 2) return merge();
  // A log that is there has said another size.
  const bool size_is_new = size_changed_ && (log_ || !frames_hold_all());
  if (unlogged || frames_grew || size_is_new) write_to_log();
  size_changed_ = false;
  lowest_bytes_ = state.logical_bytes;
  if (!log_) return;
  needs_settling_ = true;
  const std::uint64_t worth_merging = state.index.frames_end() / kFileBytesPerLogByte;
  if (log_->bytes() > std::max({kMinMergeBytes, worth_merging, merge_from_log_bytes_})) {
    merge_if_possible();
  }
}

// The log has everything, and nothing forces a merge yet. Were its failure one of the flush, no
// close and no sync of the file would succeed any more, for want of room for what is not promised.
void StoredFile::merge_if_possible() {
  try {
    merge();
  } catch (const std::exception& error) {
    if (seen_pending()) throw;  // It has begun, and nothing may change before it is finished.
    if (merge_from_log_bytes_ == 0) {
      log(LogLevel::kWarning, backing().path_hint() + ": not merged yet: " + error.what() +
                                  "; its changes stay in the journal");
    }
    merge_from_log_bytes_ = log_->bytes() + kMinMergeBytes;
  }
}

bool StoredFile::frames_hold_all() const {
  const State& state = seen();
  return seen_overlay().empty() && state.base_limit == state.logical_bytes &&
         state.index.logical_bytes() == state.logical_bytes;
}

void StoredFile::write_to_log() {
  const State& state = seen();
  const std::uint64_t base_bytes = state.index.logical_bytes();
  if (!log_) begin_log();
  log_->append({lowest_bytes_, state.logical_bytes, base_bytes}, seen_overlay());
  logged_base_bytes_ = base_bytes;
  WriterLock lock(state_mutex_);
  overlay_.mark_all_logged();
}

void StoredFile::begin_log() {
  ReaderLock lock(state_mutex_);
  auto log =
      std::make_unique<WriteLog>(services_.journal, journal_target(), state_.header.generation);
  try {
    log->give_to_owner_of(*backing_);
  } catch (const std::system_error&) {
    log->remove();  // Their quota is used up.
    throw;
  }
  log_ = std::move(log);
}

JournalTarget StoredFile::journal_target() {
  return {backing_->identity(), backing_->path_hint()};
}

bool StoredFile::may_be_raw() {
  ReaderLock lock(state_mutex_);
  return !begins_like_container();
}

bool StoredFile::must_be_raw() {
  return wanted_form_ == Settings::Form::kRaw && may_be_raw();
}

bool StoredFile::begins_like_container() {
  Bytes prefix(kContainerHeaderBytes);
  load_content(0, prefix);
  return restore_container_signature(prefix);
}

std::uint64_t StoredFile::raw_blocks() {
  std::uint64_t count = 0;
  std::uint64_t next_block = 0;
  for (const auto& [offset, piece] : seen_overlay().pieces()) {
    if (piece.is_zero()) continue;
    const std::uint64_t first = std::max(next_block, offset / services_.block_bytes);
    const std::uint64_t end = blocks(offset + piece.bytes, services_.block_bytes);
    if (end > first) count += end - first;
    next_block = std::max(next_block, end);
  }
  return count;
}

void StoredFile::first_commit() {
  decide_settings();
  const std::uint64_t bytes = seen().logical_bytes;
  const bool must_be_container = !may_be_raw();
  const std::uint64_t as_raw = raw_blocks();
  // Zeros cost a container a little, and a raw file nothing.
  const std::uint64_t held = seen_overlay().data_bytes();
  const std::uint64_t zeros = bytes > held ? bytes - held : 0;
  const bool mostly_holes = zeros / kMaxZeroFrameBytes * zero_frame_bytes(kMaxZeroFrameBytes) >=
                            (as_raw + 1) * services_.block_bytes;
  const bool in_bytes = seen().header.compact;
  const bool cannot_save = as_raw <= (in_bytes ? 0 : 1);
  if (must_be_raw() || (!must_be_container && (cannot_save || mostly_holes))) {
    store_as_raw();
    return;
  }
  const std::vector<NewFrame> frames = encode_new_file();
  const std::uint64_t stored =
      container_overhead_bytes(seen().header, frames.size()) + sum_of(frames);
  const bool saves = in_bytes ? stored < held : blocks(stored, services_.block_bytes) < as_raw;
  if (must_be_container || saves) {
    store_as_container(frames);
  } else {
    store_as_raw();
  }
}

std::vector<NewFrame> StoredFile::encode_new_file() {
  const State& state = seen();
  std::vector<NewFrame> frames = encode_all({0, state.logical_bytes}, state.header.level);
  if (state.header.compact || state.header.level >= kBlockSavingLevel) return frames;
  const std::uint64_t overhead = container_overhead_bytes(state.header, frames.size());
  const std::uint64_t usual = overhead + sum_of(frames);
  const std::uint64_t whole_blocks = floor_to(usual, services_.block_bytes);
  const bool few = whole_blocks > 0 && whole_blocks <= kFewBlocks * services_.block_bytes;
  if (!few || (usual - whole_blocks) * kStoredBytesPerExcessByte > usual) return frames;
  std::vector<NewFrame> smaller = encode_all({0, state.logical_bytes}, kBlockSavingLevel);
  return overhead + sum_of(smaller) <= whole_blocks ? smaller : frames;
}

void StoredFile::store_as_raw() {
  data_unsynced_ = true;
  if (std::exchange(has_remains_, true)) backing().truncate(0);  // It would show through in holes.
  std::uint64_t stored_bytes = 0;
  for (const auto& [offset, piece] : seen_overlay().pieces()) {
    if (piece.is_zero()) continue;
    backing().write_at(offset, piece.data);
    stored_bytes = offset + piece.bytes;
  }
  if (stored_bytes != seen().logical_bytes) backing().truncate(seen().logical_bytes);
  has_remains_ = table_stale_ = append_failed_ = false;
  services_.statistics.add(Count::kFilesFirstStoredRaw);
  WriterLock lock(state_mutex_);
  state_.form = Form::kRaw;
  overlay_.clear();
  account_memory();
}

// In one write, since most files are small, but for the header: as long as that names no sizes,
// what an interruption or a full disk leaves is a file with as many frames as are whole. A short
// one goes with its only frame: there is no whole frame either before all is written.
void StoredFile::store_as_container(const std::vector<NewFrame>& frames) {
  State after = seen();
  after.form = Form::kContainer;
  after.header.generation = services_.new_generation();
  const ContainerHeader unsealed = after.header;
  after.index = FrameIndex(after.header.bytes());
  Bytes image(after.header.bytes());
  for (const NewFrame& frame : frames) {
    after.index.append(image.size(), static_cast<std::uint32_t>(frame.stored.size()),
                       frame.logical_bytes, frame.checksum);
    image.insert(image.end(), frame.stored.begin(), frame.stored.end());
  }
  after.base_limit = after.index.logical_bytes();
  const Bytes table = store::seal(after.header, after.index, 0);
  image.insert(image.end(), table.begin(), table.end());
  const Bytes header = encode_container_header(after.header);
  const bool in_one = after.header.is_short;
  std::ranges::copy(in_one ? header : encode_container_header(unsealed), image.begin());
  data_unsynced_ = true;
  const bool has_remains = std::exchange(has_remains_, true);
  backing().write_at(0, image);
  if (has_remains && backing().size() != image.size()) backing().truncate(image.size());
  if (!in_one) backing().write_at(0, header);
  has_remains_ = table_stale_ = append_failed_ = false;
  services_.statistics.add(Count::kFilesFirstStoredCompressed);
  WriterLock lock(state_mutex_);
  state_ = std::move(after);
  lowest_bytes_ = state_.base_limit;
  overlay_.clear();
  account_memory();
}

// Stores the full chunks that follow the frames without a gap.
void StoredFile::stream_out() {
  if (seen().form == Form::kEmpty) decide_settings();
  const State& state = seen();
  if (state.form == Form::kRaw || state.base_limit != state.index.logical_bytes()) return;
  const std::uint64_t begin = state.base_limit;
  std::uint64_t end = begin;
  const auto& pieces = seen_overlay().pieces();
  for (auto it = seen_overlay().first_touching(begin); it != pieces.end() && it->first <= end;
       ++it) {
    end = it->first + it->second.bytes;
  }
  end = floor_to(end, state.header.chunk_bytes);
  if (end <= begin) return;
  if (state.form == Form::kContainer) {
    if (state.header.is_short) return merge();
    // After a failure the next write is to find out at once whether it would fail again.
    const bool at_once = append_failed_ || all_hold_too_much();
    const std::uint64_t started = std::max(begin, underway_.range().end());
    const bool much = end > started + kMostUnderwayBytes;
    if (underway_.are_possible() && !at_once && !much && start_frames(end) == end) {
      store_frames_underway(kMostUnderwayBytes);
    } else {
      append_frames(end);
    }
    return;
  }
  if (must_be_raw()) return stream_as_raw();
  std::vector<NewFrame> frames = encode_all({begin, end - begin}, seen().header.level);
  if (sum_of(frames) * kWorthDenominator > end * kWorthNumerator && may_be_raw())
    return stream_as_raw();
  {
    WriterLock lock(state_mutex_);
    state_.form = Form::kContainer;
    state_.header.is_short = false;  // there may be more to come
    state_.header.generation = services_.new_generation();
  }
  has_remains_ = true;
  try {
    write_appended(frames);
  } catch (...) {
    // Undecided again: until it is stored, another policy may come, and its dictionary go.
    WriterLock lock(state_mutex_);
    state_.form = Form::kEmpty;
    throw;
  }
  has_remains_ = false;
  services_.statistics.add(Count::kFilesFirstStoredCompressed);
}

void StoredFile::stream_as_raw() {
  store_as_raw();
  needs_flush_ = false;
  reconsider_form_ = needs_settling_ = true;
}

std::uint64_t StoredFile::start_frames(std::uint64_t logical_end) {
  ReaderLock lock(state_mutex_);
  if (underway_.range().offset != state_.base_limit) underway_.drop();
  const FrameRecipe how = recipe(state_.header, state_.header.level);
  std::uint64_t at = underway_.empty() ? state_.base_limit : underway_.range().end();
  while (at < logical_end) {
    const std::uint64_t end = floor_to(at, state_.header.chunk_bytes) + state_.header.chunk_bytes;
    if (next_data(at) >= end) break;
    Buffer content(static_cast<std::size_t>(end - at));
    load_content(at, content.span());
    if (all_zeros(content.span())) break;
    underway_.start(at, std::move(content), how);
    at = end;
  }
  account_memory();
  return at;
}

void StoredFile::store_frames_underway(std::uint64_t most_bytes_left) {
  if (underway_.range().offset != seen().base_limit) underway_.drop();
  std::vector<NewFrame> frames;
  while (underway_.first_is_ready() || underway_.range().bytes > most_bytes_left) {
    frames.push_back(underway_.take_first());
    count_frame(frames.back());
  }
  if (frames.empty()) return;
  {
    WriterLock lock(state_mutex_);
    account_memory();
  }
  write_appended(frames);
}

void StoredFile::drop_frames_underway() {
  underway_.drop();
  WriterLock lock(state_mutex_);
  account_memory();
}

void StoredFile::append_frames(std::uint64_t logical_end) {
  store_frames_underway(0);
  while (seen().index.logical_bytes() < logical_end) {
    const std::uint64_t begin = seen().index.logical_bytes();
    std::uint64_t end = 0;
    {
      ReaderLock lock(state_mutex_);
      const std::uint64_t chunk = state_.header.chunk_bytes;
      const std::uint64_t zeros_end = floor_to(next_data(begin), chunk);
      const std::uint64_t step = std::max(kAppendStepBytes, chunk);
      end = std::min(logical_end, std::max(zeros_end, floor_to(begin + step, chunk)));
    }
    std::vector<NewFrame> frames = encode_all({begin, end - begin}, seen().header.level);
    write_appended(frames);
  }
}

void StoredFile::write_appended(std::vector<NewFrame>& frames) {
  const State& state = seen();
  const bool first = state.index.empty();
  const std::uint64_t begin = first ? 0 : state.index.frames_end();
  Bytes out;
  if (first) out = encode_container_header(state.header);
  for (const NewFrame& frame : frames) {
    out.insert(out.end(), frame.stored.begin(), frame.stored.end());
  }
  table_stale_ = data_unsynced_ = true;
  append_failed_ = true;  // until it has not
  backing().write_at(begin, out);
  append_failed_ = false;
  const std::uint64_t unwritten = floor_to(begin, kWritebackBytes);
  const std::uint64_t complete = floor_to(begin + out.size(), kWritebackBytes);
  if (complete > unwritten) backing().begin_writeback({unwritten, complete - unwritten});
  WriterLock lock(state_mutex_);
  const std::uint64_t from = state_.index.logical_bytes();
  for (const NewFrame& frame : frames) {
    state_.index.append(state_.index.frames_end(), static_cast<std::uint32_t>(frame.stored.size()),
                        frame.logical_bytes, frame.checksum);
  }
  state_.base_limit = state_.index.logical_bytes();
  lowest_bytes_ = std::max(lowest_bytes_, state_.base_limit);
  overlay_.erase({from, state_.base_limit - from});
  account_memory();
}

void StoredFile::seal() {
  ContainerHeader header = seen().header;
  const Bytes table = store::seal(header, seen().index, durable_bytes_);
  data_unsynced_ = true;
  backing().write_at(seen().index.frames_end(), table);
  if (backing().size() > header.stored_bytes) backing().truncate(header.stored_bytes);
  backing().write_at(0, encode_container_header(header));
  table_stale_ = false;
  WriterLock lock(state_mutex_);
  state_.header = header;
}

void StoredFile::decide_settings() {
  const std::uint64_t bytes = seen().logical_bytes;
  Settings settings = services_.options.settings;
  try {
    settings = services_.policy.settings_for(backing(), bytes);
  } catch (const std::system_error& error) {
    // Content is stored, whoever cannot tell how it was to be.
    log(LogLevel::kWarning,
        backing().path_hint() + ": stored as the mount's options say: " + error.what());
  }
  wanted_form_ = settings.form;
  WriterLock lock(state_mutex_);
  ContainerHeader& header = state_.header;
  put_settings(settings, header);
  fit_header(header, bytes);
}

void StoredFile::fit_header(ContainerHeader& header, std::uint64_t logical_bytes) {
  header.is_short = header.may_be_short(logical_bytes);
  while (header.chunk_bytes < kMaxChunkBytes &&
         most_logical_bytes(header.chunk_bytes) < logical_bytes) {
    header.chunk_bytes = std::min(2 * header.chunk_bytes, kMaxChunkBytes);
  }
}

FrameRecipe StoredFile::recipe(const ContainerHeader& header, int level) const {
  FrameRecipe how{.level = level,
                  .dictionary = nullptr,
                  .long_distance_matching = header.long_distance_matching};
  const std::uint32_t id = header.dictionary_id;
  if (id == 0) return how;
  try {
    how.dictionary = services_.dictionaries.digested_for(id, level);
  } catch (const MissingDictionaryError& error) {
    // Better larger than not at all.
    if (services_.dictionaries.is_newly_missing(id)) {
      log(LogLevel::kWarning,
          backing_->path_hint() +
              ": compressed without its dictionary, as others may be: " + error.what());
    }
  }
  return how;
}

std::vector<NewFrame> StoredFile::encode_all(ByteRange range, int level) {
  std::vector<NewFrame> frames;
  ReaderLock lock(state_mutex_);
  encode_range(range, state_.header, level,
               [&frames](NewFrame&& frame) { frames.push_back(std::move(frame)); });
  return frames;
}

void StoredFile::encode_range(ByteRange range, const ContainerHeader& header, int level,
                              const FrameSink& sink) {
  const std::uint64_t chunk = header.chunk_bytes;
  const FrameRecipe how = recipe(header, level);
  const std::size_t batch = std::size_t{4} * services_.pool.threads();
  std::uint64_t zeros = 0;
  const auto end_zeros = [&zeros, &sink] {
    for (std::uint64_t n = 0; zeros > 0; zeros -= n) {
      n = std::min(zeros, kMaxZeroFrameBytes);
      sink({static_cast<std::uint32_t>(n), zeros_checksum(n), encode_zero_frame(n)});
    }
  };
  std::uint64_t at = range.offset;
  while (at < range.end()) {
    const std::uint64_t data = std::min(next_data(at), range.end());
    const std::uint64_t zeros_end = data == range.end() ? data : floor_to(data, chunk);
    if (zeros_end > at) {
      zeros += zeros_end - at;
      at = zeros_end;
      continue;
    }
    std::vector<ByteRange> parts;
    while (parts.size() < batch && at < range.end()) {
      const std::uint64_t end = std::min(range.end(), floor_to(at, chunk) + chunk);
      parts.push_back({at, end - at});
      at = end;
    }
    std::vector<NewFrame> frames(parts.size());
    services_.pool.for_each(parts.size(),
                            [&](std::size_t i) { frames[i] = encode_chunk(parts[i], how); });
    for (NewFrame& frame : frames) {
      if (frame.stored.empty()) {
        zeros += frame.logical_bytes;
      } else {
        end_zeros();
        sink(std::move(frame));
      }
    }
  }
  end_zeros();
}

NewFrame StoredFile::encode_chunk(ByteRange range, const FrameRecipe& recipe) {
  thread_local Bytes content;
  content.resize(static_cast<std::size_t>(range.bytes));
  load_content(range.offset, content);
  NewFrame frame = make_frame(content, recipe);
  count_frame(frame);
  return frame;
}

void StoredFile::count_frame(const NewFrame& frame) {
  if (frame.stored.empty()) return;
  services_.statistics.add(Count::kContentBytesCompressed, frame.logical_bytes);
  services_.statistics.add(Count::kFrameBytesMade, frame.stored.size());
}

}  // namespace zstdfs::store
