// StoredFile: rewriting a container so that its frames hold all changes, through a redo file.

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "fs/store/redo.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/stored_file.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

constexpr std::uint32_t kPaddingMagic = 0x184D2A56u;
constexpr std::uint64_t kPaddingHeaderBytes = 8;
// A frame that has to move leaves room behind its predecessor, so that the next rewrite of that one
// does not move everything again; all room together stays below a fifth of the frames.
constexpr std::uint64_t kFrameBytesPerSlackByte = 16;
constexpr std::uint64_t kMinSlackBytes = 64;
constexpr std::uint64_t kFrameBytesPerPaddingByte = 5;
constexpr std::size_t kCopyBytes = 1u << 20;
// A frame that outgrows its place is compressed harder rather than moving all that follows, where
// that is at least so many times as much: a chunk takes as long as a few MiB take to be moved.
constexpr int kFittingLevel = 19;
constexpr std::uint64_t kMovedBytesPerFittedByte = 64;

std::uint64_t floor_to(std::uint64_t value, std::uint64_t unit) {
  return value - value % unit;
}

}  // namespace

// Lays out the new frames: in logical order, each either where it was or moved, with padding where
// that saves moving what follows. Writes to the redo file what the backing file has to get.
class StoredFile::Rewriter {
 public:
  Rewriter(const os::File& backing, RedoWriter& redo) : backing_(backing), redo_(redo) {}

  /// A frame of the old container that stays as it is. The one before it in the old container must
  /// have been handed over before.
  void keep(const FrameEntry& frame) {
    if (frame.stored_offset != end_) {
      const bool reachable =
          frame.stored_offset > end_ && (last_stayed_ || can_pad_to(frame.stored_offset));
      if (!reachable) {
        leave_slack();
        move(frame);
        return;
      }
      // Between two frames that stay, the padding is there already.
      if (!last_stayed_) write_padding(frame.stored_offset);
      padding_ += frame.stored_offset - end_;
    }
    append(frame.stored_offset, frame);
    last_stayed_ = true;
  }

  void add(NewFrame&& frame) {
    redo_.add(end_, frame.stored);
    append(end_, {0, 0, static_cast<std::uint32_t>(frame.stored.size()), frame.logical_bytes,
                  frame.checksum});
    last_stayed_ = false;
  }

  void add_zeros(std::uint64_t bytes) {
    for (std::uint64_t n = 0; bytes > 0; bytes -= n) {
      n = std::min(bytes, kMaxZeroFrameBytes);
      add({static_cast<std::uint32_t>(n), zeros_checksum(n), encode_zero_frame(n)});
    }
  }

  /// Whether frames of so many stored bytes would leave one of the old container where it is.
  bool fits(std::uint64_t stored_bytes, const FrameEntry& next) const {
    const std::uint64_t end = end_ + stored_bytes;
    return end == next.stored_offset || end + kPaddingHeaderBytes <= next.stored_offset;
  }

  const FrameIndex& index() const { return index_; }

 private:
  bool can_pad_to(std::uint64_t stored_offset) const {
    if (stored_offset < end_ + kPaddingHeaderBytes) return false;
    return within_budget(stored_offset - end_);
  }

  bool within_budget(std::uint64_t padding) const {
    return padding_ + padding <= (end_ - padding_) / kFrameBytesPerPaddingByte;
  }

  void leave_slack() {
    if (index_.empty()) return;
    const std::uint64_t last_bytes = index_[index_.size() - 1].stored_bytes;
    const std::uint64_t slack = std::max(kMinSlackBytes, last_bytes / kFrameBytesPerSlackByte);
    if (!within_budget(slack)) return;
    write_padding(end_ + slack);
    padding_ += slack;
    end_ += slack;
  }

  /// Only the skippable frame's header is written; what the gap holds does not matter.
  void write_padding(std::uint64_t until) {
    Bytes header;
    append_le(header, kPaddingMagic);
    append_le(header, static_cast<std::uint32_t>(until - end_ - kPaddingHeaderBytes));
    redo_.add(end_, header);
  }

  void move(const FrameEntry& frame) {
    Bytes bytes;
    for (std::uint64_t done = 0; done < frame.stored_bytes; done += bytes.size()) {
      bytes.resize(
          std::min<std::size_t>(kCopyBytes, static_cast<std::size_t>(frame.stored_bytes - done)));
      if (backing_.read_at(frame.stored_offset + done, bytes) < bytes.size()) {
        throw CorruptError(frame.stored_offset, "the file ends within a frame");
      }
      redo_.add(end_ + done, bytes);
    }
    append(end_, frame);
    last_stayed_ = false;
  }

