#include "fs/store/store_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "fs/store/change_times.hpp"
#include "fs/store/journal_codec.hpp"
#include "fs/store/replace_file.hpp"
#include "fs/store/store_errors.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

using nlohmann::json;

constexpr mode_t kDirectoryMode = 0700;
constexpr std::uint64_t kMaxTextBytes = 64u << 10;
// One sector, which disks write as a whole.
constexpr std::size_t kStateBytes = 512;
// Time stamps are taken from a clock that ticks every few milliseconds, and the state has seconds;
// this is generous.
constexpr time_t kClockMarginSeconds = 2;
constexpr const char* kCleanState = "{\"clean\": true}";

/// What zstdfs makes for itself, in the order in which it is needed.
struct OwnPath {
  const char* path;
  bool is_directory;
};
constexpr OwnPath kOwnPaths[] = {{kStoreDirectory, true},
                                 {kLockPath, false},
                                 {kDescriptionPath, false},
                                 {kStatePath, false},
                                 {kJournalDirectory, true}};

/// Refuses with words what somebody put in place of what is ours. (Should it be exchanged after
/// this look, it is refused all the same, but with the words of the system.)
void refuse_what_is_not_ours(os::Volume& volume) {
  for (const auto& [path, is_directory] : kOwnPaths) {
    try {
      const mode_t mode = volume.stat(path).st_mode;
      if (is_directory ? S_ISDIR(mode) : S_ISREG(mode)) continue;
    } catch (const std::system_error& error) {
      if (error.code().value() == ENOENT) continue;
      throw;
    }
    throw StoreError(std::string(path) + " is not a " +
                     (is_directory ? "directory" : "regular file") +
                     ", so zstdfs did not make it; find out who did, and remove it");
  }
}

std::optional<std::string> read_text(os::Volume& volume, const std::string& path) {
  const auto file = volume.open(path, os::OpenMode::kRead);
  if (!file) return std::nullopt;
  if (file->size() > kMaxTextBytes) {
    throw StoreError(path + " is larger than it can be, so zstdfs did not write it; remove it");
  }
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  text.resize(file->read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::string in_one_sector(std::string text) {
  text.resize(kStateBytes - 1, ' ');
  return text + "\n";
}

std::string new_uuid() {
  // A random UUID (version 4), RFC 4122.
  const std::uint64_t a = random_nonce();
  const std::uint64_t b = random_nonce();
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16) & 0xFFFFu, static_cast<unsigned>(a) & 0xFFFu,
                (static_cast<unsigned>(b >> 48) & 0x3FFFu) | 0x8000u,
                static_cast<unsigned long long>(b & 0xFFFFFFFFFFFFull));
  return text;
}

