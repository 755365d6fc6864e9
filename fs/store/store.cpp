#include "fs/store/store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "fs/store/file_services.hpp"
#include "fs/store/known_sizes.hpp"
#include "fs/store/log.hpp"
#include "fs/store/lost_writes.hpp"
#include "fs/store/recovery.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_directory.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kShards = 16;
constexpr seconds kFlushOpenFilesEvery{5};
constexpr seconds kCheckpointEvery{300};
constexpr seconds kLookForPolicyEvery{1};
constexpr seconds kRetryAfter{30};
constexpr milliseconds kSettlerTick{250};
// The clock that stamps change times ticks every 10 ms at least.
constexpr milliseconds kClockPoll{2};
constexpr int kMostClockPolls = 10;
// Settling may wait longer the more it costs: a file that is opened, changed a little and closed
// again and again is not rewritten each time.
constexpr std::uint64_t kMovedBytesPerWaitedMs = 16u << 10;

struct Entry {
  // Shared with those who have the file open, and with the settler while it works on it.
  std::shared_ptr<StoredFile> file;
  int handles = 0;
  Clock::time_point settle_at{};
  bool is_forgotten = false;
};

// For what is done while nobody uses the store.
constexpr Clock::time_point kAtTheEnd = Clock::time_point::max();

bool is_unused(const Entry& entry) {
  return entry.handles == 0;
}
bool has_changes(const Entry& entry) {
  return entry.file->needs_flush();
}

StoreDirectory::Locking locking_for(const StoreOptions& options) {
  if (options.locked_by_caller) return StoreDirectory::Locking::kDoneByCaller;
  return options.read_only ? StoreDirectory::Locking::kWherePossible
                           : StoreDirectory::Locking::kRequired;
}

/// Whether so many bytes may be a container, which has to be asked for its size.
bool may_be_container(const struct stat& lower) {
  return static_cast<std::uint64_t>(lower.st_size) >= kShortHeaderBytes;
}

/// A part of the table of files that are in use.
struct Shard {
  /// Whether a file is not in use, and was not since `opened_before` was read.
  bool is_at_rest_since(std::uint64_t opened_before, const FileKey& key) ZSTDFS_REQUIRES(mutex) {
    return opened == opened_before && !entries.contains(key);
  }

  Mutex mutex;
  std::map<FileKey, Entry> entries ZSTDFS_GUARDED_BY(mutex);
  std::uint64_t opened ZSTDFS_GUARDED_BY(mutex) = 0;  // counts additions
};

}  // namespace

struct Store::Impl {
  Impl(std::unique_ptr<os::Volume> the_volume, const StoreOptions& options)
      : volume(std::move(the_volume)),
        directory(*volume, locking_for(options)),
        services(*volume, options),
        known_sizes(*volume) {}

  using Entries = std::map<FileKey, Entry>;

  Shard& shard_of(const FileKey& key) { return shards[key.inode % kShards]; }

  void recover();
  /// Marks the store as one that is being changed.
  void begin_work();
  void load_known_sizes();
  void restore_logs(TargetFinder& finder);
  /// Returns false when the log does not fit the file.
  bool restore_log(const std::string& name, const std::string& path);
  std::shared_ptr<StoredFile> find(const FileKey& key, std::uint64_t& opened);
  /// The logical size of a file that is not in use, and for how long that holds.
  KnownSize read_size(const os::File& backing);
  /// Takes a file that the store is done with out of the table, and returns it for being destroyed
  /// when the lock is given back.
  std::shared_ptr<StoredFile> remove(Shard& shard, Entries::iterator entry)
      ZSTDFS_REQUIRES(shard.mutex);
  /// Remembers the size of a file that may have been changed, or that it is not known any more.
  void remember_size(StoredFile& file);
  /// Of those that are still open, too; then writes all that is known to the file. Returns its id.
  std::optional<std::uint64_t> keep_known_sizes();
  bool known_sizes_are_past();
  std::vector<FileKey> keys(const std::function<bool(const Entry&)>& wanted);
  /// Settles one file that nobody has open, if its time has come. Returns false after an error.
  bool settle(const FileKey& key, Clock::time_point now);
  bool commit_open_file(const FileKey& key);
  void remove_if_settled(const FileKey& key);
  void flush_open_files();
  /// When the files together hold more in memory than they may, stores what those hold that hold
  /// the most, until they do not. Returns false after an error.
  bool relieve_memory();
  void checkpoint();
  void run_settler();
  void stop_settler();

