#include "fs/store/redo.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <set>
#include <system_error>

#include "fs/os/sync.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

// docs/format.md, "Redo file".
constexpr std::uint32_t kRecordMagic = 0x6F646552u;
constexpr std::uint32_t kEndMagic = 0x646E6552u;
// magic u32, reserved u32, number u64, target offset u64, bytes u64, hash of the bytes, own hash
constexpr std::size_t kRecordHeadBytes = 4 + 4 + 8 + 8 + 8 + 8 + 8;
// magic u32, reserved u32, records u64, target bytes u64, time, own hash
constexpr std::size_t kEndBytes = 4 + 4 + 8 + 8 + kTimeBytes + 8;
constexpr std::size_t kHashBytes = 8;
constexpr std::size_t kMaxRunBytes = 1u << 20;
// Sizes are those of files: off_t is signed.
constexpr std::uint64_t kMaxFileBytes = std::numeric_limits<std::int64_t>::max();
constexpr long kNanosPerSecond = 1'000'000'000;

struct RecordHead {
  std::uint64_t target_offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;
};

Bytes encode_record_head(const RecordHead& head, std::uint64_t number, std::uint64_t nonce) {
  Bytes out;
  append_le(out, kRecordMagic);
  append_le(out, std::uint32_t{0});
  append_le(out, number);
  append_le(out, head.target_offset);
  append_le(out, head.bytes);
  append_le(out, head.hash);
  append_le(out, journal_hash(nonce, out));
  return out;
}

bool own_hash_holds(ByteSpan record, std::uint64_t nonce) {
  const std::size_t hashed = record.size() - kHashBytes;
  return load_le<std::uint64_t>(record, hashed) == journal_hash(nonce, record.first(hashed));
}

std::optional<RecordHead> read_record_head(const os::File& redo, std::uint64_t offset,
                                           std::uint64_t number, std::uint64_t nonce) {
  Bytes bytes(kRecordHeadBytes);
  if (redo.read_at(offset, bytes) < bytes.size()) return std::nullopt;
  if (load_le<std::uint32_t>(bytes, 0) != kRecordMagic) return std::nullopt;
  if (load_le<std::uint64_t>(bytes, 8) != number || !own_hash_holds(bytes, nonce)) {
    return std::nullopt;
  }
  const RecordHead head{load_le<std::uint64_t>(bytes, 16), load_le<std::uint64_t>(bytes, 24),
                        load_le<std::uint64_t>(bytes, 32)};
  if (head.bytes > kMaxRunBytes || head.target_offset > kMaxFileBytes - head.bytes) {
    return std::nullopt;
  }
  return head;
}

/// Calls `on_record` with each record's target offset and bytes; returns where the records end.
/// Nothing when one is damaged.
std::optional<std::uint64_t> for_each_record(
    const os::File& redo, const RedoContent& content,
    const std::function<void(std::uint64_t, ByteSpan)>& on_record) {
  std::uint64_t at = content.records_offset;
  Bytes bytes;
  for (std::uint64_t number = 0; number < content.records; ++number) {
    const auto head = read_record_head(redo, at, number, content.head.nonce);
    if (!head) return std::nullopt;
    at += kRecordHeadBytes;
    bytes.resize(static_cast<std::size_t>(head->bytes));
    if (redo.read_at(at, bytes) < bytes.size()) return std::nullopt;
    if (journal_hash(content.head.nonce, bytes) != head->hash) return std::nullopt;
    on_record(head->target_offset, bytes);
    at += head->bytes;
  }
  return at;
}

}  // namespace

RedoWriter::RedoWriter(Journal& journal, const JournalTarget& target)
    : journal_(journal), nonce_(random_nonce()) {
  const Bytes head = encode_journal_head(JournalKind::kRedo, {target, 0, nonce_});
  file_ = journal.create(kRedoSuffix, name_);
  try {
    file_->write_at(0, head);
  } catch (const std::system_error&) {
    journal.remove(name_);
    throw;
  }
  end_ = head.size();
}

