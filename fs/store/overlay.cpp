#include "fs/store/overlay.hpp"

#include <algorithm>
#include <limits>

namespace zstdfs::store {
namespace {

// A piece that grows by appending is closed at this size, so that splitting one stays cheap.
constexpr std::uint64_t kMaxGrownPieceBytes = 1u << 20;

std::size_t index_in(std::uint64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

void Overlay::write(std::uint64_t offset, ByteSpan bytes) {
  if (bytes.empty() || write_into_one_piece(offset, bytes)) return;
  replace(offset, Piece{bytes.size(), Bytes(bytes.begin(), bytes.end())});
}

// The two common cases that need no new piece: writing again within one, and appending to one.
bool Overlay::write_into_one_piece(std::uint64_t offset, ByteSpan bytes) {
  auto it = pieces_.upper_bound(offset);
  const auto next = it;
  if (it == pieces_.begin()) return false;
  --it;
  Piece& piece = it->second;
  if (piece.is_zero() || !unlogged_.contains(it->first)) return false;
  const std::uint64_t at = offset - it->first;
  const std::uint64_t end = at + bytes.size();
  if (at <= piece.bytes && end <= piece.bytes) {
    std::copy(bytes.begin(), bytes.end(), piece.data.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }
  const bool reaches_next = next != pieces_.end() && next->first < it->first + end;
  if (at != piece.bytes || reaches_next || end > kMaxGrownPieceBytes) return false;
  const std::size_t held = piece.data.capacity();
  if (end > held) {
    piece.data.reserve(index_in(std::clamp(2 * piece.bytes, end, kMaxGrownPieceBytes)));
  }
  held_bytes_ += piece.data.capacity() - held;
  piece.data.resize(index_in(end));
  std::copy(bytes.begin(), bytes.end(), piece.data.begin() + static_cast<std::ptrdiff_t>(at));
  piece.bytes = end;
  data_bytes_ += bytes.size();
  return true;
}

void Overlay::write_zeros(ByteRange range) {
  if (!range.empty()) replace(range.offset, Piece{range.bytes, {}});
}

// All memory is there before anything is changed.
void Overlay::replace(std::uint64_t offset, Piece piece) {
  const ByteRange range{offset, piece.bytes};
  Pieces one;
  one.emplace(offset, std::move(piece));
  std::set<std::uint64_t> unlogged = {offset};
  erase(range);
  add(std::move(one));
  unlogged_.merge(unlogged);
}

void Overlay::add(Pieces one) {
  data_bytes_ += one.begin()->second.data.size();
  held_bytes_ += one.begin()->second.data.capacity();
  pieces_.merge(one);
}

void Overlay::split_at(std::uint64_t offset) {
  auto it = pieces_.lower_bound(offset);
  if (it == pieces_.begin()) return;
  --it;
  Piece& left = it->second;
  const std::uint64_t at = offset - it->first;
  if (at >= left.bytes) return;
  Pieces right;
  Bytes data;
  if (!left.is_zero()) {
    const auto middle = left.data.begin() + static_cast<std::ptrdiff_t>(at);
    data.assign(middle, left.data.end());
  }
  right.emplace(offset, Piece{left.bytes - at, std::move(data)});
  std::set<std::uint64_t> unlogged;
  if (unlogged_.contains(it->first)) unlogged.insert(offset);
  // From here on nothing can fail.
  if (!left.is_zero()) {
    data_bytes_ -= left.data.size() - at;
    held_bytes_ -= left.data.capacity();
    left.data.resize(index_in(at));
    // Little that is left must not hold much.
    if (left.data.capacity() > 2 * left.data.size()) left.data.shrink_to_fit();
    held_bytes_ += left.data.capacity();
  }
  left.bytes = at;
  add(std::move(right));
  unlogged_.merge(unlogged);
}

void Overlay::erase(ByteRange range) {
  if (range.empty()) return;
  split_at(range.offset);
  split_at(range.end());
  const auto first = pieces_.lower_bound(range.offset);
  const auto last = pieces_.lower_bound(range.end());
  for (auto it = first; it != last; ++it) {
    data_bytes_ -= it->second.data.size();
    held_bytes_ -= it->second.data.capacity();
  }
  pieces_.erase(first, last);
  unlogged_.erase(unlogged_.lower_bound(range.offset), unlogged_.lower_bound(range.end()));
}

void Overlay::erase_from(std::uint64_t offset) {
  erase({offset, std::numeric_limits<std::uint64_t>::max() - offset});
}

void Overlay::clear() {
  pieces_.clear();
  unlogged_.clear();
  data_bytes_ = held_bytes_ = 0;
}

Overlay::Pieces::const_iterator Overlay::first_touching(std::uint64_t offset) const {
  auto it = pieces_.upper_bound(offset);
  if (it == pieces_.begin()) return it;
  const auto before = std::prev(it);
  return before->first + before->second.bytes > offset ? before : it;
}

void Overlay::lay_over(std::uint64_t offset, MutableByteSpan out) const {
  const std::uint64_t end = offset + out.size();
  for (auto it = first_touching(offset); it != pieces_.end() && it->first < end; ++it) {
    const std::uint64_t from = std::max(offset, it->first);
    const std::uint64_t to = std::min(end, it->first + it->second.bytes);
    const MutableByteSpan target = out.subspan(index_in(from - offset), index_in(to - from));
    if (it->second.is_zero()) {
      std::fill(target.begin(), target.end(), std::byte{0});
    } else {
      const ByteSpan data(it->second.data);
      const ByteSpan part = data.subspan(index_in(from - it->first), target.size());
      std::copy(part.begin(), part.end(), target.begin());
    }
  }
}

bool Overlay::covers(ByteRange range) const {
  std::uint64_t at = range.offset;
  for (auto it = first_touching(at); at < range.end(); ++it) {
    if (it == pieces_.end() || it->first > at) return false;
    at = it->first + it->second.bytes;
  }
  return true;
}

}  // namespace zstdfs::store
