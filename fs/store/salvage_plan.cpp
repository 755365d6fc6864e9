#include "fs/store/salvage_plan.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "fs/store/frame_checks.hpp"
#include "fs/store/frame_survey.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

using Gap = ContainerRewriter::Gap;

// docs/format.md, "Header".
constexpr std::size_t kGenerationOffset = 32;
constexpr std::size_t kShortGenerationOffset = 40;

bool has_intact_signature(const RandomAccessSource& source) {
  const ContainerPrefix prefix(source);
  return prefix.is_container() && !prefix.was_damaged();
}

/// Where the frames begin, as far as the header or what is left of it tells.
std::uint64_t frames_begin(const RandomAccessSource& source) {
  if (const auto header = read_container_header(source)) return header->bytes();
  return has_short_header(ContainerPrefix(source).bytes()) ? kShortHeaderBytes
                                                           : kContainerHeaderBytes;
}

/// The beginning of a source, as if it ended there.
class FirstBytes final : public RandomAccessSource {
 public:
  FirstBytes(const RandomAccessSource& source, std::uint64_t bytes)
      : source_(source), bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_; }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    if (offset >= bytes_) return 0;
    const auto n = std::min<std::uint64_t>(out.size(), bytes_ - offset);
    return source_.read_at(offset, out.first(static_cast<std::size_t>(n)));
  }

 private:
  const RandomAccessSource& source_;
  const std::uint64_t bytes_;
};

/// Where a seek table says that the frames are.
struct Layout {
  FrameIndex index;
  /// The header vouches for the table. Otherwise its sums fit the file, but single entries may be
  /// damaged.
  bool vouched_for = false;
  /// Frames may lie so much further on than the table says: bytes were lost or put in between.
  std::int64_t shift = 0;
  bool more_follows = false;  ///< there is something behind the table
};

class Planner {
 public:
  Planner(const RandomAccessSource& source, const DictionarySource& dictionaries)
      : source_(source),
        size_(source.size()),
        has_signature_(has_intact_signature(source)),
        header_(read_container_header(source)),
        dictionaries_(header_, dictionaries),
        frames_begin_(frames_begin(source)) {}

  SalvagePlan run() && {
    if (auto layout = find_layout()) {
      place_by(*layout);
    } else {
      place_by_survey();
    }
    finish();
    return std::move(plan_);
  }

 private:
  std::optional<Layout> find_layout() const {
    if (!header_ || header_->is_sealed_for(size_)) {
      auto table = read_container_table(source_);
      if (!table || (header_ && table->index.logical_bytes() != header_->logical_bytes)) return {};
      const bool vouched_for = header_ && table->table_hash == header_->seek_table_hash;
      return Layout{std::move(table->index), vouched_for};
    }
    if (size_ > header_->stored_bytes) {
      auto table = read_container_table(FirstBytes(source_, header_->stored_bytes));
      if (is_the_headers(table)) return Layout{std::move(table->index), true, 0, true};
    }
    auto table = read_moved_container_table(source_, header_->stored_bytes);
    if (!is_the_headers(table)) return {};
    const auto shift = static_cast<std::int64_t>(size_ - header_->stored_bytes);
    return Layout{std::move(table->index), true, shift};
  }

  bool is_the_headers(const std::optional<ContainerTable>& table) const {
    return table && table->table_hash == header_->seek_table_hash;
  }

  void place_by(const Layout& layout) {
    for (const FrameEntry& expected : layout.index) {
      if (const auto frame = find_intact(layout, expected)) {
        keep(*frame);
      } else {
        lose(expected.logical_bytes);
      }
    }
    plan_.discards = layout.more_follows || layout.shift != 0;
    plan_.whole =
        has_signature_ && layout.vouched_for && !plan_.discards && !any_lost_ && !any_change_;
    plan_.nothing_left = plan_.intact_frames == 0 && !layout.index.empty();
  }

  std::optional<FrameEntry> find_intact(const Layout& layout, const FrameEntry& expected) const {
    if (verifies(source_, expected, dictionaries_)) return expected;
    if (layout.shift != 0) {
      FrameEntry moved = expected;
      moved.stored_offset += static_cast<std::uint64_t>(layout.shift);
      const bool inside = moved.stored_offset >= kContainerHeaderBytes &&
                          moved.stored_offset < size_ &&
                          moved.stored_bytes <= size_ - moved.stored_offset;
      if (inside && verifies(source_, moved, dictionaries_)) return moved;
    }
    if (layout.vouched_for) return std::nullopt;
    // It may be the table's entry that is damaged; the frame speaks for itself.
    const auto found = find_frame(source_, expected.stored_offset);
    const auto* const extent = std::get_if<FrameExtent>(&found);
    const auto own = extent != nullptr ? as_entry(*extent) : std::nullopt;
    if (!own || own->stored_bytes != expected.stored_bytes ||
        !verifies(source_, *own, dictionaries_)) {
      return std::nullopt;
    }
    // With the header's sum the sizes in the table fit, without it the frame knows better.
    if (header_ && own->logical_bytes != expected.logical_bytes) return std::nullopt;
    return own;
  }