  void append(std::uint64_t stored_offset, const FrameEntry& frame) {
    index_.append(stored_offset, frame.stored_bytes, frame.logical_bytes, frame.checksum);
    end_ = index_.frames_end();
  }

  const os::File& backing_;
  RedoWriter& redo_;
  FrameIndex index_;
  std::uint64_t end_ = kContainerHeaderBytes;  // stored offset behind what is placed
  std::uint64_t padding_ = 0;
  bool last_stayed_ = false;  // the last frame is where it was in the old container
};

void StoredFile::merge() {
  refuse_if_damaged();
  finish_rewrite();
  std::string redo_name;
  State after;
  {
    ReaderLock lock(state_mutex_);
    RedoWriter redo(services_.journal, journal_target());
    after = plan_merge(redo);
    const std::uint64_t target_bytes =
        after.form == Form::kContainer ? after.header.stored_bytes : after.logical_bytes;
    redo_name = redo.finish(*backing_, target_bytes, modification_time());
  }
  rewrite(std::move(redo_name), std::move(after));
}

void StoredFile::rewrite(std::string redo_name, State after) {
  {
    WriterLock lock(state_mutex_);
    pending_ = PendingRewrite{std::move(redo_name), std::move(after)};
    needs_settling_ = needs_flush_ = true;  // should it fail, it is tried again
  }
  finish_rewrite();
}

StoredFile::State StoredFile::plan_merge(RedoWriter& redo) {
  State after;
  after.content_id = services_.next_content_id++;
  after.logical_bytes = state_.logical_bytes;
  after.header = state_.header;
  if (state_.logical_bytes <= services_.block_bytes && !begins_like_container()) {
    after.form = state_.logical_bytes == 0 ? Form::kEmpty : Form::kRaw;
    Bytes content(static_cast<std::size_t>(state_.logical_bytes));
    load_content(0, content);
    redo.add(0, content);
    return after;
  }
  after.form = Form::kContainer;
  Rewriter rewriter(*backing_, redo);
  std::uint64_t done = 0;
  const std::vector<ByteRange> ranges = ranges_to_encode();
  const bool fitting = bytes_to_move(ranges) == 0;
  for (const ByteRange& range : ranges) {
    keep_frames(rewriter, {done, range.offset - done});
    if (fitting) {
      encode_to_fit(rewriter, range);
    } else {
      encode_range(range, after.header.level,
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

void StoredFile::keep_frames(Rewriter& rewriter, ByteRange range) {
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
  return changed <= following / kMovedBytesPerFittedByte ? 0 : following;
}

void StoredFile::encode_to_fit(Rewriter& rewriter, ByteRange range) {
  std::vector<NewFrame> frames;
  const auto encode = [&](int level) ZSTDFS_REQUIRES_SHARED(state_mutex_) {
    frames.clear();
    std::uint64_t stored_bytes = 0;
    encode_range(range, level, [&](NewFrame&& frame) {
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
    const std::uint64_t end = std::min(floor_to(to + chunk - 1, chunk), state_.logical_bytes);
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

void StoredFile::apply_rewrite(const std::string& redo_name) {
  const OpenRedo redo = open_redo(services_.journal, redo_name);
  // Until a byte is changed, readers need not notice that it failed.
  reserve(backing(), redo.content.target_bytes);
  WriterLock lock(state_mutex_);
  pending_->progress = PendingRewrite::Progress::kBegun;
  apply_redo(*redo.file, redo.content, *backing_);
  state_ = std::move(pending_->after);
  overlay_.clear();
  account_memory();
  pending_->progress = PendingRewrite::Progress::kApplied;
}

// May be called again after it failed: until the redo file is gone, and that for good, nothing else
// may change the file.
void StoredFile::finish_rewrite() {
  std::string redo_name;
  bool applied = false;
  {
    ReaderLock lock(state_mutex_);
    if (!pending_) return;
    redo_name = pending_->redo_name;
    applied = pending_->progress == PendingRewrite::Progress::kApplied;
  }
  if (!applied) apply_rewrite(redo_name);
  try {
    backing().sync(os::SyncKind::kData);
  } catch (const std::system_error&) {
    // What the kernel could not write it takes for written; see os::sync_or_write_again().
    const OpenRedo redo = open_redo(services_.journal, redo_name);
    apply_redo(*redo.file, redo.content, backing());
    throw;
  }
  if (log_) log_->remove();
  log_.reset();
  services_.journal.remove(redo_name);
  services_.journal.sync_directory();
  WriterLock lock(state_mutex_);
  pending_.reset();
  data_unsynced_ = table_stale_ = size_changed_ = reconsider_form_ = false;
  needs_flush_ = false;
  lowest_bytes_ = state_.logical_bytes;
  durable_bytes_ = state_.header.durable_bytes;
}

}  // namespace zstdfs::store
