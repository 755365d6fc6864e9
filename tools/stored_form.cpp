#include "tools/stored_form.hpp"

#include <array>

#include "zstdfs/constants.hpp"
#include "zstdfs/format_numbers.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::tools {
namespace {

/// Whether a frame is one of zeros, judged by its size and its content's checksum: enough for
/// statistics, and costs no read.
bool looks_like_zero_frame(const FrameEntry& frame) {
  return frame.logical_bytes > 0 && frame.logical_bytes <= kMaxZeroFrameBytes &&
         frame.stored_bytes == zero_frame_bytes(frame.logical_bytes) &&
         frame.checksum == zeros_checksum(frame.logical_bytes);
}

}  // namespace

bool begins_with_zstd_frame(const RandomAccessSource& source) {
  std::array<std::byte, sizeof(std::uint32_t)> start{};
  if (source.read_at(0, start) != start.size()) return false;
  const auto magic = load_le<std::uint32_t>(start, 0);
  return magic == kMagicNumber || is_skippable_magic(magic);
}

Condition condition_of(const LoadedContainer& container, std::uint64_t stored_bytes) {
  if (container.sealed) {
    return container.damage.empty() ? Condition::kSealed : Condition::kDamaged;
  }
  const bool written_on = container.header_intact && !container.header.is_sealed_for(stored_bytes);
  const bool durable_frames_there = container.index.frames_end() >= container.header.durable_bytes;
  return written_on && durable_frames_there ? Condition::kInterrupted : Condition::kDamaged;
}

StoredForm examine(const RandomAccessSource& source, const DictionarySource& dictionaries) {
  StoredForm result;
  result.stored_bytes = source.size();
  if (!is_container(source)) {
    result.logical_bytes = result.stored_bytes;
    result.foreign_zstd = begins_with_zstd_frame(source);
    return result;
  }
  const LoadedContainer container = load_container(source, dictionaries);
  result.form = Form::kContainer;
  result.logical_bytes = container.logical_bytes;
  result.level = container.header.level;
  result.chunk_bytes = container.header.chunk_bytes;
  result.dictionary_id = container.header.dictionary_id;
  result.long_distance_matching = container.header.long_distance_matching;
  result.compact = container.header.compact;
  result.frames = container.index.size();
  for (const FrameEntry& frame : container.index) {
    if (looks_like_zero_frame(frame)) result.zero_bytes += frame.logical_bytes;
  }
  result.condition = condition_of(container, result.stored_bytes);
  if (result.condition == Condition::kDamaged) {
    result.damage = describe_damage(container);
  }
  return result;
}

std::string describe_damage(const LoadedContainer& container) {
  std::string text = container.damage;
  const std::uint64_t end = container.index.frames_end();
  if (!container.sealed && container.header_intact && end < container.header.durable_bytes) {
    if (!text.empty()) text += "; ";
    text += "no readable frame from stored offset " + std::to_string(end) + " on, though up to " +
            std::to_string(container.header.durable_bytes) + " they were on stable storage";
  }
  return text.empty() ? "its parts do not agree" : text;
}

std::string form_name(Form form) {
  return form == Form::kRaw ? "raw" : "container";
}

std::string condition_name(Condition condition) {
  switch (condition) {
    case Condition::kSealed:
      return "sealed";
    case Condition::kInterrupted:
      return "interrupted";
    case Condition::kDamaged:
      break;
  }
  return "damaged";
}

}  // namespace zstdfs::tools
