#include "fs/store/frame_survey.hpp"

#include <algorithm>

#include "fs/store/frame_checks.hpp"

namespace zstdfs::store {
namespace {

using Found = FrameSurvey::Found;

class Surveyor {
 public:
  Surveyor(const RandomAccessSource& source, std::uint64_t frames_begin,
           const DictionarySource& dictionaries)
      : source_(source),
        dictionaries_(dictionaries),
        size_(source.size()),
        at_(frames_begin),
        certain_end_(frames_begin - 1) {}

  FrameSurvey run() && {
    while (at_ < size_) {
      const auto found = find_frame(source_, at_);
      const auto* const extent = std::get_if<FrameExtent>(&found);
      if (extent != nullptr && is_seek_table(*extent)) {
        survey_.reached_table = true;
        survey_.ends_properly = extent->stored_offset + extent->stored_bytes == size_;
        return std::move(survey_);
      }
      if (extent != nullptr && is_without_content(*extent)) {
        at_ += extent->stored_bytes;
        continue;
      }
      if (extent != nullptr && take(*extent)) continue;
      if (!find_next()) {
        survey_.reached_table = begins_like_seek_table(source_, at_);
        return std::move(survey_);
      }
    }
    survey_.ends_properly = at_ == size_;
    return std::move(survey_);
  }

 private:
  bool take(const FrameExtent& extent) {
    const auto entry = as_entry(extent);
    if (!entry) return false;
    const bool verified = verifies(source_, *entry, dictionaries_);
    if (!verified && !something_follows(entry->stored_end())) return false;
    add({*entry, verified});
    return true;
  }

  /// A damaged frame's size is believed only if it leads to something that is right.
  bool something_follows(std::uint64_t offset) const {
    if (offset == size_) return true;
    for (int i = 0; i < kMaxPaddingFrames && offset < size_; ++i) {
      const auto found = find_frame(source_, offset);
      const auto* const extent = std::get_if<FrameExtent>(&found);
      if (extent == nullptr) return false;
      if (is_seek_table(*extent)) return true;
      if (!is_without_content(*extent)) return as_entry(*extent).has_value();
      offset += extent->stored_bytes;
    }
    return offset == size_;
  }

  /// A skippable frame with a damaged size may have led astray, so the search begins behind the
  /// last frame that is certain.
  bool find_next() {
    const auto next = find_verified_frame(source_, certain_end_ + 1, dictionaries_);
    if (!next) return false;
    while (!survey_.frames.empty() && !survey_.frames.back().verified &&
           survey_.frames.back().frame.stored_end() > next->stored_offset) {
      survey_.frames.pop_back();
    }
    add({*next, /*verified=*/true, /*after_unknown=*/true});
    return true;
  }

  void add(const Found& found) {
    survey_.frames.push_back(found);
    at_ = found.frame.stored_end();
    if (found.verified) certain_end_ = at_;
  }

  static constexpr int kMaxPaddingFrames = 1000;

  const RandomAccessSource& source_;
  const DictionarySource& dictionaries_;
  const std::uint64_t size_;
  FrameSurvey survey_;
  std::uint64_t at_;
  std::uint64_t certain_end_;  // the search begins one behind
};

std::uint64_t sum_of(const std::vector<Found>& frames, std::size_t from, std::size_t to) {
  std::uint64_t sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += frames[i].frame.logical_bytes;
  return sum;
}

/// Without a sum to compare with, a damaged frame's word is taken only if it is what its neighbour
/// says as well.
bool is_like_neighbour(const std::vector<Found>& frames, std::size_t i) {
  const auto same = [&](std::size_t other) {
    return frames[other].verified &&
           frames[other].frame.logical_bytes == frames[i].frame.logical_bytes;
  };
  return (i > 0 && same(i - 1)) || (i + 1 < frames.size() && same(i + 1));
}

class Placer {
 public:
  Placer(FrameSurvey survey, std::optional<std::uint64_t> total)
      : survey_(std::move(survey)), frames_(survey_.frames), total_(total) {}

  PlacedFrames run() && {
    const std::size_t count = frames_.size();
    const bool unbroken = std::none_of(frames_.begin(), frames_.end(),
                                       [](const Found& found) { return found.after_unknown; });
    const bool all_verified = std::all_of(frames_.begin(), frames_.end(),
                                          [](const Found& found) { return found.verified; });
    if (unbroken && total_ && sum_of(frames_, 0, count) == *total_) {
      place(0, count);
      placed_.undisturbed = all_verified && survey_.reached_table && survey_.ends_properly;
    } else if (unbroken && all_verified) {
      place(0, count);
      placed_.undisturbed = !total_ && survey_.ends_properly;
      placed_.end_unknown = !total_ && !survey_.ends_properly;
      lose_up_to_total();
    } else if (total_) {
      place_both_ends();
    } else {
      place_beginning();
    }
    return std::move(placed_);
  }

 private:
  void place(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const FrameEntry& frame = frames_[i].frame;
      placed_.parts.push_back(
          {frame.logical_bytes, frames_[i].verified ? std::optional(frame) : std::nullopt});
      placed_bytes_ += frame.logical_bytes;
    }
  }

  void lose(std::uint64_t bytes) {
    if (bytes == 0) return;
    placed_.parts.push_back({bytes, std::nullopt});
    placed_bytes_ += bytes;
  }

  void lose_up_to_total() {
    if (total_ && *total_ > placed_bytes_) lose(*total_ - placed_bytes_);
  }

  std::size_t certain_beginning() const {
    std::size_t i = 0;
    while (i < frames_.size() && frames_[i].verified && !frames_[i].after_unknown) ++i;
    return i;
  }

  void place_both_ends() {
    const std::size_t count = frames_.size();
    const std::size_t beginning = certain_beginning();
    place(0, beginning);
    std::size_t ending = count;
    if (survey_.reached_table) {
      while (ending > beginning && frames_[ending - 1].verified) {
        --ending;
        if (frames_[ending].after_unknown) break;
      }
    }
    const std::uint64_t at_the_end = sum_of(frames_, ending, count);
    if (at_the_end > 0 && placed_bytes_ + at_the_end <= *total_) {
      lose(*total_ - placed_bytes_ - at_the_end);
      place(ending, count);
    }
    lose_up_to_total();
  }

  void place_beginning() {
    std::size_t i = 0;
    while (i < frames_.size() && !frames_[i].after_unknown &&
           (frames_[i].verified || is_like_neighbour(frames_, i))) {
      ++i;
    }
    place(0, i);
    placed_.end_unknown = i < frames_.size() || !survey_.ends_properly;
  }

  const FrameSurvey survey_;
  const std::vector<Found>& frames_;
  const std::optional<std::uint64_t> total_;
  PlacedFrames placed_;
  std::uint64_t placed_bytes_ = 0;
};

}  // namespace

FrameSurvey survey_frames(const RandomAccessSource& source, std::uint64_t frames_begin,
                          const DictionarySource& dictionaries) {
  return Surveyor(source, frames_begin, dictionaries).run();
}

PlacedFrames place_frames(FrameSurvey survey, std::optional<std::uint64_t> total) {
  return Placer(std::move(survey), total).run();
}

}  // namespace zstdfs::store
