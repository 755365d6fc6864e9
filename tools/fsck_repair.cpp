#include "tools/fsck_repair.hpp"

#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::tools {
namespace {

using store::RepairAction;
using store::StoreFinding;

/// Everything that the store says while it recovers goes into the report.
class LogToReport {
 public:
  explicit LogToReport(FsckReport& report) {
    store::set_log_sink(
        [&report](store::LogLevel, const std::string& text) { report.add_recovered(text); });
  }
  ~LogToReport() {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
  }
  LogToReport(const LogToReport&) = delete;
  LogToReport& operator=(const LogToReport&) = delete;
};

bool needs_recovery(const store::StoreInspection& inspection) {
  return inspection.interrupted || !inspection.journal.empty();
}

}  // namespace

FsckRepair::FsckRepair(std::string root, os::Volume& volume, store::StoreRepair::Mode mode,
                       FsckReport& report)
    : root_(std::move(root)),
      volume_(volume),
      mode_(mode),
      report_(report),
      repair_(volume, mode, [&report](const RepairAction& action) { report.add_action(action); }) {}

store::StoreInspection FsckRepair::before_check(const store::StoreInspection& inspection) {
  repair_.repair_directory(inspection);
  return dry_run() ? inspection : store::inspect_store(volume_);
}

void FsckRepair::after_check(const std::vector<Suspect>& suspects) {
  const store::StoreInspection inspection = store::inspect_store(volume_);
  for (const Suspect& suspect : suspects) {
    // The recovery of a store that was not unmounted brings interrupted writes to their end.
    if (suspect.damaged || !inspection.interrupted) repair_.repair_file(suspect.path);
  }
  repair_.keep_unclaimed();
  const bool recovery = needs_recovery(inspection);
  if (dry_run()) {
    if (recovery) report_.add_recovered("the store would be recovered, as the next mount does it");
    return;
  }
  if (recovery) recover_and_repair(suspects);
  count_what_is_left(suspects);
}

void FsckRepair::recover() {
  const LogToReport log(report_);
  try {
    const bool all = store::recover_store(os::open_posix_volume(root_));
    report_.add_recovered(all ? "the store was recovered"
                              : "the store was recovered, but some changes wait in the journal");
  } catch (const std::exception& error) {
    // What was done before is said all the same.
    report_.add_action({RepairAction::Kind::kRefused, ".",
                        std::string("the store could not be recovered: ") + error.what()});
  }
}

void FsckRepair::recover_and_repair(const std::vector<Suspect>& suspects) {
  recover();
  for (const Suspect& suspect : suspects) {
    // Once the store counts as unmounted, there is no excuse any more for what is missing.
    if (is_damaged(suspect.path)) repair_.repair_file(suspect.path);
  }
  repair_.keep_unclaimed();
  // What could not be merged because a file was damaged can be now.
  if (needs_recovery(store::inspect_store(volume_))) recover();
}

void FsckRepair::count_what_is_left(const std::vector<Suspect>& suspects) {
  std::uint64_t left = 0;
  for (const Suspect& suspect : suspects) {
    if (is_damaged(suspect.path)) ++left;
  }
  for (const StoreFinding& finding : store::inspect_store(volume_).findings) {
    const bool wrong = finding.kind == StoreFinding::Kind::kDamaged ||
                       finding.kind == StoreFinding::Kind::kForeign;
    if (wrong) ++left;
  }
  report_.set_left(left);
}

bool FsckRepair::is_damaged(const std::string& path) {
  std::unique_ptr<os::File> file;
  try {
    file = volume_.open(path, os::OpenMode::kRead);
  } catch (const std::system_error&) {
    return true;
  }
  if (!file) return false;  // it was moved away
  const FileCheck check = check_file(*file, Unmount::kClean, store::Dictionaries(volume_));
  return !check.damage.empty() || check.interrupted;
}

}  // namespace zstdfs::tools
