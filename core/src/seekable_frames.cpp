#include "seekable_frames.hpp"

#include <algorithm>
#include <string>

#include "frame_layout.hpp"
#include "frames_in_memory.hpp"
#include "seekable_damage.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs {
namespace {

// An encoder that is flushed after each byte makes four of it, and none makes more on purpose: with
// this, max_frame_size bounds the stored bytes, too.
constexpr std::uint64_t kMaxStoredPerContent = 8;
constexpr std::uint64_t kMaxStoredOverheadBytes = 64u << 10;

FramePlace place_of(const SeekTable& table, std::size_t i) {
  return {.number = i, .offset = table[i].compressed_offset};
}

template <typename Decoders>
auto find_keeping(Decoders& decoders, std::size_t frame) {
  return std::ranges::find_if(decoders,
                              [&](const auto& decoder) { return decoder->kept_frame() == frame; });
}

[[noreturn]] void throw_wrong_checksum(const FramePlace& place) {
  throw_damaged(place, "its checksum is not the one in the seek table");
}

}  // namespace

void SeekableFrameDecoder::read(const FramePart& part, MutableByteSpan out) {
  const std::size_t i = part.frame;
  const std::size_t content_bytes = file_.table[i].decompressed_size;
  if (kept_frame_ != i) {
    const StoredFrame stored = load(i);
    if (out.size() == content_bytes) {
      decode(i, stored, out);
      return;
    }
    kept_frame_.reset();
    decode(i, stored, content_.at_least(content_bytes));
    kept_frame_ = i;
  }
  const ByteSpan content = content_.at_least(content_bytes);
  std::ranges::copy(content.subspan(part.content_offset, out.size()), out.begin());
}

SeekableFrameDecoder::StoredFrame SeekableFrameDecoder::load(std::size_t i) {
  const SeekableFrame& listed = file_.table[i];
  const FramePlace place = place_of(file_.table, i);
  const StoredFrame stored{.bytes = read_stored(i)};
  const FrameInMemory frame = [&] {
    try {
      return first_frame(stored.bytes, kFormatZstd1);
    } catch (const ZstdError& error) {
      throw_as_damage(place, error);
    }
  }();
  if (frame.kind != FrameInMemory::Kind::kData) {
    throw_damaged(place, "a skippable frame where the seek table has content");
  }
  if (frame.bytes != stored.bytes.size()) {
    throw_damaged(place, "it has " + std::to_string(frame.bytes) + " bytes, in the seek table " +
                             std::to_string(stored.bytes.size()));
  }
  if (frame.content_bytes.value_or(listed.decompressed_size) != listed.decompressed_size) {
    throw_damaged(place, "it holds " + std::to_string(*frame.content_bytes) +
                             " bytes, in the seek table " +
                             std::to_string(listed.decompressed_size));
  }
  if (frame.content_bound < listed.decompressed_size) {
    throw_damaged(place, "its blocks cannot hold the " + std::to_string(listed.decompressed_size) +
                             " bytes of the seek table");
  }
  if (frame.has_checksum && listed.checksum &&
      load_le<std::uint32_t>(stored.bytes, frame.bytes - kChecksumBytes) != *listed.checksum) {
    throw_wrong_checksum(place);
  }
  return {.bytes = stored.bytes, .has_checksum = frame.has_checksum};
}

ByteSpan SeekableFrameDecoder::read_stored(std::size_t i) {
  const SeekableFrame& listed = file_.table[i];
  const FramePlace place = place_of(file_.table, i);
  if (listed.decompressed_size > file_.max_frame_size) {
    throw_damaged(place, "it holds " + std::to_string(listed.decompressed_size) +
                             " bytes, more than max_frame_size");
  }
  if (listed.compressed_size >
      kMaxStoredPerContent * listed.decompressed_size + kMaxStoredOverheadBytes) {
    throw_damaged(place, std::to_string(listed.compressed_size) +
                             " stored bytes are too many for " +
                             std::to_string(listed.decompressed_size) + " of content");
  }
  const MutableByteSpan stored = stored_.at_least(listed.compressed_size);
  const std::size_t n = file_.source.read_at(listed.compressed_offset, stored);
  if (n != stored.size()) {
    throw_damaged(place, "expected " + std::to_string(stored.size()) +
                             " stored bytes, the file ends after " + std::to_string(n));
  }
  return stored;
}

void SeekableFrameDecoder::decode(std::size_t i, const StoredFrame& stored, MutableByteSpan out) {
  const FramePlace place = place_of(file_.table, i);
  std::size_t content_bytes = 0;
  try {
    content_bytes = decompressor_.decompress_into(out, stored.bytes);
  } catch (const ZstdError& error) {
    throw_as_damage(place, error);
  }
  if (content_bytes != out.size()) {
    throw_damaged(place, "it holds " + std::to_string(content_bytes) +
                             " bytes, in the seek table " + std::to_string(out.size()));
  }
  // The frame's own checksum was verified by libzstd, and compared with the table's before.
  const auto& checksum = file_.table[i].checksum;
  if (!stored.has_checksum && checksum && content_checksum(out) != *checksum) {
    throw_wrong_checksum(place);
  }
}

std::unique_ptr<SeekableFrameDecoder> SeekableDecoders::take(std::size_t frame) {
  const MutexLock lock(mutex_);
  auto chosen = find_keeping(idle_, frame);
  if (chosen == idle_.end() && made_ >= kept_frames_) {
    // Whoever reads in order goes on with his own, and leaves those of others alone.
    if (frame != 0) chosen = find_keeping(idle_, frame - 1);
    if (chosen == idle_.end()) chosen = idle_.begin();
  }
  if (chosen == idle_.end()) {
    idle_.reserve(made_ + 1);
    auto decoder = std::make_unique<SeekableFrameDecoder>(file_);
    ++made_;
    return decoder;
  }
  auto decoder = std::move(*chosen);
  idle_.erase(chosen);
  return decoder;
}

void SeekableDecoders::give_back(std::unique_ptr<SeekableFrameDecoder> decoder) noexcept {
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(decoder));
}

}  // namespace zstdfs
