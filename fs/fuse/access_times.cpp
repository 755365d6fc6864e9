#include "fs/fuse/access_times.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>

namespace zstdfs::fuse {
namespace {

constexpr time_t kDaySeconds = 24 * 3600;

bool is_after(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/// The kernel's rule for mounts with relatime. A lower filesystem whose own rule is another one
/// does not move the time oftener than that.
bool is_due(const struct stat& status) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return !is_after(status.st_atim, status.st_mtim) || !is_after(status.st_atim, status.st_ctim) ||
         now.tv_sec - status.st_atim.tv_sec >= kDaySeconds;
}

/// Lets the lower filesystem do it, by reading: to set the time would move the change time.
void read_a_byte(const Descriptor& descriptor) {
  const os::UniqueFd fd(
      ::open(DescriptorPath(descriptor).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  char byte = 0;
  if (fd) (void)!::pread(fd.get(), &byte, 1, 0);
}

}  // namespace

void note_opened(Filesystem& fs, OpenFile& handle, int flags) noexcept {
  if ((flags & O_NOATIME) != 0 || fs.options().keep_access_times) {
    handle.skip_access_time();
  } else if ((flags & O_ACCMODE) == O_RDONLY) {
    note_read(fs, handle);
  }
}

void note_read(Filesystem& fs, OpenFile& handle) noexcept {
  if (!handle.is_first_read()) return;
  try {
    const Descriptor descriptor = fs.inodes().descriptor(handle.inode());
    struct stat before;
    if (::fstat(descriptor->get(), &before) != 0 || !is_due(before)) return;
    read_a_byte(descriptor);
    struct stat after;
    if (::fstat(descriptor->get(), &after) == 0 && !is_after(after.st_atim, before.st_atim)) return;
    // The kernel may remember the time from before, as it does not know of this one.
    fs.forget_attributes(handle.inode());
  } catch (const std::exception&) {
    // An access time that does not move harms nobody.
  }
}

}  // namespace zstdfs::fuse
