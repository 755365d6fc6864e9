#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"

namespace zstdfs::tools {

/// What `.zstdfs/` tells about a store.
struct StoreState {
  std::string id;
  /// What is wrong with store.json; empty when nothing is.
  std::string damage;
  /// The store was not unmounted cleanly; meaningful only while no daemon owns it.
  bool interrupted = false;
  /// Names of journal files: changes that were made safe and wait to be applied.
  std::vector<std::string> journal;
};

/// Whether the volume holds a store.
bool has_store(os::Volume& volume);

/// Throws NewerFormatError when the store has a layout newer than store::kStoreFormat,
/// std::system_error. Precondition: has_store(volume).
StoreState read_store_state(os::Volume& volume);

/// "4711 (mount.zstdfs)": a process by number and name.
std::string describe_process(pid_t process);

}  // namespace zstdfs::tools
