#include "tests/soak/content_model.hpp"

#include <algorithm>
#include <cstring>

namespace zstdfs::soak {
namespace {

constexpr std::uint64_t kCompareBytes = 4096;

std::string in_hex(ByteSpan bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 16))) {
    out += kDigits[std::to_integer<unsigned>(byte) >> 4];
    out += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return out;
}

Bytes part(const Bytes& bytes, std::uint64_t from, std::uint64_t to) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(to)};
}

}  // namespace

Change ContentModel::writing(std::uint64_t offset, ByteSpan bytes) const {
  const std::uint64_t begin = std::min<std::uint64_t>(offset, size());
  Change change{begin, Bytes(static_cast<std::size_t>(offset - begin)),
                std::max<std::uint64_t>(size(), offset + bytes.size())};
  change.bytes.insert(change.bytes.end(), bytes.begin(), bytes.end());
  return change;
}

Change ContentModel::truncating(std::uint64_t new_size) const {
  const std::uint64_t grown = new_size > size() ? new_size - size() : 0;
  return {std::min<std::uint64_t>(size(), new_size), Bytes(static_cast<std::size_t>(grown)),
          new_size};
}

Change ContentModel::zeroing(ByteRange range, bool grows) const {
  if (grows && range.end() > size()) {
    const std::uint64_t begin = std::min<std::uint64_t>(range.offset, size());
    return {begin, Bytes(static_cast<std::size_t>(range.end() - begin)), range.end()};
  }
  const std::uint64_t begin = std::min<std::uint64_t>(range.offset, size());
  const std::uint64_t end = std::min<std::uint64_t>(range.end(), size());
  return {begin, Bytes(static_cast<std::size_t>(end - begin)), size()};
}

void ContentModel::intend(Change change) {
  intended_ = std::move(change);
}

void ContentModel::note_size(std::uint64_t size) {
  smallest_ = std::min(smallest_, size);
  largest_ = std::max(largest_, size);
}

void ContentModel::remember(std::uint64_t offset, Bytes bytes) {
  if (bytes.empty()) return;
  remembered_bytes_ += bytes.size();
  alternatives_.push_back({offset, std::move(bytes)});
}

void ContentModel::done() {
  Change change = std::move(*intended_);
  intended_.reset();
  changed_ = true;
  const std::uint64_t end = change.offset + change.bytes.size();
  const std::uint64_t old_end = std::min<std::uint64_t>(end, size());
  if (change.offset < old_end) remember(change.offset, part(visible_, change.offset, old_end));
  if (change.size_after < size()) {
    remember(change.size_after, part(visible_, change.size_after, size()));
  }
  note_size(change.size_after);
  visible_.resize(static_cast<std::size_t>(change.size_after));
  std::copy(change.bytes.begin(), change.bytes.end(),
            visible_.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void ContentModel::doubt() {
  if (!intended_) return;
  note_size(intended_->size_after);
  remember(intended_->offset, std::move(intended_->bytes));
  intended_.reset();
  changed_ = true;
}

void ContentModel::promised() {
  alternatives_.clear();
  remembered_bytes_ = 0;
  smallest_ = largest_ = size();
  changed_ = false;
}

bool ContentModel::is_possible(std::uint64_t offset, std::byte value) const {
  if (offset < size() ? visible_[static_cast<std::size_t>(offset)] == value
                      : value == std::byte{0}) {
    return true;
  }
  // What lay behind the end at the last promise is zeros when the file grows.
  if (value == std::byte{0} && offset >= smallest_) return true;
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const Alternative& other) {
    return offset >= other.offset && offset - other.offset < other.bytes.size() &&
           other.bytes[static_cast<std::size_t>(offset - other.offset)] == value;
  });
}

std::string ContentModel::impossible(ByteSpan found) const {
  if (found.size() < smallest_ || found.size() > largest_) {
    return "the size is " + std::to_string(found.size()) + ", expected " +
           (smallest_ == largest_
                ? std::to_string(smallest_)
                : "between " + std::to_string(smallest_) + " and " + std::to_string(largest_));
  }
  for (std::uint64_t at = 0; at < found.size(); at += kCompareBytes) {
    const std::uint64_t end = std::min<std::uint64_t>(found.size(), at + kCompareBytes);
    const auto length = static_cast<std::size_t>(end - at);
    if (end <= size() && std::memcmp(&found[at], &visible_[at], length) == 0) continue;
    for (std::uint64_t i = at; i < end; ++i) {
      if (is_possible(i, found[i])) continue;
      const std::uint64_t seen = std::min<std::uint64_t>(i, size());
      return "at offset " + std::to_string(i) + " found " + in_hex(found.subspan(i)) +
             ", last visible " + in_hex(ByteSpan(visible_).subspan(seen)) + ", and none of " +
             std::to_string(alternatives_.size()) + " older or uncertain pieces has it either";
    }
  }
  return "";
}

void ContentModel::adopt(Bytes found) {
  // What was visible, or thought to be, is as uncertain as the rest until the next promise.
  if (visible_ != found) remember(0, std::move(visible_));
  visible_ = std::move(found);
  note_size(visible_.size());
}

std::string ContentModel::different(std::uint64_t offset, ByteSpan found) const {
  const std::uint64_t begin = std::min<std::uint64_t>(offset, size());
  const ByteSpan wanted = ByteSpan(visible_).subspan(begin);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i < wanted.size() && found[i] == wanted[i]) continue;
    return "at offset " + std::to_string(offset + i) + " found " + in_hex(found.subspan(i)) +
           ", expected " +
           (i < wanted.size() ? in_hex(wanted.subspan(i)) : std::string("the end of the file"));
  }
  return "";
}

}  // namespace zstdfs::soak
