#include "fs/store/write_log.hpp"

#include <algorithm>
#include <utility>

#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

// docs/format.md, "Write log": the journal head, then batches.
constexpr std::uint32_t kBatchMagic = 0x4261736Cu;
// magic u32, piece count u32, record bytes u64, number u64, lowest, logical, base u64
constexpr std::size_t kBatchHeadBytes = 4 + 4 + 8 + 8 + 8 + 8 + 8;
// offset u64, bytes u64, kind u32 (0: zeros, 1: data), reserved u32
constexpr std::size_t kPieceHeadBytes = 8 + 8 + 4 + 4;
constexpr std::size_t kHashBytes = 8;

constexpr std::uint64_t kMinRoomBytes = 64u << 10;
constexpr std::uint64_t kMaxRoomBytes = 1u << 20;
constexpr std::uint64_t kRoomUnit = 4096;
// Room is written twice. That pays for as long as it serves several syncs,
constexpr std::uint64_t kSyncsPerRoom = 8;
// and is not the room that somebody else needs.
constexpr std::uint64_t kFreeBytesPerRoomByte = 64;

// What a disk writes whole or not at all.
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kScanBytes = 64u << 10;

void append_piece(Bytes& out, std::uint64_t offset, const Overlay::Piece& piece) {
  append_le(out, offset);
  append_le(out, piece.bytes);
  append_le(out, std::uint32_t{piece.is_zero() ? 0u : 1u});
  append_le(out, std::uint32_t{0});
  out.insert(out.end(), piece.data.begin(), piece.data.end());
}

Bytes encode_batch(const LogSizes& sizes, const Overlay& changes, std::uint64_t number,
                   std::uint64_t nonce) {
  Bytes out;
  append_le(out, kBatchMagic);
  append_le(out, static_cast<std::uint32_t>(changes.unlogged().size()));
  append_le(out, std::uint64_t{0});
  append_le(out, number);
  append_le(out, sizes.lowest_bytes);
  append_le(out, sizes.logical_bytes);
  append_le(out, sizes.base_bytes);
  for (const std::uint64_t offset : changes.unlogged()) {
    append_piece(out, offset, changes.pieces().at(offset));
  }
  store_le(MutableByteSpan(out), 8, std::uint64_t{out.size() + kHashBytes});
  append_le(out, journal_hash(nonce, out));
  return out;
}

/// Takes the pieces from a record whose hash holds. False when they do not fit into it.
bool decode_pieces(ByteSpan record, std::uint32_t count, Overlay::Pieces& pieces) {
  std::size_t at = kBatchHeadBytes;
  const std::size_t end = record.size() - kHashBytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (end - at < kPieceHeadBytes) return false;
    const auto offset = load_le<std::uint64_t>(record, at);
    Overlay::Piece piece;
    piece.bytes = load_le<std::uint64_t>(record, at + 8);
    const bool has_data = load_le<std::uint32_t>(record, at + 16) == 1;
    at += kPieceHeadBytes;
    if (offset + piece.bytes < offset || piece.bytes == 0) return false;
    if (has_data) {
      if (piece.bytes > end - at) return false;
      const ByteSpan data = record.subspan(at, static_cast<std::size_t>(piece.bytes));
      piece.data.assign(data.begin(), data.end());
      at += data.size();
    }
    pieces.emplace(offset, std::move(piece));
  }
  return at == end;
}

struct LogBatch {
  std::uint64_t record_bytes = 0;
  LogSizes sizes;
  Overlay::Pieces pieces;
};

