#include "fs/os/sync.hpp"

#include <exception>
#include <system_error>
#include <utility>

namespace zstdfs::os {
void ReliableSync::run(File& file, SyncKind kind, const std::function<void()>& write_again) {
  if (must_write_again_) {
    put_back(file);
    // Pages that were changed since are not dropped as long as they are not clean.
    file.sync(kind);
    write_again();
  }
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

void ReliableSync::write_again(File& file, ByteRange range) {
  put_back(file);
  if (range.empty()) return;
  for (std::uint64_t at = range.offset - range.offset % kRewriteStepBytes; at < range.end();
       at += kRewriteStepBytes) {
    Bytes bytes(kRewriteStepBytes);
    bytes.resize(file.read_at(at, bytes));
    if (bytes.empty()) return;
    taken_ = Taken{at, std::move(bytes)};
    // ext4 keeps new blocks marked as never written when their data did not get there, and a page
    // that it has mapped to them is written again without that mark being taken back: the sync
    // succeeds, and after a restart there are zeros. A new page asks how its block is marked.
    file.drop_clean_pages({at, kRewriteStepBytes});
    put_back(file);
  }
}

void ReliableSync::put_back(File& file) {
  if (!taken_) return;
  file.write_at(taken_->offset, taken_->bytes);
  taken_.reset();
}

void write_again(File& file, ByteRange range) {
  ReliableSync().write_again(file, range);
}

}  // namespace zstdfs::os
