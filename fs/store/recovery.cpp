#include "fs/store/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "fs/os/sync.hpp"
#include "fs/store/dictionaries.hpp"
#include "fs/store/frame_checks.hpp"
#include "fs/store/log.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/store_errors.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

/// Does `look`. Returns false when that failed for another reason than that there is something else
/// now than there was; that is logged.
bool look_or_log(const std::string& path, const std::function<void()>& look) {
  try {
    look();
    return true;
  } catch (const std::system_error& error) {
    switch (error.code().value()) {
      case ENOENT:
      case ELOOP:
      case ENOTDIR:
      case EISDIR:
      case EINVAL:  // not a regular file
      case ENXIO:   // a socket
        return true;
      default:
        break;
    }
    log(LogLevel::kError, path + ": not looked at: " + error.code().message());
    return false;
  }
}

/// A journal can be about any file but zstdfs's own, by the path that we would have written.
bool is_fit_for_target(const std::string& path) {
  if (path.empty()) return false;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = path.find('/', begin);
    const std::string name = path.substr(begin, end - begin);
    if (name.empty() || name == "." || name == "..") return false;
    if (begin == 0 && name == kStoreDirectory) return false;
    if (end == std::string::npos) return true;
    begin = end + 1;
  }
}

/// Content that does not depend on the seek table: how many frames are whole, from the first one
/// that was not vouched for on.
std::size_t count_whole_frames(const os::File& file, const LoadedContainer& container,
                               const DictionarySource& dictionaries) {
  for (std::size_t i = 0; i < container.index.size(); ++i) {
    const FrameEntry& frame = container.index[i];
    if (frame.stored_offset < container.header.durable_bytes) continue;
    if (!verifies(file, frame, dictionaries)) return i;
  }
  return container.index.size();
}

/// Whether a container whose header is damaged has nothing else that is: all frames are whole, up
/// to the end of the file or a seek table, and the seek table says the same. Reads all of it.
bool is_otherwise_whole(const os::File& file, const LoadedContainer& container,
                        const DictionarySource& dictionaries) {
  const LoadedContainer scanned = scan_container(file, ScanTrust::kNothing, dictionaries);
  return scanned.damage.empty() &&
         scanned.index.logical_bytes() == container.index.logical_bytes() &&
         count_whole_frames(file, container, dictionaries) == container.index.size();
}

void say_left_as_it_is(const std::string& path, const LoadedContainer& container) {
  log(LogLevel::kError, path + ": damaged, left as it is: " + container.damage +
                            "; unmount, and run zstdfs fsck --repair");
}

/// Writes seek table and header for the container's frames, and cuts off what follows.
void write_ends(os::File& file, LoadedContainer& container) {
  const timespec modified = file.stat().st_mtim;
  if (container.index.empty()) {
    file.truncate(0);
  } else {
    const Bytes table = seal(container.header, container.index, container.header.durable_bytes);
    file.write_at(container.index.frames_end(), table);
    file.truncate(container.header.stored_bytes);
    file.write_at(0, encode_container_header(container.header));
  }
  file.set_modification_time(modified);
}

/// Repairs one container, if an interruption left something to repair. With `verify` set, not even
/// a container that looks finished is trusted beyond what was vouched for.
void repair(os::File& file, const std::string& path, bool verify,
            const DictionarySource& dictionaries) {
  LoadedContainer container = load_container(file, dictionaries);
  if (container.sealed && !verify) return;
  if (!container.header_intact) {
    // No interruption does that, and it said what was vouched for: so nothing may be cut off.
    if (!is_otherwise_whole(file, container, dictionaries)) {
      return say_left_as_it_is(path, container);
    }
    // A write log that was for it shall still fit.
    container.header.generation = stored_generation(file);
  }
  // What was vouched for is damaged, and no interruption does that. Beyond it, losing power leaves
  // any mixture of old and new: a header without its frames, a table without its header.
  const bool vouched_damaged = container.index.frames_end() < container.header.durable_bytes;
  const bool cut_short = !verify && container.index.logical_bytes() < container.logical_bytes;
  if (!container.sealed && (vouched_damaged || cut_short)) {
    return say_left_as_it_is(path, container);
  }
  if (verify) {
    const std::size_t whole = count_whole_frames(file, container, dictionaries);
    if (container.sealed && whole == container.index.size()) return;
    container.index.keep_first(whole);
  }
  write_ends(file, container);
  log(LogLevel::kWarning, path + ": an interrupted write was repaired; the file has " +
                              std::to_string(container.index.logical_bytes()) + " bytes");
}

/// Returns false when the redo file cannot be from here. Throws when it cannot be applied now.
bool apply_or_set_aside(Journal& journal, const std::string& name, os::File& redo,
                        const RedoContent& content, os::File& target, const std::string& path) {
  try {
    complete_rewrite(journal, redo, content, target);
    return true;
  } catch (const std::system_error& error) {
    const std::string what = "journal/" + name + ", a rewrite of " + path + ",";
    if (error.code().value() != EFBIG) {
      throw std::system_error(error.code(), what + " cannot be completed now");
    }
    // A daemon makes sure of the file's new size before it vouches for the redo file.
    log(LogLevel::kError, what +
                              " makes it larger than a file can be here: not applied, and set "
                              "aside as journal/" +
                              journal.set_aside(name));
    return false;
  }
}

/// Whether a file was a container until the power went and took the block with its header: where a
/// lower filesystem lets a file's size survive without its data, zeros are there instead.
bool lost_its_header(const os::File& file) {
  Bytes beginning(kContainerHeaderBytes);
  if (file.read_at(0, beginning) < beginning.size()) return false;
  return all_zeros(beginning) && read_container_table(file).has_value();
}

}  // namespace