/// Reads the batch at `offset`, or nothing when it is not whole.
std::optional<LogBatch> read_batch(const os::File& file, std::uint64_t offset, std::uint64_t number,
                                   std::uint64_t nonce) {
  Bytes record(kBatchHeadBytes);
  if (file.read_at(offset, record) < kBatchHeadBytes) return std::nullopt;
  if (load_le<std::uint32_t>(record, 0) != kBatchMagic) return std::nullopt;
  if (load_le<std::uint64_t>(record, 16) != number) return std::nullopt;
  const auto bytes = load_le<std::uint64_t>(record, 8);
  const std::uint64_t file_bytes = file.size();
  if (bytes < kBatchHeadBytes + kHashBytes || bytes > kMaxBatchBytes || offset > file_bytes ||
      bytes > file_bytes - offset) {
    return std::nullopt;
  }
  record.resize(static_cast<std::size_t>(bytes));
  if (file.read_at(offset, record) < record.size()) return std::nullopt;
  const std::size_t hashed = record.size() - kHashBytes;
  const auto hash = load_le<std::uint64_t>(record, hashed);
  if (hash != journal_hash(nonce, ByteSpan(record).first(hashed))) return std::nullopt;
  LogBatch batch;
  batch.record_bytes = bytes;
  batch.sizes = {load_le<std::uint64_t>(record, 24), load_le<std::uint64_t>(record, 32),
                 load_le<std::uint64_t>(record, 40)};
  if (!decode_pieces(record, load_le<std::uint32_t>(record, 4), batch.pieces)) return std::nullopt;
  return batch;
}

/// Behind the last byte from `begin` on that is not zero.
std::uint64_t end_of_data(const os::File& file, std::uint64_t begin) {
  std::uint64_t end = file.size();
  Bytes bytes;
  while (end > begin) {
    bytes.resize(static_cast<std::size_t>(std::min(kScanBytes, end - begin)));
    const std::uint64_t at = end - bytes.size();
    bytes.resize(file.read_at(at, bytes));
    while (!bytes.empty() && bytes.back() == std::byte{0}) bytes.pop_back();
    if (!bytes.empty()) return at + bytes.size();
    end = at;
  }
  return begin;
}

/// Whether one of the disk's sectors, or the part of it that lies in the range, is zeros.
bool lacks_sector(const os::File& file, ByteRange range) {
  Bytes sector;
  for (std::uint64_t at = range.offset; at < range.end(); at += sector.size()) {
    const std::uint64_t sector_end = at - at % kSectorBytes + kSectorBytes;
    sector.assign(static_cast<std::size_t>(std::min(sector_end, range.end()) - at), {});
    file.read_at(at, sector);
    if (all_zeros(sector)) return true;
  }
  return false;
}

}  // namespace

WriteLog::WriteLog(Journal& journal, const JournalTarget& target, std::uint64_t generation)
    : journal_(journal), nonce_(random_nonce()) {
  const Bytes bytes = encode_journal_head(JournalKind::kWriteLog, {target, generation, nonce_});
  file_ = journal.create(kLogSuffix, name_);
  try {
    file_->write_at(0, bytes);
  } catch (const std::system_error&) {
    journal.remove(name_);
    throw;
  }
  end_ = bytes.size();
}

WriteLog::WriteLog(Journal& journal, std::string name, std::uint64_t nonce,
                   std::uint64_t end_offset, std::uint64_t batches)
    : journal_(journal),
      name_(std::move(name)),
      file_(journal.open(name_, os::OpenMode::kReadWrite)),
      nonce_(nonce),
      end_(end_offset),
      batches_(batches),
      torn_(true) {
  if (!file_) throw std::system_error(ENOENT, std::generic_category(), "journal/" + name_);
}

void WriteLog::append(const LogSizes& sizes, const Overlay& changes) {
  const Bytes record = encode_batch(sizes, changes, batches_, nonce_);
  sync_.put_back(*file_);
  if (torn_) cut();
  torn_ = true;
  unsynced_ = true;
  file_->write_at(end_, record);
  torn_ = false;
  end_ += record.size();
  ++batches_;
}

void WriteLog::cut() {
  file_->truncate(end_);
  room_end_ = end_;
  torn_ = false;
}

void WriteLog::drop_rest() {
  cut();
  file_->sync(os::SyncKind::kData);
}

