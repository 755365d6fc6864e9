#include "fs/os/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <string_view>

#include "fs/os/posix_error.hpp"

namespace zstdfs::os {
namespace {

/// How often a walk is repeated that the kernel gave up because of renames at the same time.
constexpr int kMaxWalkRetries = 64;

/// Calls `visit` for each name of the path, until it returns false.
template <typename Visit>
bool for_each_name(std::string_view path, Visit visit) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (!name.empty() && name != "." && !visit(name, path)) return false;
  }
  return true;
}

/// The errno for a path that is refused whatever lies on the disk; 0 for a good one. Refusing ".."
/// by its letters costs nobody anything, and makes both ways to walk agree.
int error_of_form(const std::string& path) {
  if (path.find('\0') != std::string::npos) return EINVAL;
  if (path.starts_with('/')) return EXDEV;
  const auto not_up = [](std::string_view name, std::string_view) { return name != ".."; };
  return for_each_name(path, not_up) ? 0 : EXDEV;
}

/// openat2 has no wrapper in the C libraries that zstdfs is built with.
int openat2(int root, const char* path, int flags, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<decltype(how.flags)>(flags | O_CLOEXEC);
  // Unlike openat, it refuses a mode that would not be used.
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(
      retry_interrupted([&] { return ::syscall(SYS_openat2, root, path, &how, sizeof(how)); }));
}

bool is_link(int directory, const std::string& name) {
  struct stat status = {};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

UniqueFd open_in_kernel(int root, const std::string& path, int flags, mode_t mode) {
  for (int i = 0;; ++i) {
    UniqueFd fd(openat2(root, path.empty() ? "." : path.c_str(), flags, mode));
    if (fd || errno != EAGAIN || i == kMaxWalkRetries) return fd;
  }
}

UniqueFd open_by_component(int root, const std::string& path, int flags, mode_t mode) {
  UniqueFd directory;
  UniqueFd found;
  std::string last = ".";
  const auto at = [&] { return directory ? directory.get() : root; };
  const bool walked = for_each_name(path, [&](std::string_view name, std::string_view rest) {
    if (rest.empty()) {
      last = name;
      return true;
    }
    const std::string step(name);
    UniqueFd next(::openat(at(), step.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      if (errno == ENOTDIR) errno = is_link(at(), step) ? ELOOP : ENOTDIR;
      return false;
    }
    directory = std::move(next);
    return true;
  });
  if (!walked) return {};
  UniqueFd fd(retry_interrupted(
      [&] { return ::openat(at(), last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode); }));
  if (!fd && errno == ENOTDIR) errno = is_link(at(), last) ? ELOOP : ENOTDIR;
  return fd;
}

}  // namespace

PathWalk probe_path_walk(int root) {
  // Container sandboxes answer EPERM to system calls that they do not know. Whatever the reason is:
  // if the root cannot be opened this way, the other way has the better error.
  const UniqueFd fd(openat2(root, ".", O_PATH | O_DIRECTORY, 0));
  return fd ? PathWalk::kInKernel : PathWalk::kByComponent;
}

ParentAndName split_path(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) throw_error(EINVAL, "a name is needed");
  const std::size_t slash = path.rfind('/', end);
  if (slash == std::string::npos) return {.parent = "", .name = path.substr(0, end + 1)};
  // An absolute path keeps its slash, so that it is refused.
  return {.parent = path.substr(0, slash == 0 ? 1 : slash),
          .name = path.substr(slash + 1, end - slash)};
}

UniqueFd open_beneath(int root, const std::string& path, int flags, mode_t mode, PathWalk walk) {
  if (const int error = error_of_form(path); error != 0) {
    errno = error;
    return {};
  }
  // The kernel takes no longer path; but files lie as deep as somebody makes directories.
  const bool in_kernel = walk == PathWalk::kInKernel && path.size() < PATH_MAX;
  return in_kernel ? open_in_kernel(root, path, flags, mode)
                   : open_by_component(root, path, flags, mode);
}

}  // namespace zstdfs::os
