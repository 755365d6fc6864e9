#include "fs/store/journal_check.hpp"

#include <limits>
#include <optional>

#include "fs/store/dictionaries.hpp"
#include "fs/store/frame_checks.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_paths.hpp"
#include "fs/store/write_log.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

using Kind = StoreFinding::Kind;

std::string number_of(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// A journal file, as it would be if its version were the one that we know.
class WithKnownVersion final : public RandomAccessSource {
 public:
  explicit WithKnownVersion(const os::File& file) : file_(file) {}
  std::uint64_t size() const override { return file_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    const std::size_t n = file_.read_at(offset, out);
    if (offset == 0 && n >= kVersionOffset + sizeof(kVersion)) {
      store_le(out, kVersionOffset, kVersion);
    }
    return n;
  }

 private:
  static constexpr std::size_t kVersionOffset = 4;  // docs/format.md, "Journal"
  static constexpr std::uint32_t kVersion = 1;
  const os::File& file_;
};

/// Whether it is not a newer version that the file has, but a damaged one: the head's hash tells.
bool has_damaged_version(const os::File& file, JournalKind kind) {
  std::uint64_t records_offset = 0;
  return read_journal_head(WithKnownVersion(file), kind, records_offset).has_value();
}

class JournalCheck {
 public:
  JournalCheck(os::Volume& volume, StoreInspection& inspection)
      : volume_(volume),
        journal_(volume),
        finder_(volume),
        dictionaries_(volume),
        inspection_(inspection) {}

  void run() {
    const std::vector<std::string> names = journal_.list();
    inspection_.journal = names;
    // Redo files first: what they are for may have a log too.
    for (const std::string& name : names) {
      if (name.ends_with(kRedoSuffix)) look(name, &JournalCheck::look_at_redo);
    }
    for (const std::string& name : names) {
      if (name.ends_with(kLogSuffix)) look(name, &JournalCheck::look_at_log);
    }
  }

 private:
  void look(const std::string& name, void (JournalCheck::*what)(const os::File&)) {
    finding_ = {};
    finding_.path = path_in_journal(name);
    const auto file = journal_.open(name, os::OpenMode::kRead);
    if (!file) return;
    try {
      (this->*what)(*file);
    } catch (const NewerFormatError&) {
      const bool redo = name.ends_with(kRedoSuffix);
      if (!has_damaged_version(*file, redo ? JournalKind::kRedo : JournalKind::kWriteLog)) throw;
      finding_.blocks_mounts = true;
      found(Kind::kDamaged, "its head is damaged, and no mount goes past it");
    } catch (const MissingDictionaryError& error) {
      // It stays where it is: with the dictionary, it may be taken up.
      found(Kind::kPending, std::string("changes that cannot be judged: ") + error.what());
    }
  }

  void found(Kind kind, const std::string& what) {
    finding_.kind = kind;
    finding_.what = what;
    inspection_.findings.push_back(finding_);
  }

  /// The file that a journal file is for, and where it lies.
  std::unique_ptr<os::File> open_target(const JournalHead& head) {
    finding_.target = head.target.path_hint;
    const auto path = finder_.find(head);
    if (!path) return nullptr;
    finding_.target = *path;
    return volume_.open(*path, os::OpenMode::kRead);
  }

  void look_at_redo(const os::File& redo) {
    const auto content = read_redo(redo);
    if (!content) {
      if (looks_unfinished(redo)) {
        found(Kind::kPending,
              "a rewrite that was interrupted before it began; the next mount drops it");
      } else if (inspection_.system_went_down) {
        found(Kind::kUnclaimed,
              "a rewrite that is not whole: it was interrupted before it began, or is damaged");
      } else {
        found(Kind::kDamaged,
              "a rewrite that is damaged; what it was for may be neither old nor new");
      }
      return;
    }
    const auto target = open_target(content->head);
    if (!target) {
      found(Kind::kUnclaimed, "a rewrite of a file that is no more");
      return;
    }
    const struct stat status = target->stat();
    inspection_.rewritten.insert({status.st_dev, status.st_ino});
    found(Kind::kPending, "an interrupted rewrite; the next mount finishes it");
  }

  void look_at_log(const os::File& log) {
    const auto content =
        read_write_log(log, [](const LogSizes&, Overlay::Pieces&&) { return true; });
    if (!content) {
      look_at_headless(log);
      return;
    }
    const auto target = open_target(content->head);
    if (content->batches == 0 && rest_of(log, *content) != LogRest::kOther) {
      found(Kind::kPending, "a write log that holds nothing yet; the next mount drops it");
    } else if (!target) {
      found(Kind::kUnclaimed, "changes to a file that is no more");
    } else {
      judge_log(log, *content, *target);
    }
  }

  void look_at_headless(const os::File& log) {
    Bytes beginning(sizeof(std::uint64_t));
    beginning.resize(log.read_at(0, beginning));
    if (all_zeros(beginning)) {
      found(Kind::kPending, "a write log that was not begun; the next mount drops it");
    } else {
      found(inspection_.system_went_down ? Kind::kUnclaimed : Kind::kDamaged,
            "does not begin as a write log does; nobody knows whose changes it has");
    }
  }

  LogRest rest_of(const os::File& log, const WriteLogContent& content) const {
    return rest_of_log(log, content,
                       inspection_.system_went_down ? PowerLoss::kPossible : PowerLoss::kNone);
  }

  void judge_log(const os::File& log, const WriteLogContent& content, const os::File& target) {
    const struct stat status = target.stat();
    if (inspection_.rewritten.contains({status.st_dev, status.st_ino})) {
      found(
          Kind::kPending,
          "changes to a file with an interrupted rewrite; the next mount finishes that, and takes "
          "them up if it does not hold them already");
      return;
    }
    if (!is_or_was_container(target, dictionaries_) ||
        stored_generation(target) != content.head.generation) {
      found(Kind::kUnclaimed, "changes to an earlier version of this file");
      return;
    }
    const std::uint64_t usable = usable_batches(log, target);
    if (usable == 0) {
      const bool excused = inspection_.system_went_down || content.batches > 0;
      found(excused ? Kind::kUnclaimed : Kind::kDamaged,
            content.batches > 0 ? "changes that build on frames which are not there"
                                : "changes of which nothing is whole");
      return;
    }
    const std::string what =
        number_of(usable, "batch", "batches") + " of changes; the next mount takes them up";
    const LogRest rest = rest_of(log, content);
    if (usable == content.batches && rest != LogRest::kOther) {
      found(Kind::kPending,
            what + (rest == LogRest::kTorn ? ", but for the last, whose writing was interrupted"
                                           : ""));
      return;
    }
    finding_.usable_in_part = true;
    // A loss of power leaves any of what was not synced; nothing else does.
    found(inspection_.system_went_down ? Kind::kUnclaimed : Kind::kDamaged,
          what + ", but not what follows, which is not whole");
  }

  /// As many batches as recovery takes up once the file is in order.
  std::uint64_t usable_batches(const os::File& log, const os::File& target) const {
    std::uint64_t frames_hold = 0;
    try {
      const ContainerDictionaries dictionaries(read_container_header(target), dictionaries_);
      const LoadedContainer container =
          is_container(target) ? load_container(target, dictionaries) : LoadedContainer{};
      frames_hold = container.sealed ? container.logical_bytes
                                     : plan_salvage(target, dictionaries_).logical_bytes();
    } catch (const NewerFormatError&) {
      frames_hold = std::numeric_limits<std::uint64_t>::max();  // not for us to say
    }
    const auto content = read_write_log(log, [&](const LogSizes& sizes, Overlay::Pieces&&) {
      return sizes.base_bytes > 0 && sizes.base_bytes <= frames_hold;
    });
    return content ? content->batches : 0;
  }

  os::Volume& volume_;
  Journal journal_;
  TargetFinder finder_;
  Dictionaries dictionaries_;
  StoreInspection& inspection_;
  StoreFinding finding_;
};

}  // namespace

void inspect_journal(os::Volume& volume, StoreInspection& inspection) {
  JournalCheck(volume, inspection).run();
}

}  // namespace zstdfs::store
