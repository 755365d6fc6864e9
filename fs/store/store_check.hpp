#pragma once

#include <set>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "fs/store/file_key.hpp"

namespace zstdfs::store {

/// Something about a store's own directory that its owner wants to know.
struct StoreFinding {
  enum class Kind {
    kPending,    ///< the next mount brings it to its end, or drops it with good reason
    kUnclaimed,  ///< a journal file that no file of the store fits; the next mount drops it
    kForeign,    ///< does not belong there
    kMistake,    ///< its owner's; a mount goes on, but otherwise than was meant
    kDamaged,    ///< is not what it has to be, and something is or may be lost
  };
  Kind kind = Kind::kPending;
  std::string path;             ///< below the store's root
  std::string what;             ///< for people
  std::string target;           ///< of a journal file: the file that it is for, where it is or was
  bool blocks_mounts = false;   ///< a journal file that no mount goes past
  bool usable_in_part = false;  ///< the next mount takes up the beginning of this write log
  std::uint32_t dictionary_id = 0;  ///< of a damaged copy of a dictionary
};

/// What `.zstdfs/` tells about a store.
struct StoreInspection {
  std::string id;
  /// The store was not shut down; meaningful only while no daemon owns it.
  bool interrupted = false;
  /// It was, or may have been, the power that went, and not only the daemon that ended.
  bool system_went_down = false;
  bool state_damaged = false;  ///< whether it was is not known
  bool description_damaged = false;
  std::vector<StoreFinding> findings;
  /// Names of journal files: changes that were made safe and wait to be applied.
  std::vector<std::string> journal;
  /// Files that a whole redo file is for: what they hold now means nothing.
  std::set<FileKey> rewritten;
};

/// Looks at everything in `.zstdfs/`, and at the files that journals are about. Changes nothing and
/// follows no link. Throws NewerFormatError, std::system_error.
/// Precondition: the store's lock is held, `.zstdfs` is a directory.
StoreInspection inspect_store(os::Volume& volume);
/// The same for a store whose daemon is at work: without the journal, what is just being made, and
/// how the store was left.
StoreInspection inspect_store_in_use(os::Volume& volume);

}  // namespace zstdfs::store
