// StoredFile: what applications change, up to the point where it is in memory (or, for raw files,
// in the backing file).

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "fs/store/stored_file.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

// Full chunks that follow the frames are stored once there are this many bytes of them: enough for
// all threads, and small files that are not written from front to back are complete by then.
constexpr std::uint64_t kStreamBytes = 2u << 20;
// Changes of one file that are held in memory before they are merged or stored.
constexpr std::uint64_t kMaxFileOverlayBytes = 16u << 20;
// When all files together hold too much, those with more than this give theirs up.
constexpr std::uint64_t kWorthCommittingBytes = 1u << 20;
// When they hold half as much again, because they are very many, those with more than this.
constexpr std::uint64_t kWorthCommittingInNeedBytes = 64u << 10;
// Half of what the seekable format can address with frames of the smallest chunk.
constexpr std::uint64_t kMaxLogicalBytesPerChunkByte = std::uint64_t{1} << 26;

}  // namespace

void StoredFile::begin_change(std::uint64_t logical_end) {
  if (services_.options.read_only || !backing().writable()) {
    throw std::system_error(EROFS, std::generic_category());
  }
  finish_rewrite();
  if (seen().form != Form::kRaw && logical_end > most_logical_bytes()) {
    throw std::system_error(EFBIG, std::generic_category());
  }
  services_.changed = backing_changed_ = true;
  changed_last_too_ = services_.changed_last.exchange(this) == this;
  ++changes_;
}

std::uint64_t StoredFile::most_logical_bytes(std::uint32_t chunk_bytes) {
  return kMaxLogicalBytesPerChunkByte * chunk_bytes;
}

std::uint64_t StoredFile::most_logical_bytes() const {
  return most_logical_bytes(seen().form == Form::kContainer
                                ? seen().header.chunk_bytes
                                : services_.options.settings.chunk_bytes);
}

void StoredFile::refuse_if_damaged() {
  if (!seen().damaged) return;
  throw CorruptError(seen().index.frames_end(),
                     "a damaged file is not changed; truncate it to "
                     "nothing, or restore it");
}

// By the lower filesystem and not from a clock of ours: it stamps raw files and directories, and
// may do so more finely than the clock that can be asked. Of two files that are changed one after
// the other, the second must not seem to be the older one. Within a tick, a time that nobody has
// seen yet may stay, unless another file has got one since: it may be later in that tick.
void StoredFile::stamp() {
  const timespec tick = services_.volume.now();
  if (changed_last_too_ && !times_seen_ && is_same(tick, stamped_at_)) return;
  times_seen_ = false;
  backing().set_modification_time({.tv_sec = 0, .tv_nsec = UTIME_NOW});
  services_.change_times.show(key_);
  stamped_at_ = tick;
}

void StoredFile::changed_in_memory(std::uint64_t unchanged_below) {
  if (underway_.range().end() > unchanged_below) underway_.drop();
  needs_flush_ = true;
  account_memory();
}

void StoredFile::account_memory() {
  const std::uint64_t now = overlay_.memory_bytes() + underway_.range().bytes;
  const std::uint64_t before = accounted_bytes_.exchange(now);
  services_.overlay_bytes += now - before;
}

void StoredFile::grow_to(std::uint64_t logical_bytes) {
  if (logical_bytes <= state_.logical_bytes) return;
  state_.logical_bytes = logical_bytes;
  size_changed_ = true;
}

void StoredFile::write(std::uint64_t logical_offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  MutexLock changing(write_mutex_);
  const std::uint64_t end = logical_offset + bytes.size();
  if (end < logical_offset) throw std::system_error(EFBIG, std::generic_category());
  begin_change(end);
  refuse_if_damaged();
  // Before the bytes are taken: a write that is refused for want of room has not been made. There
  // is something to do only when it failed after the write before.
  relieve_memory();
  if (seen().form == Form::kRaw) {
    if (!would_look_like_container(logical_offset, bytes)) {
      write_raw(logical_offset, bytes);
      services_.statistics.add(Count::kBytesWritten, bytes.size());
      return;
    }
    make_container();
  }
  stamp();
  {
    WriterLock lock(state_mutex_);
    overlay_.write(logical_offset, bytes);
    grow_to(end);
    changed_in_memory(logical_offset);
  }
  services_.statistics.add(Count::kBytesWritten, bytes.size());
  try {
    relieve_memory();
  } catch (const std::exception&) {
    // This write has been made. The next one, a flush, or a sync says what is wrong.
  }
}