  const std::unique_ptr<os::Volume> volume;
  StoreDirectory directory;
  FileServices services;
  std::array<Shard, kShards> shards;
  KnownSizes known_sizes;

  Mutex settler_mutex;
  ConditionVariable settler_wakes;
  bool stopping ZSTDFS_GUARDED_BY(settler_mutex) = false;
  std::thread settler;
  bool has_lost_sync = false;  // the settler's until it has ended
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() {
  impl_->stop_settler();
}

std::unique_ptr<Store> Store::open(std::unique_ptr<os::Volume> volume, StoreOptions options) {
  auto impl = std::make_unique<Impl>(std::move(volume), options);
  impl->load_known_sizes();
  impl->recover();
  if (!options.read_only) impl->begin_work();
  if (options.settle_in_background && !options.read_only) {
    impl->settler = std::thread([raw = impl.get()] { raw->run_settler(); });
  }
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

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
    directory.mark_at_work(volume->now());
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
  for (const std::string& name : services.journal.list()) {
    if (!name.ends_with(kLogSuffix)) continue;
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
  shard.entries.insert_or_assign(key, Entry{std::move(file), 0, Clock::now()});
  return true;
}

std::shared_ptr<StoredFile> Store::Impl::find(const FileKey& key, std::uint64_t& opened) {
  Shard& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  opened = shard.opened;
  const auto found = shard.entries.find(key);
  return found == shard.entries.end() ? nullptr : found->second.file;
}

std::shared_ptr<StoredFile> Store::open_file(FileKey key, ForWriting for_writing,
                                             const Opener& open_backing) {
  Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  auto found = shard.entries.find(key);
  if (found == shard.entries.end()) {
    ++shard.opened;
    auto file = std::make_shared<StoredFile>(impl_->services, key, open_backing());
    found = shard.entries.emplace(key, Entry{std::move(file), 0, {}}).first;
  } else if (for_writing == ForWriting::kYes && !found->second.file->can_write()) {
    found->second.file->use_writable(open_backing());
  }
  ++found->second.handles;
  return found->second.file;
}

std::shared_ptr<StoredFile> Store::open_known_file(FileKey key) {
  Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  ++found->second.handles;
  return found->second.file;
}

void Store::close_file(const std::shared_ptr<StoredFile>& file) {
  std::shared_ptr<StoredFile> last;  // destroyed after the lock is given back
  const std::uint64_t cost = file->needs_settling() ? file->settling_cost() : 0;
  Shard& shard = impl_->shard_of(file->key());
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(file->key());
  ZSTDFS_ASSERT(found != shard.entries.end() && found->second.handles > 0);
  Entry& entry = found->second;
  if (--entry.handles > 0) return;
  if (!file->needs_settling() && !file->needs_flush()) {
    last = impl_->remove(shard, found);
    return;
  }
  entry.settle_at = Clock::now() + milliseconds(impl_->services.options.settle_after_ms +
                                                cost / kMovedBytesPerWaitedMs);
}

bool Store::compresses(const std::string& path, const struct stat& status) {
  const bool in_it = S_ISDIR(status.st_mode);
  const std::string file = !in_it ? path : path.empty() ? "file" : path + "/file";
  const auto bytes = in_it ? 0 : static_cast<std::uint64_t>(status.st_size);
  return impl_->services.policy.settings_for(file, status, bytes).form ==
         Settings::Form::kCompressed;
}

void Store::retire_dictionary(std::uint32_t id, bool retired) {
  impl_->services.policy.retire_dictionary(id, retired);
  if (!retired) {
    impl_->services.dictionaries.forget(id);  // It may have been removed.
    return;
  }
  try {
    // Who decided before ends first.
    for (const FileKey& key : impl_->keys([](const Entry&) { return true; })) {
      std::uint64_t opened = 0;
      const auto file = impl_->find(key, opened);
      if (!file) continue;
      file->finish_changes();
    }
    refuse_unnamed_use(id);
  } catch (...) {
    impl_->services.policy.retire_dictionary(id, false);
    throw;
  }
}

void Store::refuse_unnamed_use(std::uint32_t id) {
  if (id == 0) return;
  for (const FileKey& key : impl_->keys([](const Entry&) { return true; })) {
    std::uint64_t opened = 0;
    const auto file = impl_->find(key, opened);
    if (file && file->is_unlinked() && file->uses_dictionary(id)) {
      throw std::system_error(EBUSY, std::generic_category(), "a removed file is still open");
    }
  }
}

std::uint64_t Store::moved_names() const {
  const std::uint64_t begun = moves_begun_;
  while (moves_ended_ < begun) std::this_thread::sleep_for(milliseconds(1));
  return begun;
}

void Store::directories_changed() {
  impl_->services.policy.directories_changed();
}

void Store::name_changed(FileKey key) {
  std::uint64_t opened = 0;
  // In this order: what is stored just now hides first, and then looks.
  if (const auto file = impl_->find(key, opened)) file->name_changed();
  impl_->services.change_times.show(key);
}

void Store::unlinked(FileKey key) {
  std::uint64_t opened = 0;
  const auto file = impl_->find(key, opened);
  if (!file) return;
  try {
    // Its number must not become another file's as long as this is known by it.
    file->keep_open();
  } catch (const std::system_error& error) {
    log(LogLevel::kWarning, "inode " + std::to_string(key.inode) +
                                ", which was unlinked, cannot be kept open: " + error.what());
  }
}

void Store::forgotten(FileKey key) noexcept {
  Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end() || found->second.handles > 0) return;
  try {
    if (!found->second.file->is_unlinked()) return;
  } catch (const std::exception&) {
    return;  // It is kept until the end, then.
  }
  found->second.is_forgotten = true;
  found->second.settle_at = Clock::now();
}

Store::Presence Store::present(struct stat& status, const StatusReader& read_status,
                               const Opener& open_backing) {
  if (!S_ISREG(status.st_mode)) return Presence::kAtRest;
  const FileKey key{status.st_dev, status.st_ino};
  while (true) {
    std::uint64_t opened_before = 0;
    if (const auto file = impl_->find(key, opened_before)) {
      status = file->present();
      return Presence::kInUse;
    }
    // What the caller knows may be from the middle of a change that has ended since.
    read_status(status);
    const struct stat lower = status;
    std::optional<KnownSize> learned;
    if (may_be_container(status)) {
      if (const auto known = impl_->known_sizes.find(status)) {
        status.st_size = static_cast<off_t>(known->logical_bytes);
      } else {
        try {
          if (const auto backing = open_backing()) learned = impl_->read_size(*backing);
        } catch (const std::exception&) {
          // A file that cannot be read shows its stored size; reading it says what is wrong.
        }
      }
    }
    // Had somebody opened it meanwhile, this may have been read in the middle of a change.
    Shard& shard = impl_->shard_of(key);
    MutexLock lock(shard.mutex);
    if (!shard.is_at_rest_since(opened_before, key)) continue;
    if (learned) {
      status.st_size = static_cast<off_t>(learned->logical_bytes);
      impl_->known_sizes.put(lower, *learned);
    }
    break;
  }
  status.st_ctim = impl_->services.change_times.visible(key, status.st_ctim);
  return Presence::kAtRest;
}

KnownSize Store::Impl::read_size(const os::File& backing) {
  Bytes head(kContainerHeaderBytes);
  head.resize(backing.read_at(0, head));
  const std::uint64_t stored_bytes = backing.size();
  if (!has_container_signature(head)) return {stored_bytes};
  const auto header = decode_container_header(head);
  if (header && header->is_sealed_for(stored_bytes)) {
    return {header->logical_bytes};
  }
  return {logical_size(backing, services.dictionaries), KnownSize::Lasts::kThisMount};
}

SizeAtRest Store::size_at_rest(const struct stat& before) {
  SizeAtRest size{{before.st_dev, before.st_ino}, 0, before.st_size, {}};
  if (!S_ISREG(before.st_mode) || impl_->find(size.key, size.opened)) return size;
  if (may_be_container(before)) size.known = impl_->known_sizes.find(before);
  return size;
}

void Store::keep_size(const SizeAtRest& size, const struct stat& after) {
  if (!size.known || after.st_size != size.stored_bytes) return;
  Shard& shard = impl_->shard_of(size.key);
  MutexLock lock(shard.mutex);
  if (!shard.is_at_rest_since(size.opened, size.key)) return;
  if (after.st_nlink > 0) {
    impl_->known_sizes.put(after, *size.known);
  } else {
    impl_->known_sizes.forget(after);
  }
}

std::vector<FileKey> Store::Impl::keys(const std::function<bool(const Entry&)>& wanted) {
  std::vector<FileKey> found;
  for (Shard& shard : shards) {
    MutexLock lock(shard.mutex);
    for (const auto& [key, entry] : shard.entries) {
      if (wanted(entry)) found.push_back(key);
    }
  }
  return found;
}

bool Store::Impl::settle(const FileKey& key, Clock::time_point now) {
  std::shared_ptr<StoredFile> file;
  bool is_forgotten = false;
  Shard& shard = shard_of(key);
  {
    MutexLock lock(shard.mutex);
    const auto found = shard.entries.find(key);
    if (found == shard.entries.end() || found->second.handles > 0) return true;
    if (found->second.settle_at > now) return true;
    file = found->second.file;
    is_forgotten = found->second.is_forgotten || now == kAtTheEnd;
  }
  try {
    if (file->is_unlinked()) {
      if (!is_forgotten) return true;  // A descriptor may still lead to it: see forgotten().
      file->discard();
    } else {
      file->settle();
    }
    remove_if_settled(key);
    return true;
  } catch (const std::exception& error) {
    log(LogLevel::kWarning, "inode " + std::to_string(key.inode) + ": not merged yet: " +
                                error.what() + "; its changes stay in the journal");
  }
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found != shard.entries.end()) found->second.settle_at = Clock::now() + kRetryAfter;
  return false;
}

