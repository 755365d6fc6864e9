#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/lost_and_found.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_check.hpp"

namespace zstdfs::store {

/// Something that a repair did, would do, or could not do.
struct RepairAction {
  enum class Kind {
    kFinished,  ///< an interrupted rewrite was brought to its end
    kRebuilt,   ///< header, seek table and padding were made again; no content was lost
    kSalvaged,  ///< what is lost reads as zeros now; the damaged file is kept
    kMoved,     ///< is in lost+found now
    kReplaced,  ///< one of the store's own files was made again
    kRemoved,   ///< something of no use is gone
    kRefused,   ///< nothing was changed; `text` says why
  };
  Kind kind = Kind::kRefused;
  std::string path;                  ///< below the store's root
  std::string text = {};             ///< more about it, for people; may be empty
  std::string kept_as = {};          ///< path of what is kept in lost+found; empty: nothing
  std::vector<ByteRange> lost = {};  ///< logical
  bool end_unknown = false;          ///< more may be lost behind the end that the file has now
};

/// Repairs a store that is not mounted, without its recovery: that is Store::open's. Nothing that
/// may have been content is thrown away: it is in its place afterwards, or in lost+found.
///
/// Each step can be interrupted at any time, and repeated. Thread safety: one thread at a time.
/// Errors of single files are told as RepairAction::Kind::kRefused; beyond that NewerFormatError,
/// std::system_error.
class StoreRepair {
 public:
  enum class Mode {
    kRepair,
    kDryRun,  ///< tells what it would do, and changes nothing
  };
  using Told = std::function<void(const RepairAction&)>;

  /// Precondition: the caller holds the store's lock, for as long as it uses this.
  StoreRepair(os::Volume& volume, Mode mode, Told told)
      : volume_(volume),
        mode_(mode),
        told_(std::move(told)),
        dictionaries_(volume),
        lost_and_found_(volume) {}

  /// What must be right before files can be looked at: the store's own directory, and rewrites that
  /// have begun.
  void repair_directory(const StoreInspection& inspection);
  /// One file that a check found damaged. Does nothing when it is not.
  void repair_file(const std::string& path);
  /// Takes away the journal files that recovery would drop. After the files.
  void keep_unclaimed();

 private:
  bool dry_run() const { return mode_ == Mode::kDryRun; }
  /// Runs `work`; what it throws is told of `path`.
  void attempt(const std::string& path, const std::function<void()>& work);
  void take_away(const StoreFinding& finding);
  void restore_dictionary(const StoreFinding& finding);
  /// Whether there are changes for it in the journal that recovery will take up.
  bool has_log(const os::File& file);
  void keep_copy_of_log(const StoreFinding& finding);
  void finish_rewrites();
  void note_superseded(Journal& journal, const std::string& identity);
  /// Throws RepairRefused when there is a whole redo file for it, which could not be applied: what
  /// the file holds then means nothing.
  void refuse_if_being_rewritten(const os::File& file);

  void rebuild(const std::string& path, os::File& file, const SalvagePlan& plan);
  void salvage(const std::string& path, os::File& file, const SalvagePlan& plan);
  void move_away(const std::string& path, os::File& file);
  std::vector<std::string> names_of(const std::string& path, const struct stat& status);
  void finish_rewrite(const std::string& redo_name, os::File& target);

  os::Volume& volume_;
  const Mode mode_;
  const Told told_;
  const Dictionaries dictionaries_;
  LostAndFound lost_and_found_;
  /// Journal files that lead to what finished rewrites have led away from.
  std::set<std::string> superseded_;
  /// Old and new paths of files that are, or would be, in lost+found.
  std::set<std::string> moved_;
  /// Identities of files whose logs recovery takes up; filled when first needed.
  std::optional<std::set<std::string>> logged_;
};

/// Recovers the store as the next mount would, and leaves it as after an unmount. Returns false
/// when something could not be settled; it stays in the journal. Throws what Store::open does.
/// Precondition: the caller holds the store's lock.
bool recover_store(std::unique_ptr<os::Volume> volume);

}  // namespace zstdfs::store
