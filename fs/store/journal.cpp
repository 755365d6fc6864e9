#include "fs/store/journal.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace zstdfs::store {
namespace {

constexpr const char* kJournalDirectory = ".zstdfs/journal";
constexpr mode_t kJournalMode = 0600;

std::string path_of(const std::string& name) {
  return std::string(kJournalDirectory) + "/" + name;
}

/// The number in a journal file's name; nothing when it is not one.
std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, number);
  const std::string suffix(rest, end);
  if (error != std::errc{} || (suffix != kLogSuffix && suffix != kRedoSuffix)) return std::nullopt;
  return number;
}

}  // namespace

Journal::Journal(os::Volume& volume) : volume_(volume) {
  for (const std::string& name : list()) {
    next_number_ = std::max(next_number_.load(), *number_of(name) + 1);
  }
}

std::unique_ptr<os::File> Journal::create(const std::string& suffix, std::string& name) {
  name = std::to_string(next_number_++) + suffix;
  return volume_.create(path_of(name), kJournalMode);
}

std::unique_ptr<os::File> Journal::open(const std::string& name, os::OpenMode mode) {
  return volume_.open(path_of(name), mode);
}

void Journal::remove(const std::string& name) {
  volume_.remove(path_of(name));
}

void Journal::retire(const std::string& name) {
  MutexLock lock(mutex_);
  retired_.push_back(name);
}

void Journal::sync_filesystem() {
  std::vector<std::string> retired;
  {
    MutexLock lock(mutex_);
    retired = retired_;
  }
  volume_.sync_filesystem();
  for (const std::string& name : retired) remove(name);
  MutexLock lock(mutex_);
  retired_.erase(retired_.begin(), retired_.begin() + static_cast<std::ptrdiff_t>(retired.size()));
}

void Journal::sync_directory() {
  volume_.sync_directory(kJournalDirectory);
}

std::vector<std::string> Journal::list() {
  std::vector<std::string> names;
  for (const os::DirectoryEntry& entry : volume_.list(kJournalDirectory)) {
    if (number_of(entry.name)) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return *number_of(a) < *number_of(b);
  });
  return names;
}

}  // namespace zstdfs::store