bool StoredFile::would_look_like_container(std::uint64_t offset, ByteSpan bytes) {
  if (offset >= kContainerHeaderBytes) return false;
  std::array<std::byte, kContainerHeaderBytes> prefix{};
  const auto at = static_cast<std::size_t>(offset);
  const std::size_t count = std::min(bytes.size(), prefix.size() - at);
  const std::size_t there = backing().read_at(0, prefix);
  std::copy_n(bytes.begin(), count, prefix.begin() + at);
  return restore_container_signature(MutableByteSpan(prefix).first(std::max(there, at + count)));
}

ByteRange StoredFile::growth_to(std::uint64_t logical_bytes) {
  const std::uint64_t now = seen().logical_bytes;
  return {now, std::max(now, logical_bytes) - now};
}

bool StoredFile::stays_raw_when_zeroed(ByteRange range) {
  if (seen().form != Form::kRaw) return false;
  const std::array<std::byte, kContainerHeaderBytes> zeros{};
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(range.bytes, zeros.size()));
  if (!would_look_like_container(range.offset, ByteSpan(zeros).first(count))) return true;
  make_container();
  return false;
}

void StoredFile::make_container() {
  decide_settings();
  compress_raw(/*required=*/true);
}

void StoredFile::write_raw(std::uint64_t offset, ByteSpan bytes) {
  reconsider_form_ = true;
  needs_settling_ = true;
  change_raw([&](os::File& file) { file.write_at(offset, bytes); });
  WriterLock lock(state_mutex_);
  state_.logical_bytes = std::max(state_.logical_bytes, offset + bytes.size());
}

// On a full disk a change may be made in part, and the backing file be longer than what
// applications were told: a later growth would show what was refused, and so would the next mount.
void StoredFile::change_raw(const std::function<void(os::File&)>& change) {
  data_unsynced_ = true;
  try {
    change(backing());
  } catch (const std::system_error&) {
    if (backing().size() > seen().logical_bytes) backing().truncate(seen().logical_bytes);
    throw;
  }
}

void StoredFile::truncate(std::uint64_t logical_bytes) {
  MutexLock changing(write_mutex_);
  begin_change(logical_bytes);
  const State& state = seen();
  if (logical_bytes == 0 && (state.form != Form::kEmpty || has_remains_)) {
    truncate_to_nothing();
    return;
  }
  refuse_if_damaged();
  if (stays_raw_when_zeroed(growth_to(logical_bytes))) {
    data_unsynced_ = true;
    reconsider_form_ = needs_settling_ = true;
    backing().truncate(logical_bytes);
    WriterLock lock(state_mutex_);
    state_.logical_bytes = logical_bytes;
    return;
  }
  stamp();
  WriterLock lock(state_mutex_);
  overlay_.erase_from(logical_bytes);
  state_.base_limit = std::min(state_.base_limit, logical_bytes);
  state_.logical_bytes = logical_bytes;
  lowest_bytes_ = std::min(lowest_bytes_, logical_bytes);
  size_changed_ = true;
  changed_in_memory();
}

// As on a native disk, the content is gone at once. The write log does not fit any container of
// this file that follows; but a loss of power may bring the old one back, which needs it.
void StoredFile::truncate_to_nothing() {
  data_unsynced_ = true;
  {
    WriterLock lock(state_mutex_);
    backing_->truncate(0);
    has_remains_ = false;
    state_ = State{};
    state_.content_id = services_.next_content_id++;
    overlay_.clear();
    underway_.drop();
    account_memory();
  }
  table_stale_ = must_merge_ = size_changed_ = reconsider_form_ = append_failed_ = false;
  durable_bytes_ = lowest_bytes_ = logged_base_bytes_ = merge_from_log_bytes_ = 0;
  needs_flush_ = needs_settling_ = false;
  if (log_) log_->retire();
  log_.reset();
}

