#include "fs/fuse/mount_checks.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "fs/fuse/mount_error.hpp"
#include "fs/os/mount_table.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

constexpr int kMostParents = 4096;

[[noreturn]] void fail(const std::string& text) {
  throw MountError(ExitCode::kFailure, text);
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : std::string();
}

os::UniqueFd open_backing(const std::string& path) {
  os::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  switch (errno) {
    case ENOENT:
      fail("the backing directory " + path + " does not exist; make it with mkdir");
    case ENOTDIR:
      fail(path + " is not a directory; the backing directory has to be one");
    case EACCES:
      throw MountError(ExitCode::kUsage,
                       "the backing directory " + path + " is not readable for you");
    default:
      fail("the backing directory " + path + " cannot be opened: " + std::strerror(errno));
  }
}

/// Whether a failed call says that the daemon of a mount has died. Calls that were waiting for it
/// end with ECONNABORTED, later ones with ENOTCONN.
bool is_disconnected(int error) {
  return error == ENOTCONN || error == ECONNABORTED;
}

/// Takes a mount away whose daemon has died.
void detach_dead_mount(const std::string& mountpoint) {
  bool detached = false;
  if (::geteuid() == 0) {
    detached = ::umount2(mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
  } else {
    std::string program = "fusermount3", unmount = "-u", lazy = "-z", path = mountpoint;
    std::array<char*, 5> arguments = {program.data(), unmount.data(), lazy.data(), path.data(),
                                      nullptr};
    pid_t child = 0;
    int status = 0;
    detached =
        ::posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) == 0 &&
        ::waitpid(child, &status, 0) == child && status == 0;
  }
  if (detached) {
    return store::log(store::LogLevel::kInfo, "took away the mount at " + mountpoint +
                                                  " whose daemon had ended without unmounting it");
  }
  fail("at " + mountpoint + " there is still a mount whose daemon has died, and it cannot be " +
       "unmounted; try: umount -l " + mountpoint);
}

/// The path of a directory that cannot be looked into, from that of the one above.
std::string path_of_dead_mount(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const std::size_t slash = trimmed.rfind('/');
  const std::string name = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
  const std::string above = slash == std::string::npos ? "." : trimmed.substr(0, slash + 1);
  const std::string real_above = real_path(above);
  return real_above == "/" ? "/" + name : real_above + "/" + name;
}

std::string check_mountpoint(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 && is_disconnected(errno)) {
    const std::string dead = path_of_dead_mount(path);
    const auto entry = os::find_mount(os::read_mount_table(), dead);
    if (!entry || entry->type != "fuse.zstdfs") {
      fail("at " + path + " there is a mount whose daemon has died; unmount it first: umount " +
           path);
    }
    detach_dead_mount(dead);
  }
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      fail("the mountpoint " + path + " does not exist; make it with mkdir");
    }
    fail("the mountpoint " + path + " cannot be used: " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    fail(path + " is not a directory; the mountpoint has to be one");
  }
  const std::string real = real_path(path);
  if (real.empty()) fail("the mountpoint " + path + " cannot be used: " + std::strerror(errno));
  return real;
}

bool same_object(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Whether `directory` is `ancestor` or lies below it: asked of the directories themselves, so that
/// no bind mount or link of another name deceives.
bool is_inside(int directory, const struct stat& ancestor) {
  os::UniqueFd at(::openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat previous {};
  for (int parents = 0; at && parents < kMostParents; ++parents) {
    struct stat status;
    if (::fstat(at.get(), &status) != 0) return false;
    if (same_object(status, ancestor)) return true;
    if (parents > 0 && same_object(status, previous)) return false;  // The root of everything.
    previous = status;
    at.reset(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return false;
}

void check_apart(const MountPaths& paths) {
  const os::UniqueFd mountpoint(::open(paths.mountpoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat backing_status;
  struct stat mountpoint_status;
  if (!mountpoint || ::fstat(paths.root.get(), &backing_status) != 0 ||
      ::fstat(mountpoint.get(), &mountpoint_status) != 0) {
    fail("the mountpoint " + paths.mountpoint + " cannot be used: " + std::strerror(errno));
  }
  const std::string advice = "; choose a mountpoint outside the backing directory";
  if (same_object(backing_status, mountpoint_status)) {
    fail("the backing directory and the mountpoint are the same directory, " + paths.backing +
         advice);
  }
  if (is_inside(mountpoint.get(), backing_status)) {
    fail("the mountpoint " + paths.mountpoint + " lies inside the backing directory " +
         paths.backing + advice);
  }
  if (is_inside(paths.root.get(), mountpoint_status)) {
    fail("the backing directory " + paths.backing + " lies inside the mountpoint " +
         paths.mountpoint + ", which would hide it; choose another mountpoint");
  }
}

void check_system() {
  if (::access("/dev/fuse", F_OK) != 0) {
    fail(
        "/dev/fuse does not exist, so nothing can be mounted; load the kernel's module with "
        "'modprobe fuse', or give the container the device /dev/fuse");
  }
  if (::access("/proc/self/fd", F_OK) != 0) {
    fail("/proc is not mounted, and zstdfs needs it; mount it with 'mount -t proc proc /proc'");
  }
}

}  // namespace

MountPaths check_mount(const std::string& backing, const std::string& mountpoint) {
  MountPaths paths;
  paths.root = open_backing(backing);
  paths.backing = real_path(backing);
  if (paths.backing.empty()) {
    fail("the backing directory " + backing + " cannot be used: " + std::strerror(errno));
  }
  check_system();
  paths.mountpoint = check_mountpoint(mountpoint);
  check_apart(paths);
  return paths;
}

void detach_former_mount(const MountPaths& paths) {
  // Unlike stat(2), which the kernel may answer, this asks the daemon.
  struct statfs status;
  if (::statfs(paths.mountpoint.c_str(), &status) == 0 || !is_disconnected(errno)) return;
  const auto entry = os::find_mount(os::read_mount_table(), paths.mountpoint);
  if (entry && entry->type == "fuse.zstdfs") detach_dead_mount(paths.mountpoint);
}

}  // namespace zstdfs::fuse
