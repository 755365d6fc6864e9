#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/store_directory.hpp"

namespace zstdfs::store {

/// Calls `on_file` with the path and status of each regular file of the store that is not zstdfs's
/// own. What cannot be looked at is logged and left out, also where `on_file` throws an error of
/// the system; then the result is false.
bool for_each_file(os::Volume& volume,
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

/// Goes through the files that changed since the interruption: cuts off what was being appended and
/// never became whole, and writes seek table and header for the rest.
void repair_interrupted_files(os::Volume& volume, const Interruption& interruption);

}  // namespace zstdfs::store
