#include "tests/crash/faulty_content.hpp"

#include <algorithm>
#include <limits>

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

std::ptrdiff_t signed_size(std::uint64_t bytes) {
  return static_cast<std::ptrdiff_t>(bytes);
}

/// Calls `visit(block number, offset in the block, range within the whole)` for each block.
template <typename Visit>
void for_each_block(ByteRange range, Visit visit) {
  for (std::uint64_t at = range.offset; at < range.end();) {
    const std::uint64_t within = at % kDiskBlockBytes;
    const std::uint64_t bytes = std::min(range.end() - at, kDiskBlockBytes - within);
    visit(at / kDiskBlockBytes, within, ByteRange{.offset = at, .bytes = bytes});
    at += bytes;
  }
}

ByteRange overlap(ByteRange a, ByteRange b) {
  const std::uint64_t begin = std::max(a.offset, b.offset);
  const std::uint64_t end = std::min(a.end(), b.end());
  return {.offset = begin, .bytes = end > begin ? end - begin : 0};
}

}  // namespace

std::size_t SparseContent::read(std::uint64_t offset, MutableByteSpan out) const {
  if (offset >= size_) return 0;
  const ByteRange range = {.offset = offset, .bytes = std::min(size_ - offset, out.size())};
  for_each_block(range, [&](std::uint64_t number, std::uint64_t within, ByteRange part) {
    const MutableByteSpan target = out.subspan(part.offset - offset, part.bytes);
    const auto block = blocks_.find(number);
    if (block == blocks_.end()) {
      std::fill(target.begin(), target.end(), std::byte{0});
    } else {
      std::copy_n(block->second->begin() + signed_size(within), part.bytes, target.begin());
    }
  });
  return range.bytes;
}

Bytes& SparseContent::block_for_change(std::uint64_t number) {
  std::shared_ptr<Bytes>& block = blocks_[number];
  if (!block) {
    block = std::make_shared<Bytes>(kBlock);
  } else if (block.use_count() > 1) {
    block = std::make_shared<Bytes>(*block);
  }
  return *block;
}

void SparseContent::write(std::uint64_t offset, ByteSpan bytes) {
  const ByteRange range = {.offset = offset, .bytes = bytes.size()};
  for_each_block(range, [&](std::uint64_t number, std::uint64_t within, ByteRange part) {
    std::copy_n(bytes.begin() + signed_size(part.offset - offset), part.bytes,
                block_for_change(number).begin() + signed_size(within));
  });
  if (!bytes.empty()) size_ = std::max(size_, range.end());
}

void SparseContent::resize(std::uint64_t bytes) {
  if (bytes < size_) zero({.offset = bytes, .bytes = kEndless - bytes});
  size_ = bytes;
}

void SparseContent::zero(ByteRange range) {
  for (auto block = blocks_.lower_bound(range.offset / kBlock); block != blocks_.end();) {
    const ByteRange whole = {.offset = block->first * kBlock, .bytes = kBlock};
    const ByteRange part = overlap(whole, range);
    if (part.empty()) break;
    if (part == whole) {
      block = blocks_.erase(block);
      continue;
    }
    Bytes& bytes = block_for_change(block->first);
    std::fill_n(bytes.begin() + signed_size(part.offset - whole.offset), part.bytes, std::byte{0});
    ++block;
  }
}

void SparseContent::allocate(ByteRange range) {
  for_each_block(range, [&](std::uint64_t number, std::uint64_t, ByteRange) {
    if (!blocks_.contains(number)) block_for_change(number);
  });
}

std::uint64_t SparseContent::missing_blocks(ByteRange range) const {
  std::uint64_t missing = 0;
  for_each_block(range, [&](std::uint64_t number, std::uint64_t, ByteRange) {
    if (!blocks_.contains(number)) ++missing;
  });
  return missing;
}

std::uint64_t SparseContent::find_data(std::uint64_t offset) const {
  const auto block = blocks_.lower_bound(offset / kBlock);
  if (block == blocks_.end()) return size_;
  return std::min(size_, std::max(offset, block->first * kBlock));
}

std::uint64_t SparseContent::find_hole(std::uint64_t offset) const {
  std::uint64_t at = offset;
  while (at < size_ && has_block_at(at)) at = (at / kBlock + 1) * kBlock;
  return std::min(at, size_);
}

