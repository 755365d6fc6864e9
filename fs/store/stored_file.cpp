#include "fs/store/stored_file.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "fs/store/log.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

constexpr std::size_t kFirstReadBytes = 16u << 10;

/// A file whose beginning is read at once: that tells what the file is, and of most it is all.
/// Where that fails, what is needed of it may still be had.
class ReadFromTheBeginning final : public RandomAccessSource {
 public:
  ReadFromTheBeginning(const RandomAccessSource& file, std::uint64_t size)
      : file_(file),
        size_(size),
        first_(std::make_unique_for_overwrite<std::byte[]>(kFirstReadBytes)) {
    try {
      first_bytes_ = file.read_at(0, {first_.get(), kFirstReadBytes});
    } catch (const std::system_error&) {
      // Whoever needs it asks again, and is told.
    }
  }

  std::uint64_t size() const override { return size_; }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    const std::uint64_t end = std::min<std::uint64_t>(size_, offset + out.size());
    if (end > first_bytes_) return file_.read_at(offset, out);
    if (offset >= end) return 0;
    std::copy_n(first_.get() + offset, end - offset, out.begin());
    return static_cast<std::size_t>(end - offset);
  }

 private:
  const RandomAccessSource& file_;
  const std::uint64_t size_;
  const std::unique_ptr<std::byte[]> first_;
  std::size_t first_bytes_ = 0;
};

MutableByteSpan part(MutableByteSpan out, std::uint64_t from, std::uint64_t to) {
  return out.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
}

void fill_with_zeros(MutableByteSpan out) {
  std::fill(out.begin(), out.end(), std::byte{0});
}

std::system_error no_such_address() {
  return {ENXIO, std::generic_category()};
}

// Nothing else may keep its inode number from becoming another file's.
void keep_open_if_unlinked(os::File& backing) {
  if (backing.stat().st_nlink == 0) backing.keep_open();
}

}  // namespace

StoredFile::StoredFile(FileServices& services, FileKey key, std::unique_ptr<os::File> backing)
    : services_(services), key_(key), backing_(std::move(backing)), underway_(services.pool) {
  MutexLock changing(write_mutex_);
  WriterLock lock(state_mutex_);
  keep_open_if_unlinked(*backing_);
  load();
}

StoredFile::~StoredFile() {
  services_.overlay_bytes -= accounted_bytes_;
}

void StoredFile::load() {
  state_.content_id = services_.next_content_id++;
  const std::uint64_t backing_bytes = backing_->size();
  if (backing_bytes == 0) return;
  const ReadFromTheBeginning backing(*backing_, backing_bytes);
  if (!is_container(backing)) {
    state_.form = Form::kRaw;
    state_.logical_bytes = backing_bytes;
    return;
  }
  LoadedContainer loaded = load_container(backing, services_.dictionaries);
  state_.form = Form::kContainer;
  state_.header = loaded.header;
  state_.index = std::move(loaded.index);
  state_.base_limit = state_.index.logical_bytes();
  state_.logical_bytes = loaded.logical_bytes;
  state_.damaged = loaded.logical_bytes > state_.base_limit;
  table_stale_ = !loaded.sealed;
  durable_bytes_ = std::min(loaded.header.durable_bytes, state_.index.frames_end());
  lowest_bytes_ = state_.logical_bytes;
  if (!loaded.damage.empty()) {
    log(LogLevel::kWarning, backing_->path_hint() + ": " + loaded.damage);
  }
}

std::size_t StoredFile::read(std::uint64_t logical_offset, MutableByteSpan out) {
  ReaderLock lock(state_mutex_);
  return read_locked(logical_offset, out);
}

std::size_t StoredFile::read_locked(std::uint64_t offset, MutableByteSpan out) {
  if (offset >= state_.logical_bytes) return 0;
  const std::uint64_t n = std::min<std::uint64_t>(out.size(), state_.logical_bytes - offset);
  fetch_ahead({.offset = offset, .bytes = n});
  load_content(offset, part(out, 0, n));
  services_.statistics.add(Count::kBytesRead, n);
  return static_cast<std::size_t>(n);
}

void StoredFile::fetch_ahead(ByteRange read) {
  const ByteRange wanted = read_ahead_.note(read);
  if (wanted.empty()) return;
  if (state_.form == Form::kRaw) return backing_->will_read(wanted);
  const auto first = state_.index.find(wanted.offset);
  if (!first) return;
  const auto last = state_.index.find(wanted.end() - 1);
  const std::uint64_t from = state_.index[*first].stored_offset;
  const std::uint64_t to = last ? state_.index[*last].stored_end() : state_.index.frames_end();
  backing_->will_read({.offset = from, .bytes = to - from});
}

