// Store: what is done in the background, and at the end.
#include <algorithm>
#include <system_error>
#include <utility>

#include "fs/store/log.hpp"
#include "fs/store/store_impl.hpp"

namespace zstdfs::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kFlushOpenFilesEvery{5};
constexpr seconds kCheckpointEvery{300};
constexpr seconds kLookForPolicyEvery{1};
constexpr seconds kLookAtClockEvery{1};
// Smaller steps are within the margin that recovery leaves.
constexpr seconds kClockStep{1};
constexpr seconds kRetryAfter{30};
constexpr milliseconds kSettlerTick{250};
// The clock that stamps change times ticks every 10 ms at least.
constexpr milliseconds kClockPoll{2};
constexpr int kMostClockPolls = 10;

}  // namespace

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

bool Store::settle_now() {
  bool all = true;
  for (const FileKey& key : impl_->keys(&Impl::Entry::is_unused)) {
    all = impl_->settle(key, Impl::kAtTheEnd) && all;
  }
  return all;
}

bool Store::Impl::commit_open_file(const FileKey& key) {
  const auto file = find(key);
  if (!file) return true;
  try {
    // Of one without a name, what has changed stays in memory as long as anything leads to it.
    if (!file->is_unlinked()) file->flush();
    return true;
  } catch (const std::exception& error) {
    log(LogLevel::kError, "inode " + std::to_string(key.inode) + ": not stored: " + error.what());
    return false;
  }
}

void Store::Impl::flush_open_files() {
  for (const FileKey& key : keys(&Impl::Entry::has_changes)) commit_open_file(key);
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
  bool all = true;
  for (const auto& [bytes, key] : holders) {
    if (!too_much()) break;
    const auto file = find(key);
    if (!file) continue;
    try {
      file->give_up_memory();
    } catch (const std::exception& error) {
      log(LogLevel::kWarning,
          "inode " + std::to_string(key.inode) + ": its changes stay in memory: " + error.what());
      all = false;
    }
  }
  return all;
}

void Store::Impl::checkpoint() {
  if (has_lost_sync || !services.changed.exchange(false)) return;
  const Mark now = take_mark();
  // What a sync could not write, the next one takes for written. After this mount that is written
  // again, if nothing is said to be durable until then.
  has_lost_sync = true;
  services.journal.sync_filesystem();
  has_lost_sync = false;
  mark_at_work(now);
}

std::chrono::nanoseconds Store::Impl::clock_lead() {
  const timespec now = volume->now();
  return seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) -
         Clock::now().time_since_epoch();
}

Store::Impl::Mark Store::Impl::take_mark() {
  // In this order: a clock that is set back in between is followed in vain, and never missed.
  const auto lead = clock_lead();
  return {.since = directory.time_of_change(), .lead = lead};
}

void Store::Impl::mark_at_work(const Mark& since) {
  directory.mark_at_work(since.since);
  mark = since;
}

void Store::Impl::follow_clock() {
  if (!mark) return;
  const auto lead = clock_lead();
  if (mark->lead - lead < kClockStep) return;
  Mark earlier{.since = mark->since, .lead = lead};
  earlier.since.tv_sec -= std::chrono::ceil<seconds>(mark->lead - lead).count();
  mark_at_work(earlier);
}

void Store::Impl::run_settler() {
  auto next_flush = Clock::now() + kFlushOpenFilesEvery;
  auto next_checkpoint = Clock::now() + kCheckpointEvery;
  auto next_relief = Clock::now();
  auto next_policy = Clock::now();
  auto next_clock = Clock::now();
  while (true) {
    {
      MutexLock lock(settler_mutex);
      if (!stopping) settler_wakes.wait_until(settler_mutex, Clock::now() + kSettlerTick);
      if (stopping) return;
    }
    const auto now = Clock::now();
    try {
      const auto due = [&now](const Entry& entry) {
        return entry.is_unused() && entry.settle_at <= now;
      };
      for (const FileKey& key : keys(due)) settle(key, now);
      if (known_sizes.is_much()) known_sizes.write_out();
      if (now >= next_relief && !relieve_memory()) next_relief = now + kRetryAfter;
      if (now >= next_policy) {
        services.policy.refresh();
        next_policy = now + kLookForPolicyEvery;
      }
      if (now >= next_clock) {
        next_clock = now + kRetryAfter;
        follow_clock();
        next_clock = now + kLookAtClockEvery;
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
  for_each_file([this](StoredFile& file) {
    if (file.has_changed_backing()) remember_size(file);
  });
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
  for (const FileKey& key : impl_->keys(&Impl::Entry::has_changes))
    all = impl_->commit_open_file(key) && all;
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
