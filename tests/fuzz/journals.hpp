#pragma once

#include "fs/store/journal_codec.hpp"

namespace zstdfs::fuzz {

/// The journal file with all that leads to its records made right: magic numbers, kind, numbers of
/// records, and every hash. Where it says that the records end, the rest is left as it is.
Bytes with_journal_hashes(ByteSpan input, store::JournalKind kind);

}  // namespace zstdfs::fuzz