void Store::Impl::remove_if_settled(const FileKey& key) {
  std::shared_ptr<StoredFile> last;
  Shard& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end() || found->second.handles > 0) return;
  const StoredFile& file = *found->second.file;
  if (file.needs_settling() || file.needs_flush()) return;
  last = remove(shard, found);
}

std::shared_ptr<StoredFile> Store::Impl::remove(Shard& shard, Entries::iterator entry) {
  std::shared_ptr<StoredFile> file = std::move(entry->second.file);
  // Before somebody else can open and change it.
  if (file->has_changed_backing()) remember_size(*file);
  shard.entries.erase(entry);
  return file;
}

void Store::Impl::remember_size(StoredFile& file) {
  struct stat lower {};
  lower.st_dev = file.key().device;
  lower.st_ino = file.key().inode;
  try {
    const FileAtRest rest = file.at_rest();
    lower = rest.lower;
    if (!may_be_container(lower)) return;
    if (rest.logical_bytes && lower.st_nlink > 0) {
      known_sizes.put(lower, {*rest.logical_bytes});
      return;
    }
  } catch (const std::system_error&) {
    // It may be gone.
  }
  known_sizes.forget(lower);
}

StatisticsReport Store::statistics() {
  FileServices& services = impl_->services;
  StatisticsReport report = services.statistics.report();
  for (Shard& shard : impl_->shards) {
    MutexLock lock(shard.mutex);
    for (const auto& [key, entry] : shard.entries) {
      ++(is_unused(entry) ? report.unmerged_files : report.open_files);
    }
  }
  report.change_bytes = services.overlay_bytes;
  report.cache_bytes = services.cache.bytes();
  report.journal_files = services.journal.list().size();
  return report;
}

