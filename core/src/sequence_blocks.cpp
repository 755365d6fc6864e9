#include "sequence_blocks.hpp"

#include <zstd_errors.h>

#include <algorithm>

#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

/// What the format can express at least.
constexpr std::size_t kShortestMatch = 3;
/// The largest window. An offset above it would overflow in libzstd.
constexpr std::uint32_t kMaxOffset = std::uint32_t{1} << kWindowLogMax;

/// How much of a match goes into a block with so much room: neither part is too short to be one.
/// 0: the match begins with the next block.
std::size_t match_part(std::size_t match, std::size_t room) {
  if (match <= room) return match;
  const std::size_t rest = match - room;
  const std::size_t lacking = rest < kShortestMatch ? kShortestMatch - rest : 0;
  return room >= lacking + kShortestMatch ? room - lacking : 0;
}

}  // namespace

std::size_t block_bytes_max(const ZstdCompressionParameters& parameters) {
  std::size_t bytes = kBlockSizeMax;
  // A window that libzstd makes smaller than it was set holds the whole data, and so does a block.
  if (const int log = parameters.window_log(); log != 0) {
    bytes = std::min(bytes, std::size_t{1} << log);
  }
  if (const int limit = parameters.get(kParameterMaxBlockSize); limit != 0) {
    bytes = std::min(bytes, static_cast<std::size_t>(limit));
  }
  return bytes;
}

void SequenceBlocks::take(std::span<const Sequence> sequences, BlockDelimiters delimiters) {
  sequences_.reserve(sequences.size() + data_.size() / limits_.block_bytes + 1);
  for (const Sequence& sequence : sequences) {
    if (!sequence.is_delimiter()) check_match(sequence);
    if (sequence.literal_length > data_.size() - position_) fail("literals beyond the data's end");
    if (delimiters == BlockDelimiters::kNone) {
      take_cut(sequence);
    } else {
      take_whole(sequence);
    }
    ++number_;
  }
  if (delimiters == BlockDelimiters::kNone) {
    add_literals(data_.size() - position_);
    end_block();
    return;
  }
  if (position_ != block_start_) fail("the last block has no delimiter");
  if (position_ != data_.size()) {
    fail("the blocks end at byte " + std::to_string(position_) + " of " +
         std::to_string(data_.size()));
  }
}

void SequenceBlocks::take_cut(const Sequence& sequence) {
  add_literals(sequence.literal_length);
  if (!sequence.is_delimiter()) add_match(sequence);
}

void SequenceBlocks::take_whole(const Sequence& sequence) {
  const std::uint64_t bytes = std::uint64_t{sequence.literal_length} + sequence.match_length;
  if (bytes > room()) {
    fail("its block has more than " + std::to_string(limits_.block_bytes) + " bytes");
  }
  take_cut(sequence);
  if (sequence.is_delimiter()) end_block();
}

void SequenceBlocks::add_literals(std::uint64_t bytes) {
  while (bytes != 0) {
    if (room() == 0) end_block();
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, room()));
    literals_ += part;
    position_ += part;
    bytes -= part;
  }
}

void SequenceBlocks::add_match(const Sequence& sequence) {
  if (sequence.match_length > data_.size() - position_) fail("a match beyond the data's end");
  if (sequence.offset > position_ && sequence.offset - position_ > dictionary_.size()) {
    fail("an offset of " + std::to_string(sequence.offset) + " at byte " +
         std::to_string(position_) + " reaches beyond the beginning");
  }
  if (limits_.validation == SequenceValidation::kContent && !repeats(sequence)) {
    fail("the match at byte " + std::to_string(position_) + " is none");
  }
  for (std::size_t left = sequence.match_length; left != 0;) {
    const std::size_t part = match_part(left, room());
    if (part == 0) {
      end_block();
      continue;
    }
    store_match(sequence.offset, part);
    left -= part;
  }
}

void SequenceBlocks::store_match(std::uint32_t offset, std::size_t bytes) {
  sequences_.push_back({.offset = offset,
                        .litLength = static_cast<unsigned>(literals_),
                        .matchLength = static_cast<unsigned>(bytes),
                        .rep = 0});
  literals_ = 0;
  position_ += bytes;
}

// Blocks without content are left out: they would only cost their headers.
void SequenceBlocks::end_block() {
  if (position_ == block_start_) return;
  sequences_.push_back(
      {.offset = 0, .litLength = static_cast<unsigned>(literals_), .matchLength = 0, .rep = 0});
  literals_ = 0;
  block_start_ = position_;
  ++blocks_;
}

void SequenceBlocks::check_match(const Sequence& sequence) const {
  if (sequence.offset == 0) fail("a match with an offset of 0");
  if (sequence.offset > kMaxOffset) {
    fail("an offset of " + std::to_string(sequence.offset) + "; the largest is " +
         std::to_string(kMaxOffset));
  }
  if (sequence.match_length < kShortestMatch) {
    fail("a match of " + std::to_string(sequence.match_length) + " bytes; the shortest is " +
         std::to_string(kShortestMatch));
  }
}

bool SequenceBlocks::repeats(const Sequence& sequence) const {
  ByteSpan match = data_.subspan(position_, sequence.match_length);
  ByteSpan repeated = data_;
  if (sequence.offset > position_) {
    // It begins in the dictionary, and may go on in the data.
    const ByteSpan before = dictionary_.last(sequence.offset - position_);
    const std::size_t part = std::min(before.size(), match.size());
    if (!std::ranges::equal(match.first(part), before.first(part))) return false;
    match = match.subspan(part);
  } else {
    repeated = data_.subspan(position_ - sequence.offset);
  }
  return std::ranges::equal(match, repeated.first(match.size()));
}

void SequenceBlocks::fail(const std::string& what) const {
  throw ZstdError(ZSTD_error_externalSequences_invalid,
                  "sequence " + std::to_string(number_) + ": " + what);
}

}  // namespace zstdfs
