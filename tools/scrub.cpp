// `zstdfs scrub`: reads and verifies files of a store, also while programs use it.
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "fs/os/posix.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/store_check.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/fsck_report.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/safe_open.hpp"
#include "tools/scrub_file.hpp"
#include "tools/scrub_run.hpp"
#include "tools/shared_options.hpp"
#include "tools/stored_files.hpp"

namespace zstdfs::tools {
namespace {

constexpr int kLowestPriority = 19;
constexpr int kLowestIoPriority = 7;

struct ScrubOptions {
  std::string path;
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
  bool json = false;
  bool verbose = false;
};

/// Lets everybody else go first, at the disk and at the processors. Not as an idle process, which
/// may wait for ever beside a busy one.
void give_way() {
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
            IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, kLowestIoPriority));
  ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
}

/// The store's lock, where no daemon has it; nothing also where that cannot be told.
std::unique_ptr<os::VolumeLock> keep_daemons_away(os::Volume& volume) {
  try {
    pid_t holder = 0;
    return volume.try_lock(store::kLockPath, holder, os::LockTrace::kNone);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

/// Other commands may be at the store's own files, which look damaged for a moment then.
store::StoreInspection inspect_beside_others(os::Volume& volume) {
  store::StoreInspection inspection = store::inspect_store_in_use(volume);
  if (inspection.findings.empty()) return inspection;
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return store::inspect_store_in_use(volume);
}

void scrub_unused(const PlaceInStore& place, os::Volume& volume, ReadPace& pace,
                  FsckReport& report) {
  const store::StoreInspection inspection = store::inspect_store(volume);
  report.add_store(inspection);
  const store::Dictionaries dictionaries(volume);
  const auto on_file = [&](const std::string& path, const os::UniqueFd& fd) {
    if (is_being_rewritten(status_of(fd), inspection)) {
      return report.add(path, {.interrupted = true});
    }
    report.add_file(path, check_on_disk(fd, unmount_of(inspection), dictionaries, pace));
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    report.add(path, {.not_checked = explain(error)});
  };
  for_each_stored_file(place.store, place.path, {on_file, failed});
}

void scrub_beside_daemon(const PlaceInStore& place, os::Volume& volume, ReadPace& pace,
                         FsckReport& report) {
  report.add_store(inspect_beside_others(volume));
  const store::Dictionaries dictionaries(volume);
  const auto mount_point = mount_point_of(place.store);
  ScrubRun run(volume,
               mount_point && is_read_only(*mount_point) ? ScrubRun::Daemon::kReadOnly
                                                         : ScrubRun::Daemon::kMayWrite,
               dictionaries, pace, report);
  run.run(place.store, place.path);
}

void scrub(const ScrubOptions& options, FsckReport& report) {
  const PlaceInStore place = place_in_store(options.path);
  if ((place.path + "/").starts_with(std::string(store::kStoreDirectory) + "/")) {
    throw std::runtime_error("belongs to the store itself; name the store: zstdfs scrub " +
                             printable(place.store));
  }
  const std::unique_ptr<os::Volume> volume = os::open_posix_volume(place.store);
  ReadPace pace(options.bytes_per_second);
  const std::unique_ptr<os::VolumeLock> lock = keep_daemons_away(*volume);
  (lock ? scrub_unused : scrub_beside_daemon)(place, *volume, pace, report);
}

int run_scrub(const ScrubOptions& options) {
  FsckReport report({options.json ? FsckReport::Output::kJson : FsckReport::Output::kText,
                     options.verbose, ::isatty(STDERR_FILENO) == 1});
  try {
    give_way();
    scrub(options, report);
  } catch (const std::exception& error) {
    report.end_progress();
    std::cerr << "zstdfs scrub: " << printable(options.path) << ": " << explain(error) << '\n';
    return kExitFailed;
  }
  report.finish(options.path);
  return report.exit_code() == kExitOk ? kExitOk : kExitFailed;
}

}  // namespace

void add_scrub_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ScrubOptions>();  // shared with the callback
  CLI::App* command =
      app.add_subcommand("scrub", "Read and verify files of a store, also while it is in use");
  command
      ->add_option("PATH", options->path,
                   "A file or directory on a mount or in a backing directory")
      ->required();
  command->add_option("--limit", options->bytes_per_second, "Read no more than that in a second")
      ->transform(size_within({.min_bytes = 1}))
      ->type_name("SIZE");
  add_json_option(*command, options->json);
  command->add_flag("-v,--verbose", options->verbose, "Name every file that was checked");
  command->footer(
      "Exit codes: 0 clean, 1 errors were found or something could not be checked, 2 wrong "
      "command\n"
      "line. Nothing is changed.\n\n"
      "Examples:\n"
      "  zstdfs scrub /srv/files\n"
      "  zstdfs scrub --limit 50M /srv/files/archive");
  command->callback([options, &action] { action = [options] { return run_scrub(*options); }; });
}

}  // namespace zstdfs::tools
