#include "fs/store/read_ahead.hpp"

#include <algorithm>

namespace zstdfs::store {
namespace {

// As much ahead as was read in order, up to this.
constexpr std::uint64_t kMostBytes = 8u << 20;
// Less is not worth a system call.
constexpr std::uint64_t kFewestBytes = 256u << 10;
// Several threads answer the kernel's requests: a later one may come first.
constexpr std::uint64_t kSlackBytes = 2u << 20;

}  // namespace

ByteRange ReadAhead::note(ByteRange read) {
  MutexLock lock(mutex_);
  if (read.offset + kSlackBytes < end_ || read.offset > end_ + kSlackBytes) {
    end_ = fetched_to_ = read.offset;
    read_bytes_ = 0;
  }
  end_ = std::max(end_, read.end());
  read_bytes_ += read.bytes;
  const std::uint64_t ahead = std::min(read_bytes_, kMostBytes);
  const std::uint64_t from = std::max(fetched_to_, end_);
  const std::uint64_t to = end_ + ahead;
  if (to < from + std::max(kFewestBytes, ahead / 2)) return {};
  fetched_to_ = to;
  return {.offset = from, .bytes = to - from};
}

}  // namespace zstdfs::store