void FileContent::write(std::uint64_t offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  change({.kind = Change::Kind::kWrite,
          .range = {.offset = offset, .bytes = bytes.size()},
          .bytes = Bytes(bytes.begin(), bytes.end())});
}

void FileContent::resize(std::uint64_t bytes) {
  change({.kind = Change::Kind::kResize, .range = {}, .bytes = {}, .size = bytes});
}

void FileContent::zero(ByteRange range) {
  change({.kind = Change::Kind::kZero, .range = range, .bytes = {}});
}

void FileContent::allocate(ByteRange range, std::uint64_t grow_to) {
  change({.kind = Change::Kind::kAllocate,
          .range = range,
          .bytes = {},
          .size = std::max(current_.size(), grow_to)});
}

void FileContent::change(Change change) {
  // A page that is given back is another one when it comes again.
  const bool shrinks = change.kind == Change::Kind::kResize && change.size < current_.size();
  ByteRange gone;
  if (shrinks) gone = {.offset = change.size, .bytes = current_.size() - change.size};
  if (change.kind == Change::Kind::kZero) gone = change.range;
  for (const std::uint64_t page : stuck_pages_in(gone)) stuck_pages_.erase(page);
  apply(change, current_);
  changes_.push_back(std::move(change));
}

void FileContent::apply(const Change& change, SparseContent& content) {
  switch (change.kind) {
    case Change::Kind::kWrite:
      content.write(change.range.offset, change.bytes);
      break;
    case Change::Kind::kResize:
      content.resize(change.size);
      break;
    case Change::Kind::kZero:
      content.zero(change.range);
      break;
    case Change::Kind::kAllocate:
      content.allocate(change.range);
      content.resize(std::max(content.size(), change.size));
      break;
  }
}

void FileContent::sync() {
  if (has_failed_to_sync_) {
    for (const Change& change : changes_) apply_where_not_stuck(change);
  } else {
    synced_ = current_;
  }
  changes_.clear();
}

void FileContent::apply_where_not_stuck(const Change& change) {
  if (change.kind != Change::Kind::kWrite) return apply(change, synced_);
  synced_.resize(std::max(synced_.size(), change.range.end()));
  for_each_block(change.range, [&](std::uint64_t page, std::uint64_t, ByteRange part) {
    if (stuck_pages_.contains(page)) return;
    synced_.write(part.offset,
                  ByteSpan(change.bytes).subspan(part.offset - change.range.offset, part.bytes));
  });
}

std::set<std::uint64_t> FileContent::stuck_pages_in(ByteRange range) const {
  const auto first_from = [](std::uint64_t offset) {
    return (offset + kDiskBlockBytes - 1) / kDiskBlockBytes;
  };
  // The page with the file's end counts as whole.
  const std::uint64_t end =
      range.end() >= current_.size() ? first_from(range.end()) : range.end() / kDiskBlockBytes;
  const std::uint64_t first = first_from(range.offset);
  if (range.empty() || end <= first) return {};
  return {stuck_pages_.lower_bound(first), stuck_pages_.lower_bound(end)};
}

void FileContent::drop_clean_pages(ByteRange range) {
  std::set<std::uint64_t> pages = stuck_pages_in(range);
  if (pages.empty()) return;
  for (const Change& change : changes_) {
    if (change.kind != Change::Kind::kWrite) continue;
    for_each_block(change.range,
                   [&](std::uint64_t page, std::uint64_t, ByteRange) { pages.erase(page); });
  }
  for (const std::uint64_t page : pages) {
    stuck_pages_.erase(page);
    read_again(page);
  }
}

void FileContent::read_again(std::uint64_t page) {
  const ByteRange whole = {.offset = page * kDiskBlockBytes, .bytes = kDiskBlockBytes};
  if (!synced_.has_block_at(whole.offset)) return current_.zero(whole);
  Bytes bytes(overlap(whole, {.offset = 0, .bytes = current_.size()}).bytes);
  synced_.read(whole.offset, bytes);
  current_.write(whole.offset, bytes);
}

