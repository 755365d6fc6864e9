#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "fs/os/posix.hpp"
#include "tools/stored_form.hpp"
#include "tools/tree_walk.hpp"

namespace zstdfs::tools {

/// What some files take. Holes and stored zeros count as nothing in what they would take without
/// compression: a native file keeps holes without blocks as well, so a saving is never overstated.
struct Totals {
  std::uint64_t files = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t disk_bytes = 0;
  /// What the lower filesystem would need for the same files without compression.
  std::uint64_t uncompressed_disk_bytes = 0;
  /// The same counted in bytes rather than blocks.
  std::uint64_t uncompressed_bytes = 0;
  /// What of disk_bytes lies behind the files' ends, in their last blocks.
  std::uint64_t slack_bytes = 0;

  Totals& operator+=(const Totals& other);
  /// What is saved on disk: negative when compression costs more than it gives.
  std::int64_t saved_disk_bytes() const;
  /// The same counted in bytes: what stored files take when they are sent or archived.
  std::int64_t saved_bytes() const;
};

/// A file that was counted. The references hold during the call only.
struct CountedFile {
  const WalkEntry& entry;
  const RandomAccessSource& stored;
  const StoredForm& form;
  const Totals& totals;
  std::uint64_t block_bytes = 0;  ///< of the filesystem that it is on
};

struct Usage {
  Totals container;
  Totals raw;
  std::uint64_t directories = 0;
  std::uint64_t others = 0;       ///< symbolic links, named pipes, sockets, devices
  std::uint64_t block_bytes = 0;  ///< of the filesystem that the directory is on
  /// Of .zstdfs/; nothing where only its owner may look into it.
  std::optional<std::uint64_t> store_disk_bytes = 0;
  std::uint64_t damaged = 0;
  std::uint64_t failures = 0;

  Totals all() const {
    Totals sum = container;
    return sum += raw;
  }
};

struct UsageObserver {
  /// Told about each file, once whatever number of names it has; may be empty.
  std::function<void(const CountedFile&)> counted;
  /// Told what could not be examined, by its whole path, and why.
  std::function<void(const std::string& path, const std::string& why)> failed;
};

/// Counts what lies below an open directory, which is `stored_root`. Throws std::system_error.
Usage count_usage(os::UniqueFd directory, const std::string& stored_root,
                  const UsageObserver& observer);

}  // namespace zstdfs::tools