std::uint64_t WriteLog::wanted_room_bytes() const {
  // Not for a log that is synced once, as by a program that writes a file and is done.
  if (!name_synced_ || no_room_ || end_ <= room_end_) return 0;
  const std::uint64_t room = std::clamp(end_, kMinRoomBytes, kMaxRoomBytes);
  const bool pays = room / kSyncsPerRoom >= end_ - synced_end_;
  return pays && room <= journal_.free_bytes() / kFreeBytesPerRoomByte ? room : 0;
}

bool WriteLog::make_room() {
  try {
    const std::uint64_t room = wanted_room_bytes();
    if (room == 0) return false;
    const std::uint64_t to = (end_ + room + kRoomUnit - 1) / kRoomUnit * kRoomUnit;
    file_->write_at(end_, Bytes(static_cast<std::size_t>(to - end_)));
    room_end_ = to;
    return true;
  } catch (const std::system_error&) {
    // No quota, most likely. The batches are there, which is what was promised.
    no_room_ = torn_ = true;
  }
  try {
    cut();
  } catch (const std::system_error&) {
    // The next append begins with it. Until then there are zeros behind the batches.
  }
  return false;
}

void WriteLog::sync() {
  if (unsynced_) {
    sync_.put_back(*file_);
    const bool has_new_room = make_room();
    const auto sync = [this] {
      sync_.run(*file_, os::SyncKind::kData, [this] {
        if (room_end_ > end_) cut();
        sync_.write_again(*file_, {0, end_});
      });
    };
    try {
      sync();
    } catch (const std::system_error&) {
      // Some filesystems look for space only now, and it may be the room that was too much.
      if (!has_new_room) throw;
      no_room_ = true;
      sync();
    }
    synced_end_ = end_;
  }
  unsynced_ = false;
  if (!name_synced_) journal_.sync_directory();
  name_synced_ = true;
}

void WriteLog::remove() {
  journal_.remove(name_);
}

void WriteLog::retire() {
  journal_.retire(name_);
}

LogRest rest_of_log(const os::File& file, const WriteLogContent& content, PowerLoss power_loss) {
  const std::uint64_t begin = content.end_offset;
  const std::uint64_t data_end = end_of_data(file, begin);
  if (data_end == begin) return LogRest::kNothing;
  if (data_end - begin < kBatchHeadBytes + kHashBytes) return LogRest::kTorn;
  Bytes head(kBatchHeadBytes);
  file.read_at(begin, head);
  const auto claimed_bytes = load_le<std::uint64_t>(head, 8);
  const bool begins_right = load_le<std::uint32_t>(head, 0) == kBatchMagic &&
                            load_le<std::uint64_t>(head, 16) == content.batches &&
                            claimed_bytes >= kBatchHeadBytes + kHashBytes &&
                            claimed_bytes <= kMaxBatchBytes;
  const std::uint64_t batch_end = begins_right ? begin + claimed_bytes : data_end;
  const bool breaks_off = data_end <= batch_end - kHashBytes || batch_end > file.size();
  if (begins_right && breaks_off) return LogRest::kTorn;
  const bool has_holes = power_loss == PowerLoss::kPossible && data_end <= batch_end &&
                         lacks_sector(file, {begin, batch_end - begin});
  return has_holes ? LogRest::kTorn : LogRest::kOther;
}

std::optional<WriteLogContent> read_write_log(const os::File& file, const LogReader& on_batch) {
  WriteLogContent content;
  const auto head = read_journal_head(file, JournalKind::kWriteLog, content.end_offset);
  if (!head) return std::nullopt;
  content.head = *head;
  while (auto batch = read_batch(file, content.end_offset, content.batches, head->nonce)) {
    if (!on_batch(batch->sizes, std::move(batch->pieces))) break;
    content.end_offset += batch->record_bytes;
    ++content.batches;
  }
  return content;
}

}  // namespace zstdfs::store