bool for_each_file(os::Volume& volume,
                   const std::function<void(const std::string&, const struct stat&)>& on_file) {
  bool complete = true;
  std::vector<std::string> directories = {""};
  while (!directories.empty()) {
    const std::string directory = std::move(directories.back());
    directories.pop_back();
    std::vector<os::DirectoryEntry> entries;
    complete &= look_or_log(directory, [&] { entries = volume.list(directory); });
    for (const os::DirectoryEntry& entry : entries) {
      if (directory.empty() && entry.name == kStoreDirectory) continue;
      const std::string path = join(directory, entry.name);
      if (entry.type == os::DirectoryEntry::Type::kDirectory) directories.push_back(path);
      if (entry.type != os::DirectoryEntry::Type::kRegular) continue;
      complete &= look_or_log(path, [&] { on_file(path, volume.stat(path)); });
    }
  }
  return complete;
}

std::optional<std::string> TargetFinder::find(const JournalHead& head) {
  const JournalTarget& target = head.target;
  if (is_fit_for_target(target.path_hint)) {
    try {
      const auto file = volume_.open(target.path_hint, os::OpenMode::kRead);
      if (file && file->identity() == target.identity) return target.path_hint;
    } catch (const std::system_error&) {
      // Something else lies there now; the file may have been moved.
    }
  }
  if (!by_identity_) {
    by_identity_.emplace();
    saw_all_ = for_each_file(volume_, [this](const std::string& path, const struct stat&) {
      const auto file = volume_.open(path, os::OpenMode::kRead);
      if (file) by_identity_->emplace(file->identity(), path);
    });
  }
  const auto found = by_identity_->find(target.identity);
  if (found != by_identity_->end()) return found->second;
  if (is_copy(head)) return target.path_hint;
  if (saw_all_) return std::nullopt;
  // What the journal holds was promised: better no mount than one without it.
  throw StoreError("the journal holds changes of a file (" + target.path_hint +
                   ") that is not found, and it may be among those that could not be looked at; "
                   "see the messages before, and make them readable for zstdfs");
}

// Copied with its store, or out of a backup, a file is another one, but the same container.
bool TargetFinder::is_copy(const JournalHead& head) {
  if (head.generation == 0 || !is_fit_for_target(head.target.path_hint)) return false;
  try {
    const auto file = volume_.open(head.target.path_hint, os::OpenMode::kRead);
    return file && stored_generation(*file) == head.generation;
  } catch (const std::system_error&) {
    return false;  // Something else lies there.
  } catch (const NewerFormatError&) {
    return false;
  }
}

void complete_rewrite(Journal& journal, os::File& redo, const RedoContent& content,
                      os::File& target) {
  // A killed daemon may have left it in the page cache only, even after a sync that failed. Were
  // the power to go half way through, it would be gone, and what it leads away from too.
  os::write_again(redo, {0, redo.size()});
  redo.sync(os::SyncKind::kData);
  journal.sync_directory();
  // Where there are some, content is only stored anew.
  target.keep_privileges([&] {
    reserve(target, content.target_bytes);
    renew_pages(redo, content, target);
    apply_redo(redo, content, target);
  });
  target.sync(os::SyncKind::kDataAndTimes);
}

void apply_redo_files(os::Volume& volume, Journal& journal, TargetFinder& finder) {
  bool removed = false;
  for (const std::string& name : journal.list()) {
    if (!name.ends_with(kRedoSuffix)) continue;
    const auto redo = journal.open(name, os::OpenMode::kReadWrite);
    const auto content =
        read_journal(name, [&redo] { return redo ? read_redo(*redo) : std::nullopt; });
    if (content) {
      const auto path = finder.find(content->head);
      const auto target = path ? volume.open(*path, os::OpenMode::kReadWrite) : nullptr;
      if (target) {
        if (!apply_or_set_aside(journal, name, *redo, *content, *target, *path)) continue;
        log(LogLevel::kInfo, *path + ": an interrupted rewrite was completed");
      } else {
        // Before it goes, so must what it could be needed for.
        volume.sync_filesystem();
        log(LogLevel::kInfo, "journal/" + name + ": its file (" + content->head.target.path_hint +
                                 ") was deleted; dropped");
      }
    } else if (redo && !looks_unfinished(*redo)) {
      log(LogLevel::kWarning, "journal/" + name +
                                  ", a rewrite, is not whole: it was interrupted before it began, "
                                  "or is damaged; dropped. zstdfs scrub tells whether a file is "
                                  "damaged");
    }
    journal.remove(name);
    removed = true;
  }
  if (removed) journal.sync_directory();
}

void repair_interrupted_files(os::Volume& volume, const Interruption& interruption) {
  const Dictionaries dictionaries(volume);
  for_each_file(volume, [&](const std::string& path, const struct stat& status) {
    if (!may_have_changed(status, interruption)) return;
    try {
      const auto file = volume.open(path, os::OpenMode::kReadWrite);
      if (!file) return;
      // With a header that vouches for nothing it is repaired as any other.
      if (interruption.system_went_down && lost_its_header(*file)) {
        file->write_at(0, encode_container_header({}));
      }
      if (is_container(*file)) {
        repair(*file, path, interruption.system_went_down, dictionaries);
      }
    } catch (const std::exception& error) {
      log(LogLevel::kError, path + ": not repaired: " + error.what());
    }
  });
  volume.sync_filesystem();
}

}  // namespace zstdfs::store
