#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/store_directory.hpp"
#include "zstdfs/dictionary_source.hpp"

namespace zstdfs::store {

/// How much of a store was looked at.
enum class Seen {
  kAll,
  kAllPermitted,  ///< all that the daemon's user may see
  kNotAll,
};

/// Calls `on_file` with the path and status of each regular file of the store that is not zstdfs's
/// own. What cannot be looked at is logged and left out, also where `on_file` throws an error of
/// the system.
Seen for_each_file(os::Volume& volume,
                   const std::function<void(const std::string&, const struct stat&)>& on_file);

/// Finds the files that journals are about: where they were last, or by looking at every file. In a
/// store that was copied those of write logs are other files, but of the same generation, where
/// they were last.
class TargetFinder {
 public:
  explicit TargetFinder(os::Volume& volume) : volume_(volume) {}

  /// The path of the target now; nothing when the store does not hold it any more. Throws
  /// StoreError when that cannot be told.
  std::optional<std::string> find(const JournalHead& head);

 private:
  bool is_copy(const JournalHead& head);

  os::Volume& volume_;
  std::optional<std::map<std::string, std::string>> by_identity_;  // filled when first needed
  bool saw_all_ = true;                                            // nothing is missing in it
};

/// Brings one rewrite to its end, and leaves the redo file, which can go then. May be called again.
void complete_rewrite(Journal& journal, os::File& redo, const RedoContent& content,
                      os::File& target);

/// Brings the rewrites to their end that an interrupted daemon had begun, and removes redo files
/// that are not whole. Throws StoreError or std::system_error when that cannot be done now: nothing
/// is lost, but the store must not be used.
void apply_redo_files(os::Volume& volume, Journal& journal, TargetFinder& finder);

/// Cuts off what was being appended to a file and never became whole, and writes seek table and
/// header for the rest. May be called again. Throws what keeps that from being done or found out.
void repair_interrupted_file(os::Volume& volume, const std::string& path,
                             const Interruption& interruption,
                             const DictionarySource& dictionaries);

/// Does that with all files that changed since the interruption. Returns false when it could not be
/// done with each of them, which is logged.
bool repair_interrupted_files(os::Volume& volume, const Interruption& interruption);

}  // namespace zstdfs::store
