// `zstdfs fsck`: verifies a store that is not mounted, and repairs it if it is asked to. What
// changes the store is fs/store/repair.hpp.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include "fs/os/posix.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/log.hpp"
#include "fs/store/store_check.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/fsck_repair.hpp"
#include "tools/fsck_report.hpp"
#include "tools/lock_wait.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/shared_options.hpp"
#include "tools/stored_files.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {
namespace {

constexpr unsigned kMaxWaitSeconds = 86'400;

struct FsckOptions {
  std::string store;
  /// How long a daemon may take to finish whose mount is gone: umount(8) does not wait for it.
  unsigned wait_seconds = 60;
  bool json = false;
  bool verbose = false;
  bool repair = false;
  bool dry_run = false;
};

/// The check cannot take place at all; the text says why and what to do.
class CannotCheck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "4711 (mount.zstdfs)": a process by number and name.
std::string describe_process(pid_t process) {
  if (process <= 0) return "unknown";
  const std::string number = std::to_string(process);
  std::ifstream comm("/proc/" + number + "/comm");
  std::string name;
  return std::getline(comm, name) ? number + " (" + name + ")" : number;
}

bool has_store(os::Volume& volume) {
  try {
    return S_ISDIR(volume.stat(store::kStoreDirectory).st_mode);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT) return false;
    throw;
  }
}

/// Takes the store's lock, so that no mount changes it during the check. On a read-only filesystem
/// nothing can change it, and there is no lock.
std::unique_ptr<os::VolumeLock> lock_store(os::Volume& volume, const FsckOptions& options) {
  const auto trace = options.dry_run ? os::LockTrace::kNone : os::LockTrace::kHolder;
  LockWait wait;
  while (true) {
    pid_t holder = 0;
    try {
      auto lock = volume.try_lock(store::kLockPath, holder, trace);
      if (lock) return lock;
    } catch (const std::system_error& error) {
      if (error.code().value() == EROFS && !options.repair) return nullptr;
      // Whoever mounts the store makes it first.
      if (error.code().value() == ENOENT && options.dry_run) return nullptr;
      throw CannotCheck("the store's lock cannot be taken: " + explain(error.code()));
    }
    if (wait.waited() >= std::chrono::seconds(options.wait_seconds) ||
        mount_point_of(options.store)) {
      throw CannotCheck("the store is in use by process " + describe_process(holder) +
                        "; unmount it, then check; while it is mounted, zstdfs scrub verifies it");
    }
    wait.pause([&] {
      return "zstdfs fsck: waiting for process " + describe_process(holder) +
             ", which still uses the store";
    });
  }
}

void refuse_mount_point(const std::string& path) {
  const auto backing = find_backing(path);
  if (!backing) return;
  throw CannotCheck(
      "is a zstdfs mount; unmount it, then check its backing directory: zstdfs fsck " +
      printable(backing->store) + "; as it is, zstdfs scrub verifies it");
}

/// Checks every file, and returns those that are not as an unmount leaves them.
std::vector<Suspect> check_files(const std::string& root, const store::StoreInspection& inspection,
                                 const DictionarySource& dictionaries, FsckReport& report) {
  std::vector<Suspect> suspects;
  Mutex suspects_mutex;
  const auto check_one = [&](const std::string& path, os::UniqueFd fd) {
    const auto file = os::make_posix_file(std::move(fd));
    if (is_being_rewritten(file->stat(), inspection)) {
      return report.add(path, {.interrupted = true});
    }
    const FileCheck check = check_file(*file, unmount_of(inspection), dictionaries);
    report.add_file(path, check);
    if (check.damage.empty() && !check.interrupted) return;
    const MutexLock lock(suspects_mutex);
    suspects.push_back({path, !check.damage.empty()});
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    report.add(path, {.not_checked = explain(error)});
  };
  for_each_stored_file(root, "", {check_one, failed});
  std::sort(suspects.begin(), suspects.end(),
            [](const Suspect& a, const Suspect& b) { return a.path < b.path; });
  return suspects;
}

