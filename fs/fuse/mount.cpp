#include "fs/fuse/mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <thread>

#include "fs/fuse/caller.hpp"
#include "fs/fuse/daemon.hpp"
#include "fs/fuse/limits.hpp"
#include "fs/fuse/logging.hpp"
#include "fs/fuse/mount_checks.hpp"
#include "fs/fuse/privileges.hpp"
#include "fs/fuse/remount.hpp"
#include "fs/fuse/session.hpp"
#include "fs/fuse/signals.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/os/mount_table.hpp"
#include "fs/store/log.hpp"
#include "fs/store/store_errors.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

using Clock = std::chrono::steady_clock;

// Half of the descriptors may be idle, the rest is for what is in use; but an idle one holds memory
// of the lower filesystem.
constexpr std::size_t kMostIdleDescriptors = 1u << 16;
// How long a mount waits for an earlier one of the same store that was unmounted and finishes.
constexpr auto kWaitForStore = std::chrono::seconds(60);
constexpr auto kSilentWait = std::chrono::seconds(1);
constexpr auto kRetryInterval = std::chrono::milliseconds(50);

bool is_mounted(const std::string& backing) {
  const auto table = os::read_mount_table();
  return std::any_of(table.begin(), table.end(), [&](const os::MountEntry& entry) {
    return entry.type == "fuse.zstdfs" && entry.source == backing;
  });
}

/// Opens the store. One whose mount is gone while its daemon still finishes is waited for.
std::unique_ptr<store::Store> open_store(const MountPaths& paths, const MountOptions& options) {
  const auto begin = Clock::now();
  bool said = false;
  while (true) {
    try {
      return store::Store::open(os::make_posix_volume(os::duplicate(paths.root.get())),
                                options.store);
    } catch (const store::StoreBusyError& busy) {
      const auto waited = Clock::now() - begin;
      if (waited >= kWaitForStore || is_mounted(paths.backing)) {
        throw MountError(ExitCode::kFailure, busy.what());
      }
      if (!said && waited >= kSilentWait) {
        said = true;
        store::log(store::LogLevel::kWarning,
                   std::string("waiting for the store to be given back: ") + busy.what());
      }
    }
    std::this_thread::sleep_for(kRetryInterval);
  }
}

bool keeps_access_times(const MountPaths& paths, const MountOptions& options) {
  if (options.store.read_only || options.has_flag("noatime")) return true;
  struct statvfs below;
  return ::fstatvfs(paths.root.get(), &below) == 0 && (below.f_flag & ST_NOATIME) != 0;
}

void serve(Filesystem& filesystem, const MountRequest& request, const MountPaths& paths,
           ReadySignal& signal) {
  Session session(filesystem, request.options, paths.backing, paths.mountpoint);
  session.begin();
  signal.ready();
  store::log(store::LogLevel::kInfo, paths.backing + " is mounted at " + paths.mountpoint);
  const SignalWatch watch([&] { session.end(); });
  session.serve();
}

/// Serves the mount until it is unmounted, then finishes all commits; kUncommitted when it could
/// not.
ExitCode mount_and_serve(const MountRequest& request, MountPaths paths, ReadySignal& signal) {
  hold_signals();
  check_call(::chdir("/"), "chdir");
  keep_heap_small();
  const std::size_t files = raise_limits();
  give_up_privileges();  // After the limits, and before the store's threads.
  os::DescriptorPool descriptors(paths.root.get(), std::min(files / 2, kMostIdleDescriptors),
                                 files);
  const std::unique_ptr<store::Store> store = open_store(paths, request.options);
  detach_former_mount(paths);
  std::exception_ptr failure;
  try {
    Filesystem filesystem(os::duplicate(paths.root.get()), *store,
                          {.read_only = request.options.store.read_only,
                           .act_as_caller = can_act_as_caller(),
                           .keep_access_times = keeps_access_times(paths, request.options),
                           .list_stored_facts = request.options.list_stored_facts},
                          descriptors);
    serve(filesystem, request, paths, signal);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  const bool committed = store->shut_down();
  if (!committed) {
    store::log(store::LogLevel::kError,
               paths.backing + ": not everything could be committed, see the messages before; " +
                   "what programs were told is stored is safe in the journal. Remove the cause " +
                   "(make room on the disk below, see that it works, repair damaged files with " +
                   "zstdfs fsck) and mount again, which finishes it; until then leave the files " +
                   "in the backing directory alone");
  }
  if (failure) std::rethrow_exception(failure);
  store::log(store::LogLevel::kInfo, paths.mountpoint + " is unmounted");
  return committed ? ExitCode::kSuccess : ExitCode::kUncommitted;
}

/// As above, with every error said and turned into an exit code.
ExitCode mount_and_report(const MountRequest& request, MountPaths paths,
                          ReadySignal& signal) noexcept {
  ExitCode code = ExitCode::kFailure;
  std::string text;
  try {
    return mount_and_serve(request, std::move(paths), signal);
  } catch (const MountError& error) {
    code = error.code();
    text = error.what();
  } catch (const std::bad_alloc&) {
    code = ExitCode::kSystem;
    text = "out of memory";
  } catch (const std::exception& error) {  // The store's own errors are sentences already.
    text = request.backing + ": " + error.what();
  }
  store::log(store::LogLevel::kError, text);
  signal.failed(code);
  return code;
}

void enter_namespace(const std::string& path) {
  if (path.empty()) return;
  const os::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::setns(fd.get(), CLONE_NEWNS) != 0) {
    throw MountError(ExitCode::kSystem,
                     "the mount namespace " + path + " cannot be entered: " + std::strerror(errno));
  }
}

}  // namespace

ExitCode run_mount(const MountRequest& request) {
  enter_namespace(request.mount_namespace);
  if (request.options.remount) {
    if (!request.pretend) remount(request);
    return ExitCode::kSuccess;
  }
  MountPaths paths = check_mount(request.backing, request.mountpoint);
  if (request.pretend) return ExitCode::kSuccess;
  if (request.foreground) {
    ReadySignal nobody;
    return mount_and_report(request, std::move(paths), nobody);
  }
  DaemonRole role = become_daemon();
  if (!role.is_daemon) {
    if (request.verbose && role.outcome == ExitCode::kSuccess) {
      std::printf("mount.zstdfs: %s is mounted at %s\n", paths.backing.c_str(),
                  paths.mountpoint.c_str());
    }
    return role.outcome;
  }
  start_logging(LogTarget::kSyslog);
  return mount_and_report(request, std::move(paths), role.signal);
}

}  // namespace zstdfs::fuse
