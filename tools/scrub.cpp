// `zstdfs scrub`: reads and verifies files of a store, also while programs use it.
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/store_check.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/fsck_report.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/scrub_file.hpp"
#include "tools/shared_options.hpp"
#include "tools/stored_files.hpp"

namespace zstdfs::tools {
namespace {

constexpr int kLowestPriority = 19;

struct ScrubOptions {
  std::string path;
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
  bool json = false;
  bool verbose = false;
};

/// Lets everybody else go first, at the disk and at the processors.
void give_way() {
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
  ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
}

struct StoreUse {
  std::unique_ptr<os::VolumeLock> lock;  ///< where there is one to take
  FileScrub::Daemon daemon = FileScrub::Daemon::kNone;
};

/// Keeps daemons away where there is none.
StoreUse look_for_daemon(os::Volume& volume) {
  StoreUse use;
  try {
    pid_t holder = 0;
    use.lock = volume.try_lock(store::kLockPath, holder, os::LockTrace::kNone);
    if (!use.lock) use.daemon = FileScrub::Daemon::kMayWork;
  } catch (const std::system_error& error) {
    // On a read-only filesystem nothing changes, and whoever mounts a store makes the lock first.
    if (error.code().value() != EROFS && error.code().value() != ENOENT) throw;
  }
  return use;
}

void scrub(const ScrubOptions& options, FsckReport& report) {
  const PlaceInStore place = place_in_store(options.path);
  if ((place.path + "/").starts_with(std::string(store::kStoreDirectory) + "/")) {
    throw std::runtime_error("belongs to the store itself; name the store: zstdfs scrub " +
                             printable(place.store));
  }
  const std::unique_ptr<os::Volume> volume = os::open_posix_volume(place.store);
  const StoreUse use = look_for_daemon(*volume);
  const store::StoreInspection inspection = use.daemon == FileScrub::Daemon::kMayWork
                                                ? store::inspect_store_in_use(*volume)
                                                : store::inspect_store(*volume);
  report.add_store(inspection);
  const store::Dictionaries dictionaries(*volume);
  FileScrub file_scrub(*volume, use.daemon, unmount_of(inspection), dictionaries,
                       options.bytes_per_second);
  const auto on_file = [&](const std::string& path, os::File& file) {
    report.add_file(path, file_scrub.check(file));
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    report.add(path, {.not_checked = explain(error)});
  };
  for_each_stored_file(place.store, place.path, {on_file, failed});
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
