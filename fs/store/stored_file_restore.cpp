// StoredFile: how a write log that an interrupted daemon left is taken up, and how what is in the
// journal is given up with the file.

#include <algorithm>
#include <system_error>

#include "fs/store/stored_file.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::store {

bool StoredFile::ends_with_frame(std::uint64_t logical_bytes) const {
  const auto next = state_.index.find(logical_bytes);
  return !next || state_.index[*next].logical_offset == logical_bytes;
}

bool StoredFile::is_in_hole(std::uint64_t logical_bytes) const {
  const auto frame = state_.index.find(logical_bytes);
  return frame && is_zero_run(state_.index[*frame]);
}

// Pieces have no overflow: that was looked at when they were decoded.
bool StoredFile::is_sound(const LogSizes& sizes, const Overlay::Pieces& pieces) const {
  const std::uint64_t frames_hold = state_.index.logical_bytes();
  if (sizes.logical_bytes > std::max(most_logical_bytes(), frames_hold)) return false;
  const bool pieces_fit = std::all_of(pieces.begin(), pieces.end(), [&sizes](const auto& entry) {
    return entry.first + entry.second.bytes <= sizes.logical_bytes;
  });
  if (!pieces_fit) return false;
  // The frames that this batch builds on were never synced and are gone, and so was the batch.
  if (sizes.base_bytes > frames_hold) return false;
  // No daemon has written what follows from others; but a repair may have made one hole of several
  // frames.
  return sizes.base_bytes != 0 &&
         (ends_with_frame(sizes.base_bytes) || is_in_hole(sizes.base_bytes));
}

void StoredFile::take_up_batch(const LogSizes& sizes, const Overlay::Pieces& pieces,
                               std::uint64_t& base_bytes) {
  if (sizes.base_bytes > base_bytes) {
    overlay_.erase({base_bytes, sizes.base_bytes - base_bytes});
    // Frames are appended only while none of them is truncated away.
    base_bytes = state_.base_limit = sizes.base_bytes;
  }
  overlay_.erase_from(sizes.lowest_bytes);
  state_.base_limit = std::min(state_.base_limit, sizes.lowest_bytes);
  for (const auto& [offset, piece] : pieces) {
    if (piece.is_zero()) {
      overlay_.write_zeros({offset, piece.bytes});
    } else {
      overlay_.write(offset, piece.data);
    }
  }
  state_.logical_bytes = sizes.logical_bytes;
  state_.base_limit = std::min(state_.base_limit, state_.logical_bytes);
}

bool StoredFile::restore_log(const std::string& journal_name) {
  MutexLock changing(write_mutex_);
  const auto file = services_.journal.open(journal_name, os::OpenMode::kRead);
  if (!file || seen().form != Form::kContainer || seen().damaged) return false;
  std::uint64_t records_offset = 0;
  const auto head = read_journal_head(*file, JournalKind::kWriteLog, records_offset);
  if (!head || head->generation != seen().header.generation) return false;
  const std::uint64_t frames_hold = seen().index.logical_bytes();
  std::uint64_t base_bytes = 0;
  bool refused = false;
  WriterLock lock(state_mutex_);
  const auto content = read_write_log(
      *file, [&](const LogSizes& sizes, Overlay::Pieces&& pieces) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
        refused = !is_sound(sizes, pieces);
        if (!refused) take_up_batch(sizes, pieces, base_bytes);
        return !refused;
      });
  if (!content || content->batches == 0) {
    overlay_.clear();
    state_.base_limit = state_.logical_bytes = frames_hold;
    return false;
  }
  if (base_bytes < frames_hold) drop_frames_behind(base_bytes);
  overlay_.mark_all_logged();
  account_memory();
  logged_base_bytes_ = base_bytes;
  lowest_bytes_ = state_.logical_bytes;
  if (services_.options.read_only) return true;
  log_ = std::make_unique<WriteLog>(services_.journal, journal_name, content->head.nonce,
                                    content->end_offset, content->batches);
  // Frames may come in the place of those that a refused batch builds on. One that is torn never
  // becomes whole.
  if (refused) log_->drop_rest();
  needs_settling_ = true;
  return true;
}

// They were never promised, and readers do not see them. The next batch will build on all frames,
// so these must be gone; and for good, or others that come in their place could be lost again, and
// these be taken for them.
void StoredFile::drop_frames_behind(std::uint64_t logical_bytes) {
  must_merge_ = !ends_with_frame(logical_bytes);
  if (must_merge_) return;
  state_.index.keep_first(*state_.index.find(logical_bytes));
  state_.content_id = services_.next_content_id++;
  durable_bytes_ = std::min(durable_bytes_, state_.index.frames_end());
  table_stale_ = true;
  if (services_.options.read_only) return;
  ContainerHeader& header = state_.header;
  const bool vouches_for_them = header.durable_bytes > durable_bytes_;
  header.durable_bytes = durable_bytes_;
  header.logical_bytes = header.stored_bytes = 0;  // not sealed
  try {
    const timespec modified = backing_->stat().st_mtim;
    backing_->write_at(0, encode_container_header(header));
    backing_->sync(os::SyncKind::kData);
    backing_->truncate(state_.index.frames_end());
    backing_->sync(os::SyncKind::kData);
    backing_->set_modification_time(modified);
  } catch (const std::system_error&) {
    if (vouches_for_them) throw;  // It would for others, too.
  }
}

void StoredFile::discard() {
  MutexLock changing(write_mutex_);
  std::string redo_name;
  {
    WriterLock lock(state_mutex_);
    if (pending_) redo_name = pending_->redo_name;
    pending_.reset();
    overlay_.clear();
    underway_.drop();
    account_memory();
  }
  if (log_) log_->retire();
  log_.reset();
  if (!redo_name.empty()) services_.journal.retire(redo_name);
  needs_flush_ = needs_settling_ = false;
}

}  // namespace zstdfs::store
