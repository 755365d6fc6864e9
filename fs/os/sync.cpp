#include "fs/os/sync.hpp"

#include <algorithm>
#include <system_error>

#include "zstdfs/bytes.hpp"

namespace zstdfs::os {
namespace {

constexpr std::uint64_t kStepBytes = 1u << 20;

/// The kernel still has the pages that it could not write.
void write_again(File& file, ByteRange range) {
  Bytes bytes;
  for (std::uint64_t at = range.offset; at < range.end(); at += bytes.size()) {
    bytes.resize(static_cast<std::size_t>(std::min(kStepBytes, range.end() - at)));
    bytes.resize(file.read_at(at, bytes));
    if (bytes.empty()) return;
    file.write_at(at, bytes);
  }
}

}  // namespace

void sync_or_write_again(File& file, SyncKind kind, std::initializer_list<ByteRange> unsynced) {
  try {
    file.sync(kind);
  } catch (const std::system_error&) {
    for (const ByteRange& range : unsynced) write_again(file, range);
    throw;
  }
}

}  // namespace zstdfs::os
