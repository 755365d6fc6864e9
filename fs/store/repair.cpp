#include "fs/store/repair.hpp"

#include <cerrno>
#include <system_error>

#include "fs/store/recovery.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/store.hpp"
#include "fs/store/store_directory.hpp"
#include "fs/store/store_paths.hpp"
#include "fs/store/wrapping.hpp"
#include "zstdfs/errors.hpp"

// Of a store's own directory and its journal. repair_files.cpp has the files.

namespace zstdfs::store {
namespace {

using Kind = RepairAction::Kind;

bool is_in_journal(const StoreFinding& finding) {
  return finding.path.starts_with(path_in_journal(""));
}

std::string name_in_store_directory(const StoreFinding& finding) {
  return finding.path.substr(std::string(kStoreDirectory).size() + 1);
}

std::string explain(const std::system_error& error) {
  switch (error.code().value()) {
    case ENOSPC:
    case EDQUOT:
      return "there is not enough space for it; make room and repeat";
    case EXDEV:
      return "it lies on another filesystem than " + std::string(kLostAndFound);
    default:
      return error.what();
  }
}

const auto kNeverSame = [](const std::string&) { return false; };

}  // namespace

void StoreRepair::attempt(const std::string& path, const std::function<void()>& work) {
  const auto refused = [&](const std::string& why) { told_({Kind::kRefused, path, why}); };
  try {
    work();
  } catch (const std::system_error& error) {
    refused(explain(error));
  } catch (const std::runtime_error& error) {
    refused(error.what());
  }
}

void StoreRepair::repair_directory(const StoreInspection& inspection) {
  for (const StoreFinding& finding : inspection.findings) {
    attempt(finding.path, [&] {
      if (finding.kind == StoreFinding::Kind::kForeign || finding.blocks_mounts) {
        take_away(finding);
      } else if (finding.kind == StoreFinding::Kind::kPending && !is_in_journal(finding)) {
        if (!dry_run()) volume_.remove(finding.path);
        told_({Kind::kRemoved, finding.path, finding.what});
      } else if (finding.dictionary_id != 0) {
        restore_dictionary(finding);
      } else if (finding.kind == StoreFinding::Kind::kDamaged && !is_in_journal(finding)) {
        if (volume_.open(finding.path, os::OpenMode::kRead)) take_away(finding);
      }
    });
  }
  if (inspection.description_damaged) told_({Kind::kReplaced, kDescriptionPath});
  if (inspection.state_damaged) told_({Kind::kReplaced, kStatePath});
  if (dry_run()) return;
  volume_.make_directory(kJournalDirectory, 0700);
  if (inspection.description_damaged || inspection.state_damaged) {
    const StoreDirectory made_again(volume_, StoreDirectory::Locking::kDoneByCaller);
    // Without one, the recovery looks at everything, and makes it.
    if (inspection.state_damaged) volume_.remove(kStatePath);
  }
  finish_rewrites();
}

// Nothing that is damaged is taken away: what files need, somebody may still put in order.
void StoreRepair::restore_dictionary(const StoreFinding& finding) {
  DictionaryFiles files(volume_);
  files.read(finding.dictionary_id);  // Throws when no copy is whole.
  if (!dry_run()) files.restore(finding.dictionary_id);
  told_({Kind::kReplaced, finding.path, "from its other copy"});
}

void StoreRepair::take_away(const StoreFinding& finding) {
  lost_and_found_.check();
  const struct stat status = volume_.stat(finding.path);
  const std::string name =
      lost_and_found_.name_for(name_in_store_directory(finding), status.st_ino, "", kNeverSame);
  if (!dry_run()) {
    std::string text = "'" + finding.path + "' of the store: " + finding.what + ".\n";
    if (!finding.target.empty()) text += "It was for '" + finding.target + "'.\n";
    lost_and_found_.write_report(name + ".report", text);
    lost_and_found_.take(finding.path, name);
  }
  std::string text = finding.what;
  if (!finding.target.empty()) text += " ('" + finding.target + "')";
  told_({Kind::kMoved, finding.path, text, LostAndFound::path_of(name)});
}

void StoreRepair::finish_rewrites() {
  Journal journal(volume_);
  TargetFinder finder(volume_);
  for (const std::string& name : journal.list()) {
    if (!name.ends_with(kRedoSuffix)) continue;
    attempt(path_in_journal(name), [&] {
      const auto redo = journal.open(name, os::OpenMode::kReadWrite);
      const auto content = redo ? read_redo(*redo) : std::nullopt;
      const auto path = content ? finder.find(content->head) : std::nullopt;
      const auto target = path ? volume_.open(*path, os::OpenMode::kReadWrite) : nullptr;
      if (!target) return;
      note_superseded(journal, content->head.target.identity);
      finish_rewrite(name, *target);
      told_({Kind::kFinished, *path, "an interrupted rewrite was brought to its end"});
    });
  }
}

/// Its logs are for what the file was before, and hold nothing that the rewrite does not; or they
/// fit it still, which decides.
void StoreRepair::note_superseded(Journal& journal, const std::string& identity) {
  for (const std::string& name : journal.list()) {
    if (!name.ends_with(kLogSuffix)) continue;
    const auto log = journal.open(name, os::OpenMode::kRead);
    std::uint64_t records_offset = 0;
    const auto head =
        log ? read_journal_head(*log, JournalKind::kWriteLog, records_offset) : std::nullopt;
    if (head && head->target.identity == identity) {
      superseded_.insert(path_in_journal(name));
    }
  }
}

void StoreRepair::refuse_if_being_rewritten(const os::File& file) {
  Journal journal(volume_);
  if (const auto name = find_redo(journal, file.identity())) {
    throw RepairRefused("a rewrite of it could not be brought to its end (journal/" + *name +
                        "); the next mount or repair tries again");
  }
}

void StoreRepair::finish_rewrite(const std::string& redo_name, os::File& target) {
  Journal journal(volume_);
  const auto redo = journal.open(redo_name, os::OpenMode::kReadWrite);
  const auto content = redo ? read_redo(*redo) : std::nullopt;
  if (!content) throw CorruptError(0, "the redo file journal/" + redo_name + " is damaged");
  complete_rewrite(journal, *redo, *content, target);
  journal.remove(redo_name);
  journal.sync_directory();
}

void StoreRepair::keep_unclaimed() {
  for (const StoreFinding& finding : inspect_store(volume_).findings) {
    if (!is_in_journal(finding) || finding.blocks_mounts) continue;
    attempt(finding.path, [&] {
      StoreFinding told = finding;
      const bool moved = moved_.contains(finding.target);
      if (moved) told.what = "changes to a file that is in lost+found";
      const bool unclaimed =
          finding.kind == StoreFinding::Kind::kUnclaimed && !superseded_.contains(finding.path);
      if (finding.usable_in_part && !moved) {
        keep_copy_of_log(finding);
      } else if (moved || unclaimed || finding.kind == StoreFinding::Kind::kDamaged) {
        take_away(told);
      }
    });
  }
}

bool StoreRepair::has_log(const os::File& file) {
  if (!logged_) {
    logged_.emplace();
    for (const StoreFinding& finding : inspect_store(volume_).findings) {
      const bool usable = finding.kind == StoreFinding::Kind::kPending || finding.usable_in_part;
      if (!usable || !is_in_journal(finding) || !finding.path.ends_with(kLogSuffix)) continue;
      const auto log = volume_.open(finding.path, os::OpenMode::kRead);
      std::uint64_t records_offset = 0;
      const auto head =
          log ? read_journal_head(*log, JournalKind::kWriteLog, records_offset) : std::nullopt;
      if (head) logged_->insert(head->target.identity);
    }
  }
  return logged_->contains(file.identity());
}

/// The log stays: its beginning is taken up by the recovery, which then removes it.
void StoreRepair::keep_copy_of_log(const StoreFinding& finding) {
  lost_and_found_.check();
  const auto log = volume_.open(finding.path, os::OpenMode::kRead);
  if (!log) return;
  const auto is_same = [&](const std::string& there) {
    const auto copy = volume_.open(there, os::OpenMode::kRead);
    return copy && holds_wrapped(*copy, *log);
  };
  const std::string name = lost_and_found_.name_for(name_in_store_directory(finding),
                                                    log->stat().st_ino, ".damaged", is_same);
  if (!dry_run()) {
    lost_and_found_.write_report(
        name + ".report", "A write log of '" + finding.target + "': " + finding.what + ".\n");
    lost_and_found_.keep_copy(*log, name);
  }
  told_({Kind::kSalvaged, finding.path, "for '" + finding.target + "', " + finding.what,
         LostAndFound::path_of(name)});
}

bool recover_store(std::unique_ptr<os::Volume> volume) {
  StoreOptions options;
  options.settle_in_background = false;
  options.locked_by_caller = true;
  return Store::open(std::move(volume), options)->shut_down();
}

}  // namespace zstdfs::store
