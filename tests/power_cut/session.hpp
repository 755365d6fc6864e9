#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/power_cut/mounts.hpp"
#include "tests/power_cut/promises.hpp"
#include "tests/power_cut/recording.hpp"

namespace zstdfs::powercut {

struct SessionOptions {
  std::string filesystem = "ext4";
  std::uint64_t seed = 1;
  /// How long the workloads run, all together.
  double seconds = 9;
  /// They work on the lower filesystem itself: what it does not promise either would show.
  bool native = false;
  /// The daemon's syncs do nothing: the test has to find that.
  bool without_syncs = false;
};

/// The daemon of a store, in the foreground; its output is appended to `output`.
Mount mount_store(const SessionOptions& options, const std::string& backing,
                  const std::string& mountpoint, const std::string& output);

/// Where a recording's files are: the image as it was before, and the recording.
std::string initial_image(const std::string& directory);
std::string recording_file(const std::string& directory);

/// Makes a filesystem in `directory`, and lets all workloads run on a mount of zstdfs on it, which
/// is also killed, unmounted and mounted again meanwhile. Throws when anything of that fails.
void record(const SessionOptions& options, const std::string& directory);

/// What was found at one cut: nothing, if all is well.
using Complaints = std::vector<std::string>;

/// Mounts the disk in `image`, which is changed, as it was found after a loss of power; compares
/// with what was promised; does the same after another mount, and lets fsck look.
Complaints inspect(const SessionOptions& options, const Promises& promises,
                   const std::string& image, const std::string& scratch);

/// Lets the store in `image` recover and settle, and writes down in `recording` what that does.
/// Throws when it fails.
void record_recovery(const SessionOptions& options, const std::string& image,
                     const std::string& recording, const std::string& scratch);

}  // namespace zstdfs::powercut
