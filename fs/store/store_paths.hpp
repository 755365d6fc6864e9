#pragma once

#include <string>

// What zstdfs keeps for itself: docs/format.md, "Store directory". Paths are below the store's
// root, as an os::Volume takes them.

namespace zstdfs::store {

/// The only name in the root that is invisible through the mount.
inline constexpr const char* kStoreDirectory = ".zstdfs";

inline constexpr const char* kDescriptionPath = ".zstdfs/store.json";
inline constexpr const char* kStatePath = ".zstdfs/state";
inline constexpr const char* kLockPath = ".zstdfs/lock";
inline constexpr const char* kJournalDirectory = ".zstdfs/journal";
inline constexpr const char* kPolicyPath = ".zstdfs/policy.json";
inline constexpr const char* kDictionaryDirectory = ".zstdfs/dicts";
inline constexpr const char* kKnownSizesPath = ".zstdfs/sizes";
/// Where a file of LostAndFound is made; one that is still there was left by an interrupted repair.
inline constexpr const char* kUnfinishedCopyPath = ".zstdfs/repair.new";

/// Where a file is made that is to replace the one at `path`.
inline std::string unfinished_path(const std::string& path) {
  return path + ".new";
}

/// The journal file of this name.
inline std::string path_in_journal(const std::string& name) {
  return std::string(kJournalDirectory) + "/" + name;
}

}  // namespace zstdfs::store