  void place_by_survey() {
    FrameSurvey survey = survey_frames(source_, frames_begin_, dictionaries_);
    std::optional<std::uint64_t> total;
    if (header_ && size_ <= header_->stored_bytes) total = header_->logical_bytes;
    const PlacedFrames placed = place_frames(std::move(survey), total);
    for (const PlacedFrames::Part& part : placed.parts) {
      if (part.frame) {
        keep(*part.frame);
      } else {
        lose(part.logical_bytes);
      }
    }
    plan_.end_unknown = placed.end_unknown;
    const std::uint64_t content = plan_.logical_bytes();
    plan_.nothing_left = plan_.intact_frames == 0 && (content > 0 || placed.end_unknown);
    plan_.discards = !placed.undisturbed && !table_confirms();
  }

  /// Whether the header knows a seek table that says just what was found.
  bool table_confirms() const {
    if (!header_ || any_lost_) return false;
    FrameIndex index(frames_begin_);
    for (const SalvagePlan::Part& part : plan_.parts) {
      const std::uint64_t gap = part.frame->stored_offset - index.frames_end();
      if (part.gap != Gap::kPadding || part.ill_formed || (gap > 0 && gap < 8)) return false;
      index.append(part.frame->stored_offset, part.frame->stored_bytes, part.frame->logical_bytes,
                   part.frame->checksum);
    }
    return table_hash_for(*header_, encode_container_table(index)) == header_->seek_table_hash;
  }

  void keep(const FrameEntry& frame) {
    Gap gap = Gap::kUnknown;
    if (last_end_ && frame.stored_offset >= *last_end_ &&
        is_padding(source_, {*last_end_, frame.stored_offset - *last_end_})) {
      gap = Gap::kPadding;
    }
    const bool ill_formed = !is_well_formed(source_, frame);
    if (gap == Gap::kUnknown || ill_formed) any_change_ = true;
    plan_.parts.push_back({frame.logical_bytes, frame, gap, ill_formed});
    ++plan_.intact_frames;
    last_end_ = frame.stored_end();
  }

  void lose(std::uint64_t logical_bytes) {
    if (logical_bytes == 0) return;
    any_lost_ = true;
    last_end_.reset();
    plan_.parts.push_back({logical_bytes, std::nullopt, Gap::kUnknown});
  }

  void finish() {
    if (header_) {
      plan_.header = *header_;
      plan_.header.is_short = false;
      return;
    }
    plan_.header.generation = stored_generation(source_);
    std::uint32_t largest = kDefaultChunkBytes;
    for (const SalvagePlan::Part& part : plan_.parts) {
      if (part.frame && part.frame->logical_bytes <= kMaxChunkBytes &&
          part.frame->stored_bytes != zero_frame_bytes(part.frame->logical_bytes)) {
        largest = std::max(largest, part.frame->logical_bytes);
      }
    }
    plan_.header.chunk_bytes = std::bit_ceil(largest);
  }

  const RandomAccessSource& source_;
  const std::uint64_t size_;
  const bool has_signature_;
  const std::optional<ContainerHeader> header_;
  const ContainerDictionaries dictionaries_;
  const std::uint64_t frames_begin_;
  SalvagePlan plan_;
  std::optional<std::uint64_t> last_end_ = frames_begin_;  // of the part before, if intact
  bool any_lost_ = false;
  bool any_change_ = false;  // of frames and padding, without loss
};

}  // namespace

std::uint64_t SalvagePlan::logical_bytes() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts) sum += part.logical_bytes;
  return sum;
}

std::vector<ByteRange> SalvagePlan::lost() const {
  std::vector<ByteRange> ranges;
  std::uint64_t at = 0;
  for (const Part& part : parts) {
    if (!part.frame) {
      if (!ranges.empty() && ranges.back().end() == at) {
        ranges.back().bytes += part.logical_bytes;
      } else {
        ranges.push_back({at, part.logical_bytes});
      }
    }
    at += part.logical_bytes;
  }
  return ranges;
}

bool is_or_was_container(const RandomAccessSource& source, const DictionarySource& dictionaries) {
  if (is_container(source)) return true;
  if (source.size() < kShortHeaderBytes) return false;
  const auto table = read_container_table(source);
  return table && !table->index.empty() && verifies(source, table->index[0], dictionaries);
}

// Whether the number is right does not matter: only what is for the same number fits it.
std::uint64_t stored_generation(const RandomAccessSource& source) {
  std::array<std::byte, kContainerHeaderBytes> bytes{};
  source.read_at(0, bytes);
  const bool is_short = frames_begin(source) == kShortHeaderBytes;
  return load_le<std::uint64_t>(bytes, is_short ? kShortGenerationOffset : kGenerationOffset);
}

bool may_be_its_log(const RandomAccessSource& source, std::uint64_t generation,
                    const DictionarySource& dictionaries) {
  if (!is_or_was_container(source, dictionaries)) return false;
  const auto header = read_container_header(source);
  if (!header) return true;
  if (header->generation != generation) return false;
  if (!is_container(source)) return true;
  const LoadedContainer loaded =
      load_container(source, ContainerDictionaries(header, dictionaries));
  return loaded.logical_bytes > loaded.index.logical_bytes() ||
         loaded.index.frames_end() < header->durable_bytes;
}

SalvagePlan plan_salvage(const RandomAccessSource& source, const DictionarySource& dictionaries) {
  return Planner(source, dictionaries).run();
}

}  // namespace zstdfs::store
