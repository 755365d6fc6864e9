#include "tools/daemon_statistics.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "fs/store/control.hpp"
#include "tools/mount_map.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {

DaemonStatistics ask_daemon(const std::string& path) {
  const auto mount_point = find_mount_point(path);
  if (!mount_point) throw std::runtime_error("is not on a mount of zstdfs");
  const os::UniqueFd mount = open_directory(AT_FDCWD, *mount_point, FollowLinks::kYes);
  const auto answer = std::make_unique<store::StatisticsAnswer>();
  if (::ioctl(mount.get(), store::kStatistics, answer.get()) != 0) {
    if (errno != ENOTTY) throw std::system_error(errno, std::generic_category());
    throw std::runtime_error(
        "the daemon of this mount is of another version than this program: unmount and mount "
        "again, or use the program of that version");
  }
  const std::size_t bytes = std::min<std::size_t>(answer->bytes, sizeof answer->text);
  return {*mount_point, store::decode_report(std::string_view(answer->text, bytes))};
}

}  // namespace zstdfs::tools
