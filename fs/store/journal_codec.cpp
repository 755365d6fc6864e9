#include "fs/store/journal_codec.hpp"

#include <xxhash.h>

#include <random>
#include <string>

#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

constexpr std::uint32_t kJournalMagic = 0x4A73665Au;  // "ZfsJ"
constexpr std::uint32_t kJournalVersion = 1;
// Bounds for what is read back: a file handle has at most 128 bytes, a path PATH_MAX.
constexpr std::size_t kMaxIdentityBytes = 512;
constexpr std::size_t kMaxHintBytes = 8192;

// magic, version, kind, identity bytes, hint bytes, generation, nonce
constexpr std::size_t kFixedBytes = 4 + 4 + 4 + 4 + 4 + 8 + 8;
constexpr std::size_t kHashBytes = 8;

std::string text_at(ByteSpan bytes, std::size_t offset, std::size_t size) {
  const ByteSpan part = bytes.subspan(offset, size);
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

void append_text(Bytes& out, const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Bytes encode_journal_head(JournalKind kind, const JournalHead& head) {
  const std::string& hint = head.target.path_hint;
  const std::string kept_hint = hint.size() > kMaxHintBytes ? std::string() : hint;
  Bytes out;
  append_le(out, kJournalMagic);
  append_le(out, kJournalVersion);
  append_le(out, static_cast<std::uint32_t>(kind));
  append_le(out, static_cast<std::uint32_t>(head.target.identity.size()));
  append_le(out, static_cast<std::uint32_t>(kept_hint.size()));
  append_le(out, head.generation);
  append_le(out, head.nonce);
  append_text(out, head.target.identity);
  append_text(out, kept_hint);
  append_le(out, journal_hash(head.nonce, out));
  return out;
}

std::optional<JournalHead> read_journal_head(const RandomAccessSource& file, JournalKind kind,
                                             std::uint64_t& records_offset) {
  Bytes bytes(kFixedBytes);
  if (file.read_at(0, bytes) < kFixedBytes) return std::nullopt;
  if (load_le<std::uint32_t>(bytes, 0) != kJournalMagic) return std::nullopt;
  const auto version = load_le<std::uint32_t>(bytes, 4);
  if (version > kJournalVersion) {
    throw NewerFormatError("a journal file has format version " + std::to_string(version) +
                           "; this zstdfs reads up to " + std::to_string(kJournalVersion));
  }
  if (load_le<std::uint32_t>(bytes, 8) != static_cast<std::uint32_t>(kind)) return std::nullopt;
  const std::size_t identity_bytes = load_le<std::uint32_t>(bytes, 12);
  const std::size_t hint_bytes = load_le<std::uint32_t>(bytes, 16);
  if (identity_bytes > kMaxIdentityBytes || hint_bytes > kMaxHintBytes) return std::nullopt;
  const std::size_t content_bytes = kFixedBytes + identity_bytes + hint_bytes;
  bytes.resize(content_bytes + kHashBytes);
  if (file.read_at(0, bytes) < bytes.size()) return std::nullopt;
  JournalHead head;
  head.generation = load_le<std::uint64_t>(bytes, 20);
  head.nonce = load_le<std::uint64_t>(bytes, 28);
  const ByteSpan content = ByteSpan(bytes).first(content_bytes);
  if (load_le<std::uint64_t>(bytes, content_bytes) != journal_hash(head.nonce, content)) {
    return std::nullopt;
  }
  head.target.identity = text_at(bytes, kFixedBytes, identity_bytes);
  head.target.path_hint = text_at(bytes, kFixedBytes + identity_bytes, hint_bytes);
  records_offset = bytes.size();
  return head;
}

std::uint64_t random_nonce() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::uint64_t journal_hash(std::uint64_t nonce, ByteSpan bytes) {
  return XXH64(bytes.data(), bytes.size(), nonce);
}

void append_time(Bytes& out, const timespec& time) {
  append_le(out, static_cast<std::int64_t>(time.tv_sec));
  append_le(out, static_cast<std::uint32_t>(time.tv_nsec));
}

timespec load_time(ByteSpan in, std::size_t offset) {
  timespec time{};
  time.tv_sec = load_le<std::int64_t>(in, offset);
  time.tv_nsec = load_le<std::uint32_t>(in, offset + 8);
  return time;
}

}  // namespace zstdfs::store