void StoredFile::load_content(std::uint64_t offset, MutableByteSpan out) {
  if (state_.form == Form::kRaw) {
    const std::size_t n =
        from_stored([&](const RandomAccessSource& stored) { return stored.read_at(offset, out); });
    fill_with_zeros(out.subspan(n));
    return;
  }
  load_from_frames(offset, out);
  overlay_.lay_over(offset, out);
}

void StoredFile::load_from_frames(std::uint64_t offset, MutableByteSpan out) {
  const std::uint64_t end = offset + out.size();
  if (state_.damaged && end > state_.base_limit) {
    throw CorruptError(state_.index.frames_end(), "the frames end before the file's content does");
  }
  const std::uint64_t limit = std::min(end, state_.base_limit);
  std::uint64_t at = offset;
  auto number = at < limit ? state_.index.find(at) : std::nullopt;
  while (at < limit) {
    const FrameEntry& frame = state_.index[*number];
    const std::uint64_t to = std::min(limit, frame.logical_end());
    if (!overlay_.covers({at, to - at})) {
      load_from_frame(frame, at - frame.logical_offset, part(out, at - offset, to - offset));
    }
    at = to;
    ++*number;
  }
  if (at < end) fill_with_zeros(part(out, at - offset, end - offset));
}

void StoredFile::read_stored_frame(const FrameEntry& frame, MutableByteSpan out) {
  from_stored([&](const RandomAccessSource& stored) {
    read_frame(stored, frame, out, services_.dictionaries);
  });
  services_.statistics.add(Count::kCacheMisses);
  services_.statistics.add(Count::kFrameBytesRead, frame.stored_bytes);
  services_.statistics.add(Count::kContentBytesDecompressed, frame.logical_bytes);
}

// A frame that is wanted as a whole goes straight to where it is wanted; of others, the whole
// content is kept, because the rest will probably be asked for next.
void StoredFile::load_from_frame(const FrameEntry& frame, std::uint64_t skip, MutableByteSpan out) {
  const FrameCache::Key key{state_.content_id, frame.stored_offset};
  FrameCache::Content content = services_.cache.find(key);
  if (!content) {
    if (out.size() == frame.logical_bytes) {
      read_stored_frame(frame, out);
      return;
    }
    if (is_zero_run(frame)) {
      fill_with_zeros(out);
      return;
    }
    if (frame.logical_bytes > kMaxChunkBytes) {
      throw CorruptError(frame.stored_offset, "a frame is larger than the largest chunk");
    }
    auto whole = std::make_shared<Buffer>(frame.logical_bytes);
    read_stored_frame(frame, whole->span());
    content = std::move(whole);
    services_.cache.put(key, content);
  } else {
    services_.statistics.add(Count::kCacheHits);
  }
  std::ranges::copy(content->span().subspan(skip, out.size()), out.begin());
}

bool StoredFile::is_zero_run(const FrameEntry& frame) const {
  return frame.stored_bytes == zero_frame_bytes(frame.logical_bytes) &&
         from_stored(
             [&](const RandomAccessSource& stored) { return is_stored_zero_frame(stored, frame); });
}

std::uint64_t StoredFile::next_data(std::uint64_t offset) const {
  const std::uint64_t end = state_.logical_bytes;
  if (state_.form == Form::kRaw) {
    if (is_being_rewritten()) return std::min(offset, end);  // until then all of it may
    try {
      return offset < end ? backing_->seek_data(offset) : end;
    } catch (const std::system_error& error) {
      if (error.code().value() != ENXIO) throw;
      return end;
    }
  }
  std::uint64_t at = offset;
  while (at < end) {
    const auto piece = overlay_.first_touching(at);
    if (piece != overlay_.pieces().end() && piece->first <= at) {
      if (!piece->second.is_zero()) return at;
      at = piece->first + piece->second.bytes;
      continue;
    }
    const std::uint64_t gap_end = piece == overlay_.pieces().end() ? end : piece->first;
    if (at >= state_.base_limit) {
      if (state_.damaged) return at;
      at = gap_end;
      continue;
    }
    const FrameEntry& frame = state_.index[*state_.index.find(at)];
    if (!is_zero_run(frame)) return at;
    at = std::min({gap_end, frame.logical_end(), state_.base_limit});
  }
  return end;
}

