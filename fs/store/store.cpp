#include "fs/store/store.hpp"

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "fs/store/log.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_impl.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

using std::chrono::milliseconds;

// Settling may wait longer the more it costs: a file that is opened, changed a little and closed
// again and again is not rewritten each time.
constexpr std::uint64_t kMovedBytesPerWaitedMs = 16u << 10;

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() {
  impl_->stop_settler();
}

StoreDirectory::Locking Store::Impl::locking_for(const StoreOptions& options) {
  if (options.locked_by_caller) return StoreDirectory::Locking::kDoneByCaller;
  return options.read_only ? StoreDirectory::Locking::kWherePossible
                           : StoreDirectory::Locking::kRequired;
}

bool Store::Impl::may_be_container(const struct stat& lower) {
  return static_cast<std::uint64_t>(lower.st_size) >= kShortHeaderBytes;
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

std::shared_ptr<StoredFile> Store::Impl::find(const FileKey& key, std::uint64_t& opened) {
  Shard& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  opened = shard.opened;
  const auto found = shard.entries.find(key);
  return found == shard.entries.end() ? nullptr : found->second.file;
}

std::shared_ptr<StoredFile> Store::Impl::find(const FileKey& key) {
  std::uint64_t opened = 0;
  return find(key, opened);
}

void Store::Impl::for_each_file(const std::function<void(StoredFile&)>& look) {
  for (const FileKey& key : keys([](const Entry&) { return true; })) {
    if (const auto file = find(key)) look(*file);
  }
}

std::shared_ptr<StoredFile> Store::open_file(FileKey key, ForWriting for_writing,
                                             const Opener& open_backing) {
  Impl::Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  auto found = shard.entries.find(key);
  if (found == shard.entries.end()) {
    ++shard.opened;
    auto file = std::make_shared<StoredFile>(impl_->services, key, open_backing());
    found = shard.entries.emplace(key, Impl::Entry{std::move(file), 0, {}}).first;
  } else if (for_writing == ForWriting::kYes && !found->second.file->can_write()) {
    found->second.file->use_writable(open_backing());
  }
  ++found->second.handles;
  return found->second.file;
}

std::shared_ptr<StoredFile> Store::open_known_file(FileKey key) {
  Impl::Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  ++found->second.handles;
  return found->second.file;
}

void Store::close_file(const std::shared_ptr<StoredFile>& file) {
  std::shared_ptr<StoredFile> last;  // destroyed after the lock is given back
  std::uint64_t cost = 0;
  try {
    if (file->needs_settling()) cost = file->settling_cost();
  } catch (const std::exception&) {
    // Frames cannot be read: settling will say so.
  }
  Impl::Shard& shard = impl_->shard_of(file->key());
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(file->key());
  ZSTDFS_ASSERT(found != shard.entries.end() && found->second.handles > 0);
  Impl::Entry& entry = found->second;
  if (--entry.handles > 0) return;
  if (!file->needs_settling() && !file->needs_flush()) {
    last = impl_->remove(shard, found);
    return;
  }
  entry.settle_at = Impl::Clock::now() + milliseconds(impl_->services.options.settle_after_ms +
                                                      cost / kMovedBytesPerWaitedMs);
}

bool Store::compresses(const std::string& path, const struct stat& status) {
  const bool in_it = S_ISDIR(status.st_mode);
  const std::string file = !in_it ? path : path.empty() ? "file" : path + "/file";
  const auto bytes = in_it ? 0 : static_cast<std::uint64_t>(status.st_size);
  return impl_->services.policy.settings_for(file, status, bytes).form ==
         Settings::Form::kCompressed;
}

void Store::retire_dictionary(std::uint32_t id) {
  impl_->services.policy.retire_dictionary(id);
  try {
    // Who decided before ends first.
    impl_->for_each_file([](StoredFile& file) { file.finish_changes(); });
    refuse_unnamed_use(id);
  } catch (...) {
    impl_->services.policy.use_dictionary_again(id);
    throw;
  }
}

void Store::use_dictionary_again(std::uint32_t id) {
  impl_->services.policy.use_dictionary_again(id);
  impl_->services.dictionaries.forget(id);  // It may have been removed.
}

void Store::refuse_unnamed_use(std::uint32_t id) {
  if (id == 0) return;
  impl_->for_each_file([id](StoredFile& file) {
    if (file.is_unlinked() && file.uses_dictionary(id)) {
      throw std::system_error(EBUSY, std::generic_category(), "a removed file is still open");
    }
  });
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
  // In this order: what is stored just now hides first, and then looks.
  if (const auto file = impl_->find(key)) file->name_changed();
  impl_->services.change_times.show(key);
}

void Store::unlinked(FileKey key) {
  const auto file = impl_->find(key);
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
  Impl::Shard& shard = impl_->shard_of(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end() || found->second.handles > 0) return;
  try {
    if (!found->second.file->is_unlinked()) return;
  } catch (const std::exception&) {
    return;  // It is kept until the end, then.
  }
  found->second.is_forgotten = true;
  found->second.settle_at = Impl::Clock::now();
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
    if (Impl::may_be_container(status)) {
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
    Impl::Shard& shard = impl_->shard_of(key);
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
  const ContainerPrefix head(backing);
  const std::uint64_t stored_bytes = backing.size();
  if (!head.is_container()) return {stored_bytes};
  const auto header = decode_container_header(head.bytes());
  if (header && header->is_sealed_for(stored_bytes)) {
    return {header->logical_bytes};
  }
  return {logical_size(backing, services.dictionaries), KnownSize::Lasts::kThisMount};
}

SizeAtRest Store::size_at_rest(const struct stat& before) {
  SizeAtRest size{{before.st_dev, before.st_ino}, 0, before.st_size, {}};
  if (!S_ISREG(before.st_mode) || impl_->find(size.key, size.opened)) return size;
  if (Impl::may_be_container(before)) size.known = impl_->known_sizes.find(before);
  return size;
}

void Store::keep_size(const SizeAtRest& size, const struct stat& after) {
  if (!size.known || after.st_size != size.stored_bytes) return;
  Impl::Shard& shard = impl_->shard_of(size.key);
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
  for (Impl::Shard& shard : impl_->shards) {
    MutexLock lock(shard.mutex);
    for (const auto& [key, entry] : shard.entries) {
      ++(entry.is_unused() ? report.unmerged_files : report.open_files);
    }
  }
  report.change_bytes = services.overlay_bytes;
  report.cache_bytes = services.cache.bytes();
  report.journal_files = services.journal.list().size();
  return report;
}

}  // namespace zstdfs::store
