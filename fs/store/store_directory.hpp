#pragma once

#include <time.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "fs/os/volume.hpp"

namespace zstdfs::store {

inline constexpr int kStoreFormat = 1;

/// How the daemon before was interrupted.
struct Interruption {
  timespec since{};  ///< what changed from then on may not have reached the disk
  /// False: only the daemon ended; all it wrote is there. True also where merely the lower
  /// filesystem went, or nobody knows.
  bool system_went_down = true;
};

/// Whether a file with this status may have changed after the interruption's `since`.
bool may_have_changed(const struct stat& status, const Interruption& interruption);

/// Whether everything is still there that had been written when `state`, an object, became the
/// store's state, synced or not. Also false when nobody knows.
bool unsynced_writes_survived(const nlohmann::json& state, os::Volume& volume);

/// The store's own directory: store.json, the lock, and the mark that says whether a daemon is, or
/// was until it was interrupted, at work. docs/format.md, "Store directory".
///
/// Thread safety: one thread at a time.
class StoreDirectory {
 public:
  enum class Locking {
    kRequired,
    kWherePossible,  ///< a read-only lower filesystem has none
    kDoneByCaller,
  };
  /// Takes the lock and reads store.json; makes both when the directory is new, but not
  /// `.zstdfs/` itself where nothing can be locked.
  /// Throws StoreBusyError, StoreError, NewerFormatError, std::system_error.
  StoreDirectory(os::Volume& volume, Locking locking);

  /// Set when the store was not shut down.
  std::optional<Interruption> interruption();
  /// The id of the file of known sizes (SizesFile) that the store was shut down with; nothing when
  /// there was none, or when it was not shut down.
  std::optional<std::uint64_t> known_sizes();
  /// What the lower filesystem stamps on a change now, by its own clock: that of this system may be
  /// ahead of it where another one stamps. Changes a time of the state's file to find out.
  timespec time_of_change();
  /// From now on the store counts as interrupted until mark_clean(). Durable when they return;
  /// neither needs new space on the disk.
  void mark_at_work(const timespec& since);
  void mark_clean(std::optional<std::uint64_t> known_sizes);

 private:
  void take_lock(Locking locking);
  void create();
  void check_format();
  /// The state as JSON; not an object when it is missing or cannot be read.
  nlohmann::json read_state();
  void write_state(const std::string& json_text);

  os::Volume& volume_;
  std::unique_ptr<os::VolumeLock> lock_;
};

}  // namespace zstdfs::store