bool Store::settle_now() {
  bool all = true;
  for (const FileKey& key : impl_->keys(is_unused)) {
    all = impl_->settle(key, kAtTheEnd) && all;
  }
  return all;
}

bool Store::Impl::commit_open_file(const FileKey& key) {
  std::uint64_t opened = 0;
  const auto file = find(key, opened);
  if (!file) return true;
  try {
    if (!file->is_unlinked()) file->flush();  // Otherwise nobody will read it after its last close.
    return true;
  } catch (const std::exception& error) {
    log(LogLevel::kError, "inode " + std::to_string(key.inode) + ": not stored: " + error.what());
    return false;
  }
}

void Store::Impl::flush_open_files() {
  for (const FileKey& key : keys(has_changes)) commit_open_file(key);
}

bool Store::Impl::relieve_memory() {
  const auto too_much = [this] { return services.overlay_bytes > services.options.overlay_bytes; };
  if (!too_much()) return true;
  std::vector<std::pair<std::uint64_t, FileKey>> holders;
  for (Shard& shard : shards) {
    MutexLock lock(shard.mutex);
    for (const auto& [key, entry] : shard.entries) {
      if (entry.file->held_bytes() > 0) holders.emplace_back(entry.file->held_bytes(), key);
    }
  }
  std::sort(holders.begin(), holders.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [bytes, key] : holders) {
    if (!too_much()) break;
    std::uint64_t opened = 0;
    const auto file = find(key, opened);
    if (!file) continue;
    try {
      file->give_up_memory();
    } catch (const std::exception& error) {
      log(LogLevel::kWarning,
          "inode " + std::to_string(key.inode) + ": its changes stay in memory: " + error.what());
      return false;
    }
  }
  return true;
}

