// `zstdfs fsck`: verifies a store that is not mounted. It repairs nothing: what an interrupted
// daemon left is repaired by the next mount, and wrong stored bytes have no second copy.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "fs/store/store.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/fsck_report.hpp"
#include "tools/json_output.hpp"
#include "tools/mount_map.hpp"
#include "tools/parallel_check.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_state.hpp"
#include "tools/tree_walk.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

struct FsckOptions {
  std::string store;
  /// How long a daemon may take to finish whose mount is gone: umount(8) does not wait for it.
  unsigned wait_seconds = 60;
  bool json = false;
  bool verbose = false;
};

/// The check cannot take place at all; the text says why and what to do.
class CannotCheck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr auto kSilentWait = std::chrono::seconds(1);
constexpr auto kRetryInterval = std::chrono::milliseconds(50);

/// Takes the store's lock, so that no mount changes it during the check. On a read-only filesystem
/// nothing can change it, and there is no lock.
std::unique_ptr<os::VolumeLock> lock_store(os::Volume& volume, const FsckOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (bool said = false;; std::this_thread::sleep_for(kRetryInterval)) {
    pid_t holder = 0;
    try {
      auto lock = volume.try_lock(std::string(store::kStoreDirectory) + "/lock", holder);
      if (lock) return lock;
    } catch (const std::system_error& error) {
      if (error.code().value() == EROFS) return nullptr;
      throw CannotCheck("the store's lock cannot be taken: " + explain(error.code()));
    }
    const auto waited = Clock::now() - begin;
    if (waited >= std::chrono::seconds(options.wait_seconds) || is_mounted(options.store)) {
      throw CannotCheck("the store is in use by process " + describe_process(holder) +
                        "; unmount it, then check");
    }
    if (!said && waited >= kSilentWait) {
      said = true;
      std::cerr << "zstdfs fsck: waiting for process " << describe_process(holder)
                << ", which still uses the store\n";
    }
  }
}

void refuse_mount_point(const std::string& path) {
  const auto backing = find_backing(path);
  if (!backing) return;
  throw CannotCheck(
      "is a zstdfs mount; unmount it, then check its backing directory: zstdfs fsck " +
      backing->store);
}

/// Files of which nobody says that they are broken, but that a check of a store is about.
void check_state(os::Volume& volume, FsckReport& report) {
  const StoreState state = read_store_state(volume);
  report.store_id = state.id;
  report.interrupted = state.interrupted;
  report.journal = state.journal;
  if (!state.damage.empty()) {
    FileCheck check;
    check.damage.push_back({std::nullopt, state.damage});
    report.add(std::string(store::kStoreDirectory) + "/store.json", check);
  }
}

void check_files(const std::string& root, FsckReport& report) {
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
  const Unmount unmount = report.interrupted ? Unmount::kUnclean : Unmount::kClean;
  ParallelCheck checks(threads, unmount, [&](const std::string& path, const FileCheck& check) {
    report.add_file(path, check);
  });
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    FileCheck check;
    check.not_checked = explain(error);
    report.add(path, check);
  };
  const auto visit = [&](const WalkEntry& entry) {
    if (entry.path == store::kStoreDirectory) return Descend::kNo;
    if (!S_ISREG(entry.status.st_mode) || !report.first_name(entry.status)) return Descend::kYes;
    try {
      checks.add(entry.path, open_regular(entry.directory_fd, entry.name, FollowLinks::kNo));
    } catch (const std::system_error& error) {
      failed(entry.path, error.code());
    }
    return Descend::kYes;
  };
  walk_tree(open_directory(AT_FDCWD, root, FollowLinks::kYes), {visit, failed});
  checks.finish();
}

void check_store(const FsckOptions& options, FsckReport& report) {
  refuse_mount_point(options.store);
  const std::unique_ptr<os::Volume> volume = os::open_posix_volume(options.store);
  if (!has_store(*volume)) {
    throw CannotCheck("is not a store (it has no " + std::string(store::kStoreDirectory) +
                      "); name the backing directory of a zstdfs mount");
  }
  const std::unique_ptr<os::VolumeLock> lock = lock_store(*volume, options);
  check_state(*volume, report);
  check_files(options.store, report);
}

int run_fsck(const FsckOptions& options) {
  FsckReport report({options.json ? FsckReport::Output::kJson : FsckReport::Output::kText,
                     options.verbose, ::isatty(STDERR_FILENO) == 1});
  const auto cannot = [&](const std::string& why) {
    report.end_progress();
    std::cerr << "zstdfs fsck: " << printable(options.store) << ": " << why << '\n';
    return kFsckOperational;
  };
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
  CLI::App* command = app.add_subcommand("fsck", "Verify a store that is not mounted");
  command->add_option("STORE", options->store, "The backing directory")->required();
  command->add_flag("--json", options->json, "Print a JSON object, sizes in bytes");
  command->add_flag("-v,--verbose", options->verbose, "Name every file that was checked");
  command
      ->add_option("--wait", options->wait_seconds,
                   "How long to wait for a daemon that still finishes after its unmount")
      ->capture_default_str()
      ->type_name("SECONDS");
  command->footer(
      "Exit codes: 0 clean, 4 errors found, 8 the check could not be made or not completed,\n"
      "16 wrong command line; 12 = 4 + 8. Nothing is repaired and no file is changed.");
  command->callback([options, &action] { action = [options] { return run_fsck(*options); }; });
}

}  // namespace zstdfs::tools
