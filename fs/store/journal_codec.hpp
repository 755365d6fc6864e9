#pragma once

#include <optional>

#include "fs/store/journal.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {

// What write logs and redo files have in common: docs/format.md, "Journal".

/// The first record of a journal file.
struct JournalHead {
  JournalTarget target;
  std::uint64_t generation = 0;  ///< of the container it is for (write logs)
  std::uint64_t nonce = 0;       ///< seeds the hashes of all records of this file
};

enum class JournalKind : std::uint32_t { kWriteLog = 1, kRedo = 2 };

Bytes encode_journal_head(JournalKind kind, const JournalHead& head);

/// Reads the head at the file's start and says where the first record begins. Nothing when it is
/// not whole. Throws NewerFormatError, std::system_error.
std::optional<JournalHead> read_journal_head(const RandomAccessSource& file, JournalKind kind,
                                             std::uint64_t& records_offset);

/// Does `read` with a journal file and returns what it returns. Says in the error which one it is
/// that a newer zstdfs wrote.
template <typename Read>
auto read_journal(const std::string& name, Read read) {
  try {
    return read();
  } catch (const NewerFormatError& error) {
    throw NewerFormatError("journal/" + name + ": " + error.what());
  }
}

/// A number that nobody can guess, for JournalHead::nonce.
std::uint64_t random_nonce();

/// XXH64 with the file's nonce as seed: what was in the disk's blocks before, or what an
/// application wrote, is never taken for a record of this file.
std::uint64_t journal_hash(std::uint64_t nonce, ByteSpan bytes);

void append_time(Bytes& out, const timespec& time);
timespec load_time(ByteSpan in, std::size_t offset);
inline constexpr std::size_t kTimeBytes = 12;

}  // namespace zstdfs::store