void Store::Impl::checkpoint() {
  if (has_lost_sync || !services.changed.exchange(false)) return;
  const timespec now = volume->now();
  // What a sync could not write, the next one takes for written. After this mount that is written
  // again, if nothing is said to be durable until then.
  has_lost_sync = true;
  services.journal.sync_filesystem();
  has_lost_sync = false;
  directory.mark_at_work(now);
}

void Store::Impl::run_settler() {
  auto next_flush = Clock::now() + kFlushOpenFilesEvery;
  auto next_checkpoint = Clock::now() + kCheckpointEvery;
  auto next_relief = Clock::now();
  auto next_policy = Clock::now();
  while (true) {
    {
      MutexLock lock(settler_mutex);
      if (!stopping) settler_wakes.wait_until(settler_mutex, Clock::now() + kSettlerTick);
      if (stopping) return;
    }
    const auto now = Clock::now();
    try {
      const auto due = [&now](const Entry& entry) {
        return is_unused(entry) && entry.settle_at <= now;
      };
      for (const FileKey& key : keys(due)) settle(key, now);
      if (known_sizes.is_much()) known_sizes.write_out();
      if (now >= next_relief && !relieve_memory()) next_relief = now + kRetryAfter;
      if (now >= next_policy) {
        services.policy.refresh();
        next_policy = now + kLookForPolicyEvery;
      }
      if (now >= next_flush) {
        flush_open_files();
        next_flush = now + kFlushOpenFilesEvery;
      }
      if (now >= next_checkpoint) {
        checkpoint();
        next_checkpoint = now + kCheckpointEvery;
      }
    } catch (const std::exception& error) {
      log(LogLevel::kError, std::string("background work: ") + error.what());
    }
  }
}

void Store::Impl::stop_settler() {
  {
    MutexLock lock(settler_mutex);
    stopping = true;
    settler_wakes.notify_all();
  }
  if (settler.joinable()) settler.join();
}

std::optional<std::uint64_t> Store::Impl::keep_known_sizes() {
  for (const FileKey& key : keys([](const Entry&) { return true; })) {
    std::uint64_t opened = 0;
    const auto file = find(key, opened);
    if (file && file->has_changed_backing()) remember_size(*file);
  }
  return known_sizes.write_out();
}

// What is known of a file is believed by the next mount as long as the file has the change time it
// has now. So whoever changes one after this mount must not do it within the same tick.
bool Store::Impl::known_sizes_are_past() {
  for (int poll = 0; poll < kMostClockPolls; ++poll) {
    if (known_sizes.is_older_than(volume->now())) return true;
    std::this_thread::sleep_for(kClockPoll);
  }
  return false;
}

bool Store::shut_down() {
  impl_->stop_settler();
  if (impl_->services.options.read_only) return true;
  bool all = true;
  for (const FileKey& key : impl_->keys(has_changes)) all = impl_->commit_open_file(key) && all;
  all = settle_now() && all;
  const auto known_sizes = impl_->keep_known_sizes();
  try {
    impl_->services.journal.sync_filesystem();
    const bool hold = impl_->known_sizes_are_past();
    // What could not be stored may have been stored in part, which the next mount looks after.
    if (all && !impl_->has_lost_sync)
      impl_->directory.mark_clean(hold ? known_sizes : std::nullopt);
  } catch (const std::system_error& error) {
    log(LogLevel::kError, std::string("the store could not be synced: ") + error.what());
    return false;
  }
  return all;
}

}  // namespace zstdfs::store