void check_store(const FsckOptions& options, FsckReport& report) {
  refuse_mount_point(options.store);
  const std::unique_ptr<os::Volume> volume = os::open_posix_volume(options.store);
  if (!has_store(*volume)) {
    throw CannotCheck("is not a store (it has no " + std::string(store::kStoreDirectory) +
                      "); name the backing directory of a zstdfs mount");
  }
  const std::unique_ptr<os::VolumeLock> lock = lock_store(*volume, options);
  store::StoreInspection inspection = store::inspect_store(*volume);
  const store::Dictionaries dictionaries(*volume);
  report.add_store(inspection);
  if (!options.repair) {
    check_files(options.store, inspection, dictionaries, report);
    return;
  }
  using Mode = store::StoreRepair::Mode;
  FsckRepair repair(options.store, *volume, options.dry_run ? Mode::kDryRun : Mode::kRepair,
                    report);
  inspection = repair.before_check(inspection);
  repair.after_check(check_files(options.store, inspection, dictionaries, report));
}

/// What is wrong with the text of --wait; nothing when it is right.
std::string wait_problem(const std::string& text) {
  unsigned seconds = 0;
  const bool number = !text.starts_with('-') && CLI::detail::lexical_cast(text, seconds);
  if (number && seconds <= kMaxWaitSeconds) return {};
  return "\"" + text + "\" is no number of seconds from 0 to " + std::to_string(kMaxWaitSeconds);
}

FsckReport::Mode mode_of(const FsckOptions& options) {
  if (!options.repair) return FsckReport::Mode::kCheck;
  return options.dry_run ? FsckReport::Mode::kDryRun : FsckReport::Mode::kRepair;
}

int run_fsck(const FsckOptions& options) {
  FsckReport report({options.json ? FsckReport::Output::kJson : FsckReport::Output::kText,
                     options.verbose, ::isatty(STDERR_FILENO) == 1, mode_of(options)});
  const auto cannot = [&](const std::string& why) {
    report.end_progress();
    std::cerr << "zstdfs fsck: " << printable(options.store) << ": " << why << '\n';
    if (!report.has_repaired()) return kFsckOperational;
    FileCheck rest;
    rest.not_checked = why;
    report.add(".", rest);
    report.set_all_left();
    report.finish(options.store);
    return report.exit_code();
  };
  // What the store's code says on its way, the report says in its own words.
  store::set_log_sink([](store::LogLevel, const std::string&) {});
  try {
    check_store(options, report);
  } catch (const std::system_error& error) {
    return cannot(explain(error.code()));
  } catch (const std::exception& error) {
    return cannot(error.what());
  }
  report.finish(options.store);
  return report.exit_code();
}

}  // namespace

void add_fsck_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<FsckOptions>();  // shared with the callback
  CLI::App* command =
      app.add_subcommand("fsck", "Verify a store that is not mounted, and repair it");
  command->add_option("STORE", options->store, "The backing directory")->required();
  add_json_option(*command, options->json);
  command->add_flag("-v,--verbose", options->verbose, "Name every file that was checked");
  command
      ->add_option("--wait", options->wait_seconds,
                   "How long to wait for a daemon that still finishes after its unmount")
      ->check(CLI::Validator(wait_problem, ""))
      ->capture_default_str()
      ->type_name("SECONDS");
  CLI::Option* repair = command->add_flag(
      "--repair", options->repair,
      "Recover the store and salvage what is intact; what is damaged is kept in lost+found");
  command->add_flag("--dry-run", options->dry_run, "Say what --repair would do; change nothing")
      ->needs(repair);
  command->footer(
      "Exit codes: 0 clean, 1 errors were corrected, 4 errors are left, 8 the check could not be\n"
      "made or not completed, 16 wrong command line; or a sum of them. Without --repair nothing\n"
      "is changed but .zstdfs/lock.\n\n"
      "Examples:\n"
      "  zstdfs fsck /srv/store\n"
      "  zstdfs fsck --repair --dry-run /srv/store");
  command->callback([options, &action] { action = [options] { return run_fsck(*options); }; });
}

}  // namespace zstdfs::tools
