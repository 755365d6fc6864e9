#include "fs/store/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include "fs/store/log.hpp"
#include "fs/store/store_paths.hpp"

namespace zstdfs::store {
namespace {

constexpr mode_t kJournalMode = 0600;
// No journal counts so far; so counting on from a name that somebody made up never overflows.
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

/// The number in a journal file's name; nothing when it is not one.
std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, number);
  const std::string suffix(rest, end);
  if (error != std::errc{} || (suffix != kLogSuffix && suffix != kRedoSuffix)) return std::nullopt;
  if (number > kMaxNumber) return std::nullopt;
  return number;
}

}  // namespace

bool is_journal_name(const std::string& name) {
  return number_of(name).has_value();
}

Journal::Journal(os::Volume& volume) : volume_(volume) {
  for (const std::string& name : list()) {
    next_number_ = std::max(next_number_.load(), *number_of(name) + 1);
  }
}

std::unique_ptr<os::File> Journal::create(const std::string& suffix, std::string& name) {
  while (true) {
    name = std::to_string(next_number_++) + suffix;
    try {
      return volume_.create(path_in_journal(name), kJournalMode);
    } catch (const std::system_error& error) {
      // Something that is not ours has the name.
      if (error.code().value() != EEXIST) throw;
    }
  }
}

std::unique_ptr<os::File> Journal::open(const std::string& name, os::OpenMode mode) {
  return volume_.open(path_in_journal(name), mode);
}

std::string Journal::set_aside(const std::string& name) {
  std::string aside = name + ".refused";
  volume_.rename(path_in_journal(name), path_in_journal(aside));
  sync_directory();
  return aside;
}

void Journal::remove(const std::string& name) {
  volume_.remove(path_in_journal(name));
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
  std::vector<std::string> left;
  for (const std::string& name : retired) {
    try {
      remove(name);
    } catch (const std::system_error& error) {
      log(LogLevel::kWarning,
          path_in_journal(name) + " cannot be removed yet: " + error.code().message());
      left.push_back(name);
    }
  }
  MutexLock lock(mutex_);
  retired_.erase(retired_.begin(), retired_.begin() + static_cast<std::ptrdiff_t>(retired.size()));
  retired_.insert(retired_.end(), left.begin(), left.end());
}

void Journal::sync_directory() {
  volume_.sync_directory(kJournalDirectory);
}

std::vector<std::string> Journal::list() {
  std::vector<std::string> names;
  for (const os::DirectoryEntry& entry : volume_.list(kJournalDirectory)) {
    if (!number_of(entry.name)) continue;
    if (entry.type == os::DirectoryEntry::Type::kRegular) {
      names.push_back(entry.name);
    } else {
      log(LogLevel::kWarning, path_in_journal(entry.name) +
                                  " is not a regular file, so zstdfs did not " +
                                  "make it; it is left alone");
    }
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return *number_of(a) < *number_of(b);
  });
  return names;
}

}  // namespace zstdfs::store
