// Store: what is done before anybody uses it.
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "fs/store/log.hpp"
#include "fs/store/lost_writes.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_errors.hpp"
#include "fs/store/store_impl.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

// What merging takes, and what a mount needs to begin with.
constexpr std::size_t kSpareDescriptors = 16;
constexpr std::size_t kDescriptorsForALog = 6;

}  // namespace

/// Descriptors for what has to be done when no others are left.
class Store::Impl::SpareDescriptors {
 public:
  explicit SpareDescriptors(os::Volume& volume) : volume_(volume) { take(); }

  void take() { held_ = open(kSpareDescriptors); }
  void give_back() { held_.clear(); }
  /// Enough for taking up a log.
  bool others_are_left() { return open(kDescriptorsForALog).size() == kDescriptorsForALog; }

 private:
  /// As many as there are.
  std::vector<std::unique_ptr<os::File>> open(std::size_t count) {
    std::vector<std::unique_ptr<os::File>> files;
    try {
      while (files.size() < count) {
        auto file = volume_.open(kDescriptionPath, os::OpenMode::kRead);
        if (!file) break;
        files.push_back(std::move(file));
      }
    } catch (const std::system_error&) {
      // Then there are fewer.
    }
    return files;
  }

  os::Volume& volume_;
  std::vector<std::unique_ptr<os::File>> held_;
};

void Store::Impl::load_known_sizes() {
  try {
    if (const auto id = directory.known_sizes()) {
      known_sizes.load(*id);
    } else if (!services.options.read_only) {
      SizesFile::remove(*volume);
    }
  } catch (const std::exception&) {
    // Then the headers tell.
  }
}

void Store::Impl::recover() {
  const auto interruption = services.options.read_only ? std::nullopt : directory.interruption();
  if (interruption) {
    log(LogLevel::kInfo, "the store was not shut down; looking for interrupted writes");
    sync_what_was_left(*volume, services.journal, *interruption);
  }
  TargetFinder finder(*volume);
  apply_redo_files(*volume, services.journal, finder);
  if (interruption) repair_interrupted_files(*volume, *interruption);
  restore_logs(finder);
}

// Where a lower filesystem copies on write, no byte can be changed when there is no room.
void Store::Impl::begin_work() {
  try {
    mark_at_work(take_mark());
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    if (code != ENOSPC && code != EDQUOT) throw;
    if (!directory.interruption()) {
      throw StoreError("there is no room to mark the store as in use: " + error.code().message() +
                       "; make room on the disk, or mount with -o ro");
    }
    // It is marked by the daemon that was interrupted, and the next recovery does as much again.
    log(LogLevel::kWarning,
        "there is no room to write down that what was interrupted is repaired: " +
            error.code().message());
  }
}

void Store::Impl::restore_logs(TargetFinder& finder) {
  SpareDescriptors spare(*volume);
  for (const std::string& name : services.journal.list()) {
    if (!name.ends_with(kLogSuffix)) continue;
    keep_descriptors(spare);
    const auto log_file = services.journal.open(name, os::OpenMode::kRead);
    const auto head = read_journal(name, [&log_file]() -> std::optional<JournalHead> {
      std::uint64_t records_offset = 0;
      if (!log_file) return std::nullopt;
      return read_journal_head(*log_file, JournalKind::kWriteLog, records_offset);
    });
    const auto path = head ? finder.find(*head) : std::nullopt;
    if (path) {
      try {
        if (restore_log(name, *path)) continue;
        const auto backing = volume->open(*path, os::OpenMode::kRead);
        if (backing && may_be_its_log(*backing, head->generation, services.dictionaries)) {
          log(LogLevel::kError,
              *path + ": the file is damaged, so its latest changes stay in journal/" + name +
                  "; unmount, and run zstdfs fsck --repair");
          continue;
        }
        if (backing && stored_generation(*backing) == head->generation) {
          // Nothing in it was promised. It must not fit the frames that come next.
          if (services.options.read_only) continue;
          services.journal.remove(name);
          services.journal.sync_directory();
          continue;
        }
      } catch (const NewerFormatError& error) {
        // Nobody can open the file with this version, so the log can wait for one that can.
        log(LogLevel::kError,
            *path + ": its changes stay in journal/" + name + ": " + error.what());
        continue;
      } catch (const MissingDictionaryError& error) {
        // Nor may the file be opened without them, once the dictionary is there.
        throw StoreError(*path + ": its changes in journal/" + name +
                         " cannot be taken up now: " + error.what());
      } catch (const std::system_error& error) {
        throw std::system_error(
            error.code(), *path + ": its changes in journal/" + name + " cannot be taken up now");
      }
    }
    // It belongs to something that is gone, or to what a loss of power may still bring back.
    if (!services.options.read_only) services.journal.retire(name);
    if (head && !path) {
      log(LogLevel::kInfo, "journal/" + name + ": its file (" + head->target.path_hint +
                               ") is not there any more; its changes are dropped");
    }
  }
}

// Each log that is taken up has two descriptors: a daemon that may have no more of them than the
// one before could not be mounted again.
void Store::Impl::keep_descriptors(SpareDescriptors& spare) {
  if (services.options.read_only || spare.others_are_left()) return;
  spare.give_back();
  for (const FileKey& key : keys(&Entry::is_unused)) settle(key, kAtTheEnd);
  spare.take();
}

bool Store::Impl::restore_log(const std::string& name, const std::string& path) {
  const os::OpenMode mode =
      services.options.read_only ? os::OpenMode::kRead : os::OpenMode::kReadWrite;
  auto backing = volume->open(path, mode);
  if (!backing) return false;
  const struct stat status = backing->stat();
  const FileKey key{status.st_dev, status.st_ino};
  auto file = std::make_shared<StoredFile>(services, key, std::move(backing));
  if (!file->restore_log(name)) return false;
  log(LogLevel::kInfo, path + ": changes from before the interruption were taken up");
  Shard& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  // Where nothing is merged, it is kept until the end: opened again it would be without its log.
  const int handles = services.options.read_only ? 1 : 0;
  shard.entries.insert_or_assign(key, Entry{std::move(file), handles, Clock::now()});
  return true;
}

}  // namespace zstdfs::store