void StoredFile::allocate(ByteRange range, os::AllocateKind kind) {
  MutexLock changing(write_mutex_);
  begin_change(range.end());
  refuse_if_damaged();
  if (stays_raw_when_zeroed(growth_to(kind == os::AllocateKind::kGrow ? range.end() : 0))) {
    change_raw([&](os::File& file) { file.allocate(range, kind); });
    if (kind == os::AllocateKind::kKeepSize) return;
    WriterLock lock(state_mutex_);
    state_.logical_bytes = std::max(state_.logical_bytes, range.end());
    return;
  }
  stamp();
  if (kind == os::AllocateKind::kKeepSize) return;
  WriterLock lock(state_mutex_);
  grow_to(range.end());
  changed_in_memory();
}

void StoredFile::punch_hole(ByteRange range) {
  MutexLock changing(write_mutex_);
  begin_change(0);
  refuse_if_damaged();
  relieve_memory();
  if (stays_raw_when_zeroed(range)) {
    data_unsynced_ = true;
    backing().punch_hole(range);
    return;
  }
  const std::uint64_t end = std::min(range.end(), seen().logical_bytes);
  stamp();
  if (range.offset >= end) return;
  WriterLock lock(state_mutex_);
  overlay_.write_zeros({range.offset, end - range.offset});
  changed_in_memory();
}

void StoredFile::zero_range(ByteRange range, os::AllocateKind kind) {
  MutexLock changing(write_mutex_);
  begin_change(range.end());
  refuse_if_damaged();
  relieve_memory();
  const bool grows = kind == os::AllocateKind::kGrow;
  if (stays_raw_when_zeroed(range)) {
    change_raw([&](os::File& file) {
      file.punch_hole(range);
      file.allocate(range, kind);
    });
    WriterLock lock(state_mutex_);
    if (grows) state_.logical_bytes = std::max(state_.logical_bytes, range.end());
    return;
  }
  stamp();
  WriterLock lock(state_mutex_);
  if (grows) grow_to(range.end());
  const std::uint64_t end = std::min(range.end(), state_.logical_bytes);
  if (range.offset < end) overlay_.write_zeros({range.offset, end - range.offset});
  changed_in_memory();
}

void StoredFile::relieve_memory() {
  if (append_failed_) drop_frames_underway();
  // Of what is underway already, no more need be said.
  if (seen_overlay().memory_bytes() < worth_committing() + underway_.range().bytes) return;
  unseen([this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS { store_early(); });
}

std::uint64_t StoredFile::worth_committing() const {
  const std::uint64_t bound = services_.options.overlay_bytes;
  const bool in_need = services_.overlay_bytes > bound + bound / 2;
  return in_need ? kWorthCommittingInNeedBytes : kWorthCommittingBytes;
}

// What can be stored for good is, and a file with too many other changes is merged.
void StoredFile::store_early() {
  if (seen_overlay().memory_bytes() >= kStreamBytes || holds_too_much()) stream_out();
  if (!holds_too_much()) return;
  store_frames_underway(0);
  if (holds_too_much()) store_for_good();
}

bool StoredFile::holds_too_much() const {
  const std::uint64_t held = seen_overlay().memory_bytes();
  return held >= kMaxFileOverlayBytes || (all_hold_too_much() && held > worth_committing());
}

bool StoredFile::all_hold_too_much() const {
  return services_.overlay_bytes > services_.options.overlay_bytes;
}

void StoredFile::store_for_good() {
  if (seen().form == Form::kEmpty) {
    first_commit();
  } else {
    merge();
  }
}

void StoredFile::give_up_memory() {
  MutexLock changing(write_mutex_);
  if (services_.options.read_only || seen_overlay().empty()) return;
  finish_rewrite();
  unseen([this]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    stream_out();
    store_frames_underway(0);
    if (!seen_overlay().empty() && all_hold_too_much()) store_for_good();
  });
}

}  // namespace zstdfs::store
