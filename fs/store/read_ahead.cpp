#include "fs/store/read_ahead.hpp"

#include <algorithm>

namespace zstdfs::store {

ByteRange ReadAhead::note(ByteRange read) {
  MutexLock lock(mutex_);
  if (read.offset + limits_.slack < end_ || read.offset > end_ + limits_.slack) {
    end_ = fetched_to_ = read.offset;
    read_ = 0;
  }
  end_ = std::max(end_, read.end());
  read_ += read.bytes;
  const std::uint64_t ahead = std::min(read_, limits_.most);
  const std::uint64_t from = std::max(fetched_to_, end_);
  const std::uint64_t to = end_ + ahead;
  if (to < from + std::max(limits_.fewest, ahead / 2)) return {};
  fetched_to_ = to;
  return {.offset = from, .bytes = to - from};
}

std::uint64_t ReadAhead::read_in_order() const {
  MutexLock lock(mutex_);
  return read_;
}

void ReadAhead::begin_at(std::uint64_t offset, std::uint64_t read_in_order) {
  MutexLock lock(mutex_);
  end_ = fetched_to_ = offset;
  read_ = read_in_order;
}

}  // namespace zstdfs::store
