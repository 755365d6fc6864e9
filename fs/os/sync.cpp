#include "fs/os/sync.hpp"

#include <algorithm>
#include <exception>
#include <system_error>

#include "zstdfs/bytes.hpp"

namespace zstdfs::os {
namespace {

constexpr std::uint64_t kStepBytes = 1u << 20;

}  // namespace

void ReliableSync::run(File& file, SyncKind kind, const std::function<void()>& write_again) {
  if (must_write_again_) write_again();
  must_write_again_ = false;
  try {
    file.sync(kind);
  } catch (const std::system_error&) {
    must_write_again_ = true;
    try {
      write_again();
      must_write_again_ = false;
    } catch (const std::exception&) {
      // The next sync begins with it. What is told is that this one has failed.
    }
    throw;
  }
}

void write_again(File& file, ByteRange range) {
  Bytes bytes;
  for (std::uint64_t at = range.offset; at < range.end(); at += bytes.size()) {
    bytes.resize(static_cast<std::size_t>(std::min(kStepBytes, range.end() - at)));
    bytes.resize(file.read_at(at, bytes));
    if (bytes.empty()) return;
    file.write_at(at, bytes);
  }
}

}  // namespace zstdfs::os
