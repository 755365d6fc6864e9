#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zstdfs::os {

/// One mount of this process's mount namespace.
struct MountEntry {
  std::string device;  ///< "major:minor"
  std::string root;    ///< which directory of the filesystem is shown: "/" but for bind mounts
  std::string mountpoint;
  std::string type;
  std::string source;
};

/// Reads lines in the form of /proc/PID/mountinfo; what is not one is left out.
std::vector<MountEntry> parse_mount_table(std::string_view text);

/// The mounts there are now, in the order in which they were made.
std::vector<MountEntry> read_mount_table();

/// The mount that is on top at this path.
std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     const std::string& mountpoint);

}  // namespace zstdfs::os