RedoWriter::~RedoWriter() {
  if (finished_) return;
  try {
    if (finishing_) file_->truncate(0);  // Should it not go, it is not whole.
    journal_.remove(name_);
    // Whole but not vouched for, it must not come back and be applied some day.
    if (finishing_) journal_.sync_directory();
  } catch (...) {
    // An unfinished redo file is ignored and removed by the next recovery.
  }
}

void RedoWriter::add(std::uint64_t stored_offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  if (!run_.empty() && record_offset_ + run_.size() != stored_offset) write_record();
  reached_ = std::max(reached_, stored_offset + bytes.size());
  while (!bytes.empty()) {
    if (run_.empty()) record_offset_ = stored_offset;
    const std::size_t n = std::min(bytes.size(), kMaxRunBytes - run_.size());
    run_.insert(run_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes = bytes.subspan(n);
    stored_offset += n;
    if (run_.size() == kMaxRunBytes) write_record();
  }
}

void RedoWriter::write_record() {
  if (run_.empty()) return;
  const RecordHead head{record_offset_, run_.size(), journal_hash(nonce_, run_)};
  Bytes record = encode_record_head(head, records_, nonce_);
  record.insert(record.end(), run_.begin(), run_.end());
  file_->write_at(end_, record);
  map_.add({record_offset_, end_ + kRecordHeadBytes, run_.size()});
  end_ += record.size();
  ++records_;
  run_.clear();
}

std::string RedoWriter::finish(os::File& target, std::uint64_t target_bytes,
                               const timespec& modified) {
  write_record();
  if (reached_ < target_bytes) {  // A reader is to know that it has everything.
    Bytes last(1);
    if (target.read_at(target_bytes - 1, last) == last.size()) add(target_bytes - 1, last);
    write_record();
  }
  reserve(target, target_bytes);
  finishing_ = true;
  Bytes out;
  append_le(out, kEndMagic);
  append_le(out, std::uint32_t{0});
  append_le(out, records_);
  append_le(out, target_bytes);
  append_time(out, modified);
  append_le(out, journal_hash(nonce_, out));
  file_->write_at(end_, out);
  file_->sync(os::SyncKind::kData);
  journal_.sync_directory();
  finished_ = true;
  return name_;
}

std::optional<RedoContent> read_redo(const os::File& redo) {
  RedoContent content;
  const auto head = read_journal_head(redo, JournalKind::kRedo, content.records_offset);
  const std::uint64_t file_bytes = redo.size();
  if (!head || file_bytes < content.records_offset + kEndBytes) return std::nullopt;
  content.head = *head;
  Bytes end(kEndBytes);
  if (redo.read_at(file_bytes - kEndBytes, end) < end.size()) return std::nullopt;
  if (load_le<std::uint32_t>(end, 0) != kEndMagic || !own_hash_holds(end, head->nonce)) {
    return std::nullopt;
  }
  content.records = load_le<std::uint64_t>(end, 8);
  content.target_bytes = load_le<std::uint64_t>(end, 16);
  content.modified = load_time(end, 24);
  // A writer ends with what lies at the target's end.
  std::uint64_t reached = 0;
  const auto records_end =
      for_each_record(redo, content, [&](std::uint64_t offset, ByteSpan bytes) {
        reached = std::max(reached, offset + bytes.size());
      });
  if (records_end != file_bytes - kEndBytes || reached != content.target_bytes) return std::nullopt;
  if (content.modified.tv_nsec < 0 || content.modified.tv_nsec >= kNanosPerSecond) {
    return std::nullopt;
  }
  return content;
}

std::optional<std::string> find_redo(Journal& journal, const std::string& identity) {
  for (const std::string& name : journal.list()) {
    if (!name.ends_with(kRedoSuffix)) continue;
    const auto redo = journal.open(name, os::OpenMode::kRead);
    const auto content = redo ? read_redo(*redo) : std::nullopt;
    if (content && content->head.target.identity == identity) return name;
  }
  return std::nullopt;
}

OpenRedo open_redo(Journal& journal, const std::string& name) {
  OpenRedo redo{.file = journal.open(name, os::OpenMode::kRead), .content = {}};
  if (!redo.file) throw std::system_error(EIO, std::generic_category(), "journal/" + name);
  const auto content = read_redo(*redo.file);
  if (!content) throw CorruptError(0, "the redo file journal/" + name + " is damaged");
  redo.content = *content;
  return redo;
}

bool looks_unfinished(const os::File& redo) {
  RedoContent content;
  const std::uint64_t file_bytes = redo.size();
  const auto head = read_journal_head(redo, JournalKind::kRedo, content.records_offset);
  if (!head) {
    // A head comes in one write, which reaches the disk or not.
    Bytes beginning(std::min<std::size_t>(kRecordHeadBytes, static_cast<std::size_t>(file_bytes)));
    beginning.resize(redo.read_at(0, beginning));
    return all_zeros(beginning);
  }
  std::uint64_t at = content.records_offset;
  Bytes bytes;
  for (std::uint64_t number = 0;; ++number) {
    const auto record = read_record_head(redo, at, number, head->nonce);
    if (!record) break;
    bytes.resize(static_cast<std::size_t>(record->bytes));
    if (redo.read_at(at + kRecordHeadBytes, bytes) < bytes.size()) return true;
    if (journal_hash(head->nonce, bytes) != record->hash) return false;
    at += kRecordHeadBytes + record->bytes;
  }
  // Where the records end, there is nothing, or less than an end has, or what the disk had before.
  const std::uint64_t rest_bytes = file_bytes - std::min(at, file_bytes);
  Bytes rest(std::min<std::size_t>(kRecordHeadBytes, static_cast<std::size_t>(rest_bytes)));
  rest.resize(redo.read_at(at, rest));
  return rest_bytes < kEndBytes || all_zeros(rest);
}

void reserve(os::File& target, std::uint64_t target_bytes) {
  // Allocating moves the modification time.
  const struct stat before = target.stat();
  try {
    target.allocate({0, target_bytes}, os::AllocateKind::kKeepSize);
  } catch (const std::system_error& error) {
    if (error.code().value() == EOPNOTSUPP) return;
    // What there was of room has been taken already, behind the file's end too.
    target.truncate(static_cast<std::uint64_t>(before.st_size));
    target.set_modification_time(before.st_mtim);
    throw;
  }
  target.set_modification_time(before.st_mtim);
}

void renew_pages(const os::File& redo, const RedoContent& content, os::File& target) {
  const std::uint64_t end = std::min(target.size(), content.target_bytes);
  std::set<std::uint64_t> steps;  // where they begin
  for_each_record(redo, content, [&](std::uint64_t offset, ByteSpan bytes) {
    const std::uint64_t record_end = std::min(offset + bytes.size(), end);
    offset -= offset % os::kRewriteStepBytes;
    for (; offset < record_end; offset += os::kRewriteStepBytes) steps.insert(offset);
  });
  for (const std::uint64_t begin : steps) {
    try {
      os::write_again(target, {begin, std::min(os::kRewriteStepBytes, end - begin)});
    } catch (const std::system_error&) {
      // It cannot be read, most likely, and may be what the redo file goes over.
    }
  }
}

void apply_redo(const os::File& redo, const RedoContent& content, os::File& target) {
  const auto records_end = for_each_record(
      redo, content,
      [&target](std::uint64_t offset, ByteSpan bytes) { target.write_at(offset, bytes); });
  if (!records_end) throw CorruptError(0, "a redo file changed while it was applied");
  target.truncate(content.target_bytes);
  target.set_modification_time(content.modified);
}

}  // namespace zstdfs::store
