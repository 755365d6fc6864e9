#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "zstdfs/bytes.hpp"
#include "zstdfs/stream.hpp"

// Patches: what makes a new version of something from an old one. A patch is a zstd frame whose
// matches reach into the old version. `zstd -d --patch-from=OLD` applies what is made here, and
// what `zstd --patch-from=OLD` makes is applied here.
//
// Old and new version are at most 2 GiB each, the largest window of a frame. Where both together
// have more than 3.5 GiB, libzstd forgets the old one before the end of the new one is reached: the
// patch is right, but not small. All functions may run concurrently, and use contexts of their own.

namespace zstdfs {

/// The largest old or new version.
inline constexpr std::uint64_t kMaxPatchableBytes = std::uint64_t{1} << 31;

/// How far it has got, in bytes.
struct PatchProgress {
  std::uint64_t read = 0;     ///< of the new version when a patch is made, of a patch otherwise
  std::uint64_t written = 0;  ///< the other way round
  friend bool operator==(const PatchProgress&, const PatchProgress&) = default;
};

struct PatchOptions {
  /// At most 22. From 16 on it takes much longer and need not make a smaller patch: matches over
  /// long distances, which are most of a patch, are found the same way at all levels.
  int level = 3;
  /// What tells that a patch is applied to another old version. Costs 4 bytes.
  bool write_checksum = true;
  int threads = 0;  ///< worker threads; 0: the caller's; negative: one for each processor
};

struct PatchStreamOptions {
  PatchOptions patch = {};
  /// Bytes of the new version. Absent: the source has to know it.
  std::optional<std::uint64_t> size = std::nullopt;
  std::size_t read_size = 131072;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131591;  ///< the most that the sink is given at a time; not 0
  /// Called after each read was dealt with, and at the end.
  std::function<void(const PatchProgress&)> progress = nullptr;
};

/// Makes the patch from an old to a new version. Throws std::invalid_argument for a version of more
/// than kMaxPatchableBytes or a level above 22, ZstdError.
/// Memory: the tables of the level; those for long distances, which grow with the versions (a 16th
/// of the larger one, with libzstd 1.5.7 and high levels up to half of it); and what a patch may
/// take at most, a little more than the new version.
Bytes make_patch(ByteSpan old_version, ByteSpan new_version, const PatchOptions& options = {});

/// As above, to a sink; closes and flushes nothing. Throws also std::invalid_argument when nobody
/// knows the new version's size, ZstdError when it has another, and what source and sink throw;
/// then the sink holds no whole patch. Memory: all that was read of the new version stays in reach,
/// so it takes as much beside the tables; but neither it nor the patch has to be in memory as a
/// whole before or after.
PatchProgress make_patch(ByteSpan old_version, Source& new_version, Sink& patch,
                         const PatchStreamOptions& options = {});

struct ApplyOptions {
  /// The largest new version that is made. What a patch says of itself is believed only within
  /// what its blocks can hold, and this.
  std::uint64_t max_output_size = kMaxPatchableBytes;
};

struct ApplyStreamOptions {
  /// The largest new version that is made. Absent: kMaxPatchableBytes, but the memory taken for it
  /// (see below) is what four times the old version, or 128 MiB, justify.
  std::optional<std::uint64_t> max_output_size = std::nullopt;
  std::size_t read_size = 131075;   ///< how many bytes the source is asked for at a time; not 0
  std::size_t write_size = 131072;  ///< the most that the sink is given at a time; not 0
  /// Called after each read was dealt with, and at the end.
  std::function<void(const PatchProgress&)> progress = nullptr;
};

/// Makes the new version from the old one and a patch: one frame, and nothing else. Throws
/// ZstdError when it is damaged or not whole, or does not belong to this old version; the latter is
/// certain to be found only where the patch has a checksum. Throws std::invalid_argument for an old
/// version of more than kMaxPatchableBytes.
Bytes apply_patch(ByteSpan old_version, ByteSpan patch, const ApplyOptions& options = {});

/// As above, to a sink; closes and flushes nothing. What was written before an error is no new
/// version: a wrong old version is found at the end only. Passes on what source and sink throw.
/// Memory: a window, which may be as large as the new version.
PatchProgress apply_patch(ByteSpan old_version, Source& patch, Sink& new_version,
                          const ApplyStreamOptions& options = {});

}  // namespace zstdfs
