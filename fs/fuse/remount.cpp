#include "fs/fuse/remount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "fs/os/mount_table.hpp"
#include "fs/os/posix.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

struct KernelFlag {
  std::string_view name;
  unsigned long bit;
};
constexpr auto kFlags = std::to_array<KernelFlag>({{"nosuid", MS_NOSUID},
                                                   {"nodev", MS_NODEV},
                                                   {"noexec", MS_NOEXEC},
                                                   {"sync", MS_SYNCHRONOUS},
                                                   {"dirsync", MS_DIRSYNC}});
// Not there, so that to remove it changes nothing; but a daemon that is read-only refuses to try.
constexpr const char* kProbe = "user.zstdfs.probe";

[[noreturn]] void fail(const std::string& text) {
  throw MountError(ExitCode::kFailure, text);
}

std::string mountpoint_of(const MountRequest& request) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(request.mountpoint, error);
  if (error) fail("the mountpoint " + request.mountpoint + " cannot be used: " + error.message());
  const auto entry = os::find_mount(os::read_mount_table(), path);
  if (!entry || entry->type != "fuse." + request.options.subtype) {
    fail("remount: no zstdfs is mounted at " + path);
  }
  return path;
}

void change(const std::string& mountpoint, unsigned long flags) {
  if (::mount(nullptr, mountpoint.c_str(), nullptr, MS_REMOUNT | flags, nullptr) == 0) return;
  switch (errno) {
    case EPERM:
      throw MountError(ExitCode::kUsage, "only root may remount " + mountpoint);
    case EBUSY:
      fail("remount: files at " + mountpoint +
           " are open for writing; close them first (fuser -m says whose they are)");
    default:
      fail("remounting " + mountpoint + " failed: " + std::strerror(errno));
  }
}

/// What programs have closed may still be in the cache of the lower filesystem.
void sync_backing(const std::string& backing) {
  const os::UniqueFd fd(::open(backing.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::syncfs(fd.get()) != 0) {
    fail("remount: what was written does not reach the disk below " + backing + ": " +
         std::strerror(errno));
  }
}

}  // namespace

void remount(const MountRequest& request) {
  const MountOptions& options = request.options;
  const std::string mountpoint = mountpoint_of(request);
  if (!options.given_values.empty()) {
    store::log(
        store::LogLevel::kWarning,
        "remount: these options take effect when the mount is made anew: " + options.given_values);
  }
  unsigned long flags = 0;
  for (const KernelFlag& flag : kFlags) {
    if (options.has_flag(flag.name)) flags |= flag.bit;
  }
  if (options.store.read_only) {
    change(mountpoint, flags | MS_RDONLY);
    sync_backing(request.backing);
    return;
  }
  change(mountpoint, flags);
  if (::lremovexattr(mountpoint.c_str(), kProbe) != 0 && errno == EROFS) {
    change(mountpoint, flags | MS_RDONLY);
    fail("remount: " + mountpoint + " was mounted read-only, or the filesystem of " +
         request.backing + " is; unmount it and mount it again");
  }
}

}  // namespace zstdfs::fuse
