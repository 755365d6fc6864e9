#include "fs/store/redo_map.hpp"

#include <algorithm>
#include <iterator>

#include "zstdfs/errors.hpp"

namespace zstdfs::store {

void RedoMap::add(const Run& run) {
  const auto at = first_behind(run.target_offset);
  ZSTDFS_ASSERT(at == runs_.end() || run.target_end() <= at->target_offset);
  runs_.insert(at, run);
}

RedoMap::Runs::const_iterator RedoMap::first_behind(std::uint64_t target_offset) const {
  return std::upper_bound(
      runs_.begin(), runs_.end(), target_offset,
      [](std::uint64_t offset, const Run& run) { return offset < run.target_end(); });
}

std::size_t RewrittenSource::read_at(std::uint64_t offset, MutableByteSpan out) const {
  if (offset >= size()) return 0;
  const std::uint64_t end = offset + std::min<std::uint64_t>(out.size(), size() - offset);
  const auto part = [&](std::uint64_t from, std::uint64_t to) {
    return out.subspan(static_cast<std::size_t>(from - offset),
                       static_cast<std::size_t>(to - from));
  };
  std::uint64_t at = offset;
  for (auto run = map_.first_behind(offset); at < end; ++run) {
    // The size is where the last run ends, so there is always one more.
    const std::uint64_t begin = std::min(end, std::max(at, run->target_offset));
    read_target(at, part(at, begin));
    at = std::min(end, run->target_end());
    const MutableByteSpan rewritten = part(begin, at);
    if (redo_.read_at(run->redo_offset + (begin - run->target_offset), rewritten) <
        rewritten.size()) {
      throw CorruptError(begin, "the redo file of a rewrite that is under way was cut off");
    }
  }
  return static_cast<std::size_t>(end - offset);
}

// Where it grows, and nothing is written, there will be a hole.
void RewrittenSource::read_target(std::uint64_t offset, MutableByteSpan out) const {
  if (out.empty()) return;
  const std::size_t n = target_.read_at(offset, out);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(n), out.end(), std::byte{0});
}

}  // namespace zstdfs::store