// Precondition: there is data at `offset`.
std::uint64_t StoredFile::end_of_data(std::uint64_t offset) const {
  const std::uint64_t end = state_.logical_bytes;
  if (state_.form == Form::kRaw) return is_being_rewritten() ? end : backing_->seek_hole(offset);
  const auto piece = overlay_.first_touching(offset);
  const bool has_piece = piece != overlay_.pieces().end();
  if (has_piece && piece->first <= offset) return piece->first + piece->second.bytes;
  if (offset >= state_.base_limit) return end;
  const std::uint64_t gap_end = has_piece ? piece->first : end;
  const FrameEntry& frame = state_.index[*state_.index.find(offset)];
  return std::min({gap_end, frame.logical_end(), state_.base_limit});
}

std::uint64_t StoredFile::seek_data(std::uint64_t logical_offset) {
  ReaderLock lock(state_mutex_);
  const std::uint64_t found = next_data(logical_offset);
  if (found >= state_.logical_bytes) throw no_such_address();
  return found;
}

std::uint64_t StoredFile::seek_hole(std::uint64_t logical_offset) {
  ReaderLock lock(state_mutex_);
  if (logical_offset >= state_.logical_bytes) throw no_such_address();
  std::uint64_t at = logical_offset;
  while (at < state_.logical_bytes && next_data(at) == at) at = end_of_data(at);
  return std::min(at, state_.logical_bytes);
}

std::uint64_t StoredFile::logical_bytes() {
  ReaderLock lock(state_mutex_);
  return state_.logical_bytes;
}

struct stat StoredFile::present() {
  ReaderLock lock(state_mutex_);
  times_seen_ = true;
  struct stat status = backing_->stat();
  status.st_size = static_cast<off_t>(state_.logical_bytes);
  // Programs take a file without blocks for a hole, and do not read it.
  if (status.st_blocks == 0) {
    status.st_blocks = static_cast<blkcnt_t>((overlay_.data_bytes() + 511) / 512);
  }
  if (shown_times_) {
    status.st_mtim = shown_times_->modified;
    if (!name_changed_) status.st_ctim = shown_times_->changed;
  } else {
    status.st_ctim = services_.change_times.visible(key_, status.st_ctim);
  }
  return status;
}

StoredFacts StoredFile::facts() {
  MutexLock changing(write_mutex_);
  const State& state = seen();
  StoredFacts facts;
  facts.is_container = state.form == Form::kContainer;
  facts.logical_bytes = state.logical_bytes;
  facts.stored_bytes = backing().size() + (log_ ? log_->bytes() : 0);
  if (facts.is_container) facts.settings = settings_of(state.header);
  facts.frames = state.index.size();
  return facts;
}

void StoredFile::change_attributes(Attributes which, const std::function<void()>& change) {
  MutexLock changing(write_mutex_);
  backing_changed_ = true;
  if (which == Attributes::kModificationTime) finish_rewrite();
  if (which == Attributes::kPrivileges) settle_locked();
  change();
  services_.change_times.show(key_);
  stamped_at_ = {};
}

FileAtRest StoredFile::at_rest() {
  MutexLock changing(write_mutex_);
  const State& state = seen();
  FileAtRest rest{backing().stat(), std::nullopt};
  const auto stored_bytes = static_cast<std::uint64_t>(rest.lower.st_size);
  const bool alone = !needs_settling_ && !needs_flush_;
  const bool says_so = state.form == Form::kContainer
                           ? state.header.is_sealed_for(stored_bytes) &&
                                 state.header.logical_bytes == state.logical_bytes
                           : stored_bytes == state.logical_bytes;
  if (alone && says_so) rest.logical_bytes = state.logical_bytes;
  return rest;
}

bool StoredFile::can_write() {
  ReaderLock lock(state_mutex_);
  return backing_->writable();
}

void StoredFile::use_writable(std::unique_ptr<os::File> backing) {
  MutexLock changing(write_mutex_);
  WriterLock lock(state_mutex_);
  if (backing_->writable()) return;
  keep_open_if_unlinked(*backing);
  backing_ = std::move(backing);
}

bool StoredFile::uses_dictionary(std::uint32_t id) {
  ReaderLock lock(state_mutex_);
  return state_.form == Form::kContainer && state_.header.dictionary_id == id;
}

void StoredFile::keep_open() {
  WriterLock lock(state_mutex_);
  backing_->keep_open();
}

bool StoredFile::is_unlinked() {
  ReaderLock lock(state_mutex_);
  try {
    return backing_->stat().st_nlink == 0;
  } catch (const std::system_error& error) {
    // The descriptor was given up, and the file went before it could be opened again.
    if (error.code().value() != ESTALE) throw;
    return true;
  }
}

}  // namespace zstdfs::store