void FileContent::fail_to_sync() {
  has_failed_to_sync_ = true;
  for (const Change& change : changes_) {
    if (change.kind != Change::Kind::kWrite) continue;
    for_each_block(change.range, [&](std::uint64_t page, std::uint64_t, ByteRange) {
      stuck_pages_.insert(page);
    });
  }
  synced_ = structure_at(changes_.size());
  changes_.clear();
}

void FileContent::keep_synced() {
  current_ = synced_;
  changes_.clear();
  has_failed_to_sync_ = false;
  stuck_pages_.clear();
}

SparseContent FileContent::structure_at(std::size_t moment) const {
  SparseContent content = synced_;
  for (std::size_t i = 0; i < moment; ++i) {
    if (changes_[i].kind == Change::Kind::kWrite) {
      content.resize(std::max(content.size(), changes_[i].range.end()));
    } else {
      apply(changes_[i], content);
    }
  }
  return content;
}

ByteRange FileContent::zeroed_by(std::size_t i) const {
  const Change& change = changes_[i];
  if (change.kind == Change::Kind::kZero) return change.range;
  // Growing zeroes nothing that was there; it is harmless to name the range all the same.
  if (change.kind == Change::Kind::kResize) {
    return {.offset = change.size, .bytes = kEndless - change.size};
  }
  return {};
}

FileContent::SectorVersions FileContent::versions_of_sectors() const {
  SectorVersions versions;
  SparseContent content = synced_;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    apply(change, content);
    if (change.kind != Change::Kind::kWrite) continue;
    const std::uint64_t last = (change.range.end() - 1) / kSectorBytes;
    for (std::uint64_t sector = change.range.offset / kSectorBytes; sector <= last; ++sector) {
      // The whole sector as the page cache has it: with what earlier changes wrote beside.
      Sector bytes(kSectorBytes);
      bytes.resize(content.read(sector * kSectorBytes, bytes));
      versions[sector].push_back({.moment = i + 1, .content = std::move(bytes)});
    }
  }
  return versions;
}

bool FileContent::needs_later_structure(std::uint64_t sector, std::size_t version,
                                        std::size_t moment) const {
  const ByteRange whole = {.offset = sector * kSectorBytes, .bytes = kSectorBytes};
  for (std::size_t i = moment; i + 1 < version; ++i) {
    // The old block was given back and another one taken: the structure of `moment` has the old.
    if (overlap(zeroed_by(i), whole) == whole) return true;
  }
  return false;
}

void FileContent::keep_random(Random& random, DataOrder order) {
  // The extremes are where mistakes show: all of the structure and none of the data, and so on.
  const std::size_t all = changes_.size();
  const std::size_t moments[] = {0, all, random.below(all + 1), random.below(all + 1)};
  const std::size_t moment = moments[random.below(4)];
  const unsigned chances[] = {0, 20, 50, 80, 100};
  const unsigned newest = chances[random.below(5)];
  const unsigned any = chances[random.below(5)];

  const SparseContent structure = structure_at(moment);
  SparseContent kept = structure;
  for (auto& [sector, versions] : versions_of_sectors()) {
    const bool certain = order == DataOrder::kOrdered && versions.front().moment <= moment &&
                         !structure.has_block_at(sector * kSectorBytes);
    const Version* choice = certain ? &versions.front() : nullptr;
    if (random.chance(newest)) {
      choice = &versions.back();
    } else if (random.chance(any)) {
      choice = &versions[random.below(versions.size())];
    }
    if (choice == nullptr || needs_later_structure(sector, choice->moment, moment)) continue;

    SparseContent patch;
    patch.write(0, choice->content);
    const std::uint64_t offset = sector * kSectorBytes;
    for (std::size_t i = choice->moment; i < moment; ++i) {
      const ByteRange hit = overlap(zeroed_by(i), {.offset = offset, .bytes = kSectorBytes});
      if (!hit.empty()) patch.zero({.offset = hit.offset - offset, .bytes = hit.bytes});
    }
    if (offset >= kept.size()) continue;
    Bytes bytes(std::min(choice->content.size(), kept.size() - offset));
    patch.read(0, bytes);
    kept.write(offset, bytes);
  }
  current_ = kept;
  has_failed_to_sync_ = false;
  stuck_pages_.clear();
  sync();
}

}  // namespace zstdfs::test
