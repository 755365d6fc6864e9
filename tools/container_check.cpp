#include "tools/container_check.hpp"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "fs/store/frame_checks.hpp"
#include "fs/store/salvage_plan.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_walk.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::tools {
namespace {

class ContainerCheck {
 public:
  ContainerCheck(const RandomAccessSource& source, Unmount unmount,
                 const DictionarySource& dictionaries, FileCheck& result)
      : source_(source),
        unmount_(unmount),
        dictionaries_(read_container_header(source), dictionaries),
        result_(result) {}

  void run() {
    const LoadedContainer container = load_container(source_, dictionaries_);
    result_.logical_bytes = container.logical_bytes;
    if (ContainerPrefix(source_).was_damaged()) {
      add(0, "the header's signature is damaged; its hash tells what it is");
    }
    // What a daemon had finished is there when it is killed; what it was at need not be whole.
    const bool may_be_torn = unmount_ == Unmount::kPowerLoss ||
                             (unmount_ == Unmount::kKilled && is_unfinished(container));
    if (may_be_torn && container.header_intact) vouched_end_ = container.header.durable_bytes;
    judge(container);
    bool is_as_listed = container.sealed;
    for (std::size_t i = 0; i < container.index.size(); ++i) {
      is_as_listed = is_as_listed && walk_to(container.index[i], i);
      verify(container.index[i]);
    }
  }

 private:
  void report(std::uint64_t stored_offset, std::string what) {
    if (stored_offset >= vouched_end_) {
      result_.interrupted = true;
      return;
    }
    add(stored_offset, std::move(what));
  }

  void add(std::uint64_t stored_offset, std::string what) {
    if (result_.damage.size() > kMaxFindings) return;
    if (result_.damage.size() == kMaxFindings) what = "and more, which are not listed";
    result_.damage.push_back({stored_offset, std::move(what)});
  }

  bool is_unfinished(const LoadedContainer& container) const {
    return !container.sealed && !container.header.is_sealed_for(result_.stored_bytes);
  }

  void judge(const LoadedContainer& container) {
    switch (condition_of(container, result_.stored_bytes)) {
      case Condition::kSealed:
        return;
      case Condition::kInterrupted:
        return judge_interrupted(container);
      case Condition::kDamaged:
        return report(container.header_intact ? container.index.frames_end() : 0,
                      describe_damage(container));
    }
  }

  /// After a power cut, what was never synced may be missing or torn. But a clean unmount leaves
  /// whole files: one that is shorter than its header says lost its end by other means, and what is
  /// no frame got there by other means.
  void judge_interrupted(const LoadedContainer& container) {
    const std::uint64_t header_says = container.header.stored_bytes;
    if (unmount_ == Unmount::kClean && result_.stored_bytes < header_says) {
      return report(result_.stored_bytes, "the file ends here, its header says " +
                                              std::to_string(header_says) + " bytes");
    }
    if (unmount_ == Unmount::kClean && !container.damage.empty()) {
      return report(container.index.frames_end(), container.damage);
    }
    result_.interrupted = true;
  }

  /// Compares what the seek table says of the next frame with the frames as they tell themselves.
  /// Only what lies between the first and the last difference could be wrong, so it returns false
  /// at the first.
  bool walk_to(const FrameEntry& expected, std::size_t number) {
    while (true) {
      const auto found = find_frame(source_, walked_);
      if (const auto* none = std::get_if<NoFrame>(&found)) {
        report(none->stored_offset, "no whole frame where the seek table has one: " + none->reason);
        return false;
      }
      const auto& extent = std::get<FrameExtent>(found);
      const std::uint64_t at = std::exchange(walked_, extent.stored_offset + extent.stored_bytes);
      if (extent.kind == FrameExtent::Kind::kData) {
        if (extent.stored_offset == expected.stored_offset &&
            extent.stored_bytes == expected.stored_bytes &&
            extent.content_bytes == expected.logical_bytes) {
          return true;
        }
        report(at, "the frame is not the one that the seek table has, number " +
                       std::to_string(number));
        return false;
      }
      if (walked_ > expected.stored_offset) {
        report(at, "a skippable frame lies where the seek table has frame number " +
                       std::to_string(number));
        return false;
      }
    }
  }

  void verify(const FrameEntry& frame) {
    ++result_.frames;
    try {
      if (frame.logical_bytes > kMaxChunkBytes) return verify_large(frame);
      if (content_.size() < frame.logical_bytes) content_.resize(frame.logical_bytes);
      read_frame(source_, frame, MutableByteSpan(content_).first(frame.logical_bytes),
                 dictionaries_);
    } catch (const CorruptError& error) {
      report(error.stored_offset(), reason_of(error));
    } catch (const MissingDictionaryError& error) {
      --result_.frames;
      result_.missing_dictionaries.try_emplace(error.id(), error.what());
    }
  }

  /// A frame larger than any chunk can only be one of zeros; that is told without a buffer of its
  /// size.
  void verify_large(const FrameEntry& frame) {
    if (frame.logical_bytes > kMaxZeroFrameBytes || !is_stored_zero_frame(source_, frame)) {
      return report(frame.stored_offset, "a frame larger than a chunk that is not one of zeros");
    }
    if (frame.checksum != zeros_checksum(frame.logical_bytes)) {
      report(frame.stored_offset, "the seek table has a wrong checksum for a frame of zeros");
    }
  }

  /// The error's text ends with the offset, which the finding has already.
  static std::string reason_of(const CorruptError& error) {
    std::string text = error.what();
    const std::size_t suffix = text.rfind(" (stored offset ");
    if (suffix != std::string::npos) text.erase(suffix);
    return text;
  }

  const RandomAccessSource& source_;
  const Unmount unmount_;
  const store::ContainerDictionaries dictionaries_;
  /// After an unclean end, what lies from here on may not have reached the disk: no damage, the
  /// next mount cuts it off.
  std::uint64_t vouched_end_ = std::numeric_limits<std::uint64_t>::max();
  FileCheck& result_;
  std::uint64_t walked_ = 0;  // up to here the frames are as the seek table has them
  Bytes content_;
};

}  // namespace

Unmount unmount_of(const store::StoreInspection& inspection) {
  // If it is not known how the store was left, nothing is excused.
  if (!inspection.interrupted || inspection.state_damaged) return Unmount::kClean;
  return inspection.system_went_down ? Unmount::kPowerLoss : Unmount::kKilled;
}

bool is_being_rewritten(const struct stat& status, const store::StoreInspection& inspection) {
  return inspection.rewritten.contains({status.st_dev, status.st_ino});
}

FileCheck check_file(const RandomAccessSource& source, Unmount unmount,
                     const DictionarySource& dictionaries) {
  FileCheck result;
  try {
    result.stored_bytes = source.size();
    if (!is_container(source)) {
      result.logical_bytes = result.stored_bytes;
      if (store::is_or_was_container(source, dictionaries)) {
        result.form = Form::kContainer;
        result.damage.push_back({0,
                                 "a container whose header is damaged, the signature too; it shows "
                                 "its stored bytes as content"});
      }
      return result;
    }
    result.form = Form::kContainer;
    ContainerCheck(source, unmount, dictionaries, result).run();
  } catch (const MissingDictionaryError& error) {
    result.missing_dictionaries.try_emplace(error.id(), error.what());
  } catch (const NewerFormatError& error) {
    result.not_checked = error.what();
  } catch (const std::system_error& error) {
    result.not_checked = error.code().message();
  }
  return result;
}

}  // namespace zstdfs::tools
