#include "tests/soak/small_disk.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::soak {

SmallDisk::SmallDisk(const std::string& scratch, const std::string& filesystem, unsigned megabytes)
    : path_(scratch + "/disk") {
  const std::string options = filesystem == "ext4" ? "-q -F -m 0" : "-q -f";
  const mounttest::Ended made = mounttest::shell(
      "truncate -s \"$2\"M \"$1/image\"; mkfs.\"$3\" $4 \"$1/image\"; mkdir \"$1/disk\"; "
      "mount -o loop \"$1/image\" \"$1/disk\"; mkdir \"$1/disk/store\"",
      {scratch, std::to_string(megabytes), filesystem, options});
  if (!made.ok()) throw std::runtime_error("no small disk: " + made.output);
}

SmallDisk::~SmallDisk() {
  mounttest::unmount(path_);
}

void SmallDisk::leave_free(std::uint64_t bytes) {
  const mounttest::Fd filler = mounttest::open_file(path_ + "/filler", O_RDWR | O_CREAT);
  struct statvfs space {};
  mounttest::check(::fstatvfs(filler.get(), &space), "statvfs");
  const std::uint64_t free = space.f_bavail * space.f_frsize;
  const auto taken = static_cast<std::uint64_t>(mounttest::status_of(filler.get()).st_size);
  if (free > bytes) {
    // That this finds no room after all is just as well.
    (void)::fallocate(filler.get(), 0, static_cast<off_t>(taken), static_cast<off_t>(free - bytes));
  } else {
    const std::uint64_t wanted = bytes - free;
    const std::uint64_t left = taken > wanted ? taken - wanted : 0;
    mounttest::check(::ftruncate(filler.get(), static_cast<off_t>(left)), "truncate the filler");
  }
}

}  // namespace zstdfs::soak
