#include "fs/store/known_sizes.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "fs/store/change_times.hpp"
#include "fs/store/log.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::store {
namespace {

// What attributes can say.
constexpr auto kMostLogicalBytes = std::uint64_t{std::numeric_limits<off_t>::max()};

std::uint64_t check_of(const struct stat& lower) {
  const std::uint64_t fields[] = {lower.st_ino, static_cast<std::uint64_t>(lower.st_ctim.tv_sec),
                                  static_cast<std::uint64_t>(lower.st_ctim.tv_nsec),
                                  static_cast<std::uint64_t>(lower.st_size)};
  return hash64(std::as_bytes(std::span(fields)));
}

/// As the filesystems stamp that count in seconds: there, a change after the mount may get the same
/// time. On others, hardly any file has it.
bool has_whole_second(const struct stat& lower) {
  return lower.st_ctim.tv_nsec == 0;
}

}  // namespace

KnownSizes::KnownSizes(os::Volume& volume, const Limits& limits)
    : volume_(volume), limits_(limits), device_(volume.stat("").st_dev) {}

void KnownSizes::load(std::uint64_t id) {
  MutexLock lock(mutex_);
  try {
    file_ = SizesFile::open(volume_, id);
  } catch (const std::exception&) {
    // Then the headers tell.
  }
}

std::optional<KnownSize> KnownSizes::find(const struct stat& lower) {
  if (!is_own(lower)) return std::nullopt;
  const std::uint64_t check = check_of(lower);
  MutexLock lock(mutex_);
  const auto learned = learned_.find(lower.st_ino);
  if (learned != learned_.end()) {
    return learned->second.check == check ? learned->second.size : std::nullopt;
  }
  if (!file_) return std::nullopt;
  try {
    const auto entry = file_->find(lower.st_ino);
    if (entry && entry->check == check && entry->logical_bytes <= kMostLogicalBytes) {
      return KnownSize{entry->logical_bytes};
    }
  } catch (const std::exception&) {
    file_.reset();
  }
  return std::nullopt;
}

void KnownSizes::put(const struct stat& lower, const KnownSize& size) {
  if (!is_own(lower)) return;
  const std::uint64_t check = check_of(lower);
  MutexLock lock(mutex_);
  if (is_before(newest_, lower.st_ctim)) newest_ = lower.st_ctim;
  learn(lower.st_ino, {check, size, has_whole_second(lower)});
}

void KnownSizes::forget(const struct stat& lower) {
  if (!is_own(lower)) return;
  MutexLock lock(mutex_);
  if (file_) {
    learn(lower.st_ino, {0, std::nullopt, false});
  } else {
    learned_.erase(lower.st_ino);
  }
}

void KnownSizes::learn(std::uint64_t inode, const Learned& learned) {
  try {
    if (learned_.size() >= 2 * limits_.learned) forget_all();
    learned_.insert_or_assign(inode, learned);
  } catch (const std::exception&) {
    forget_all();
  }
}

// What was learned counts against the file: without it, the file cannot be believed.
void KnownSizes::forget_all() {
  learned_.clear();
  file_.reset();
}

bool KnownSizes::is_much() {
  MutexLock lock(mutex_);
  return learned_.size() >= limits_.learned;
}

std::optional<std::uint64_t> KnownSizes::write_out() {
  MutexLock lock(mutex_);
  try {
    if (!learned_.empty()) {
      std::vector<SizeEntry> changes;
      changes.reserve(learned_.size());
      for (const auto& [inode, learned] : learned_) {
        changes.push_back(
            {inode, learned.check, learned.lasts() ? learned.size->logical_bytes : kNoSize});
      }
      std::ranges::sort(changes, {}, &SizeEntry::inode);
      if (file_ && file_->entries() + changes.size() > limits_.in_file) file_.reset();
      file_ = SizesFile::replace(volume_, file_.get(), changes);
      learned_.clear();
    }
    return file_ ? std::optional(file_->id()) : std::nullopt;
  } catch (const std::exception& error) {
    log(LogLevel::kInfo, std::string("the sizes of files are not kept: ") + error.what());
  }
  forget_all();
  try {
    SizesFile::remove(volume_);
  } catch (const std::exception&) {
    // It has an id that nobody asks for.
  }
  return std::nullopt;
}

bool KnownSizes::is_older_than(const timespec& now) {
  MutexLock lock(mutex_);
  return is_before(newest_, now);
}

}  // namespace zstdfs::store