std::string as_iso_8601(const timespec& time) {
  tm parts{};
  gmtime_r(&time.tv_sec, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

bool may_have_changed(const struct stat& status, const Interruption& interruption) {
  const time_t since = std::max(interruption.since.tv_sec, kClockMarginSeconds);
  return !is_before(status.st_ctim, {.tv_sec = since - kClockMarginSeconds, .tv_nsec = 0});
}

bool unsynced_writes_survived(const json& state, os::Volume& volume) {
  const auto is_still = [&state](const char* name, const std::string& now) {
    const auto then = state.find(name);
    return !now.empty() && then != state.end() && *then == now;
  };
  return is_still("boot", volume.boot_id()) && is_still("mount", volume.mount_id());
}

StoreDirectory::StoreDirectory(os::Volume& volume, Locking locking) : volume_(volume) {
  refuse_what_is_not_ours(volume_);
  bool exists = true;
  try {
    volume_.list(kStoreDirectory);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
    exists = false;
  }
  if (!exists && locking == Locking::kWherePossible) return;
  try {
    volume_.make_directory(kStoreDirectory, kDirectoryMode);
    if (locking != Locking::kDoneByCaller) take_lock(locking);
  } catch (const std::system_error& error) {
    if (error.code().value() != EROFS) throw;
    throw StoreError(
        "the filesystem of the backing directory is read-only; make it writable, or mount with "
        "-o ro");
  }
  if (read_text(volume_, kDescriptionPath)) {
    check_format();
  } else {
    create();
  }
}

void StoreDirectory::take_lock(Locking locking) {
  try {
    pid_t holder = 0;
    lock_ = volume_.try_lock(kLockPath, holder);
    if (lock_) return;
    const std::string who = holder > 0 ? "process " + std::to_string(holder) : "another process";
    throw StoreBusyError("the store is in use by " + who +
                         ", which mounts it or works on it with zstdfs; unmount it there, or wait "
                         "for the command");
  } catch (const std::system_error& error) {
    if (locking == Locking::kRequired || error.code().value() != EROFS) throw;
  }
}

void StoreDirectory::create() {
  volume_.make_directory(kJournalDirectory, kDirectoryMode);
  // In a store that lost its store.json only, the state still tells of an interruption.
  if (!volume_.open(kStatePath, os::OpenMode::kRead)) {
    replace_file(volume_, kStatePath, in_one_sector(kCleanState));
  }
  const json description = {
      {"format", kStoreFormat}, {"id", new_uuid()}, {"created", as_iso_8601(volume_.now())}};
  replace_file(volume_, kDescriptionPath, description.dump(2) + "\n");
  volume_.sync_directory("");
}

void StoreDirectory::check_format() {
  const json description = json::parse(*read_text(volume_, kDescriptionPath), nullptr, false);
  if (!description.is_object() || !description.contains("format") ||
      !description["format"].is_number_integer()) {
    throw StoreError(std::string(kDescriptionPath) +
                     " is damaged; restore it from a backup, or if there is none write "
                     "{\"format\": 1} into it: the files describe themselves");
  }
  const auto format = description["format"].get<std::int64_t>();
  if (format > kStoreFormat) {
    throw NewerFormatError("the store has format " + std::to_string(format) +
                           ", this zstdfs knows formats up to " + std::to_string(kStoreFormat) +
                           "; use a newer zstdfs");
  }
  if (format < 1)
    throw StoreError(std::string(kDescriptionPath) + " names a format that never existed");
  volume_.make_directory(kJournalDirectory, kDirectoryMode);
}

json StoreDirectory::read_state() {
  const auto text = read_text(volume_, kStatePath);
  return text ? json::parse(*text, nullptr, false) : json();
}

std::optional<Interruption> StoreDirectory::interruption() {
  // A state that is missing or cannot be read says: anything may have been interrupted.
  Interruption found;
  const json state = read_state();
  if (!state.is_object()) return found;
  try {
    if (state.value("clean", false)) return std::nullopt;
    const auto since = state.value("since", std::int64_t{0});
    found.since.tv_sec = since;
    found.system_went_down = !unsynced_writes_survived(state, volume_);
  } catch (const json::exception&) {
    return {};
  }
  return found;
}

timespec StoreDirectory::time_of_change() {
  try {
    if (const auto file = volume_.open(kStatePath, os::OpenMode::kReadWrite)) {
      file->set_modification_time({.tv_sec = 0, .tv_nsec = UTIME_NOW});
      return file->stat().st_ctim;
    }
  } catch (const std::system_error&) {
    // A full disk may refuse that too.
  }
  return volume_.now();
}

void StoreDirectory::mark_at_work(const timespec& since) {
  const json state = {{"clean", false},
                      {"since", static_cast<std::int64_t>(since.tv_sec)},
                      {"boot", volume_.boot_id()},
                      {"mount", volume_.mount_id()}};
  write_state(state.dump());
}

std::optional<std::uint64_t> StoreDirectory::known_sizes() {
  const json state = read_state();
  const auto id = state.find("sizes");
  if (id == state.end() || !id->is_number_unsigned() || interruption()) return std::nullopt;
  return id->get<std::uint64_t>();
}

void StoreDirectory::mark_clean(std::optional<std::uint64_t> known_sizes) {
  json state = json::parse(kCleanState);
  if (known_sizes) state["sizes"] = *known_sizes;
  write_state(state.dump());
}

void StoreDirectory::write_state(const std::string& json_text) {
  const std::string text = in_one_sector(json_text);
  const auto file = volume_.open(kStatePath, os::OpenMode::kReadWrite);
  if (!file) {
    replace_file(volume_, kStatePath, text);
    return;
  }
  file->write_at(0, std::as_bytes(std::span(text)));
  file->sync(os::SyncKind::kData);
}

}  // namespace zstdfs::store
