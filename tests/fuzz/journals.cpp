#include "tests/fuzz/journals.hpp"

namespace zstdfs::fuzz {
namespace {

// docs/format.md, "Journal".
constexpr std::size_t kHeadBytes = 36;
constexpr std::size_t kHashBytes = 8;
constexpr std::size_t kBatchHeadBytes = 48;
constexpr std::size_t kRecordHeadBytes = 48;
constexpr std::size_t kRedoEndBytes = 44;

class Repair {
 public:
  explicit Repair(ByteSpan input) : file_(input.begin(), input.end()) {}

  bool has(std::size_t bytes) const { return bytes <= file_.size() - at_; }
  std::size_t rest() const { return file_.size() - at_; }
  /// The next bytes, and moves on behind them.
  MutableByteSpan take(std::size_t bytes) {
    const MutableByteSpan part = MutableByteSpan(file_).subspan(at_, bytes);
    at_ += bytes;
    return part;
  }
  MutableByteSpan peek(std::size_t bytes) { return MutableByteSpan(file_).subspan(at_, bytes); }
  void hash(MutableByteSpan record) const {
    const std::size_t hashed = record.size() - kHashBytes;
    store_le(record, hashed, store::journal_hash(nonce_, record.first(hashed)));
  }

  bool head(store::JournalKind kind) {
    if (!has(kHeadBytes)) return false;
    const MutableByteSpan fixed = peek(kHeadBytes);
    store_le(fixed, 0, std::uint32_t{0x4A73665A});
    store_le(fixed, 8, static_cast<std::uint32_t>(kind));
    const std::size_t identity = load_le<std::uint32_t>(fixed, 12) % 20;
    const std::size_t hint = load_le<std::uint32_t>(fixed, 16) % 20;
    store_le(fixed, 12, static_cast<std::uint32_t>(identity));
    store_le(fixed, 16, static_cast<std::uint32_t>(hint));
    nonce_ = load_le<std::uint64_t>(fixed, 28);
    const std::size_t bytes = kHeadBytes + identity + hint + kHashBytes;
    if (!has(bytes)) return false;
    hash(take(bytes));
    return true;
  }

  void batches() {
    for (std::uint64_t number = 0; has(kBatchHeadBytes + kHashBytes); ++number) {
      const auto bytes = load_le<std::uint64_t>(peek(kBatchHeadBytes), 8);
      if (bytes < kBatchHeadBytes + kHashBytes || bytes > rest()) return;
      const MutableByteSpan batch = take(static_cast<std::size_t>(bytes));
      store_le(batch, 0, std::uint32_t{0x4261736C});
      store_le(batch, 16, number);
      hash(batch);
    }
  }

  void records() {
    std::uint64_t number = 0;
    while (has(kRecordHeadBytes + kRedoEndBytes)) {
      const MutableByteSpan head = peek(kRecordHeadBytes);
      const auto bytes = load_le<std::uint64_t>(head, 24);
      if (bytes > rest() - kRecordHeadBytes - kRedoEndBytes) return;
      take(kRecordHeadBytes);
      store_le(head, 0, std::uint32_t{0x6F646552});
      store_le(head, 8, number++);
      store_le(head, 32, store::journal_hash(nonce_, take(static_cast<std::size_t>(bytes))));
      hash(head);
    }
    if (rest() != kRedoEndBytes) return;
    const MutableByteSpan end = take(kRedoEndBytes);
    store_le(end, 0, std::uint32_t{0x646E6552});
    store_le(end, 8, number);
    hash(end);
  }

  Bytes file() && { return std::move(file_); }

 private:
  Bytes file_;
  std::size_t at_ = 0;
  std::uint64_t nonce_ = 0;
};

}  // namespace

Bytes with_journal_hashes(ByteSpan input, store::JournalKind kind) {
  Repair repair(input);
  if (repair.head(kind)) {
    if (kind == store::JournalKind::kWriteLog) {
      repair.batches();
    } else {
      repair.records();
    }
  }
  return std::move(repair).file();
}

}  // namespace zstdfs::fuzz
